"""Generators and discriminators as a restoration uses them: the library's networks, or callables for others."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from everymode.restoration.resampling import Size

Groups = Callable[[nn.Module], Sequence[tuple[str, Iterable[nn.Parameter]]]]
"""Generator -> (name, parameters) of its first layer, of each block and, last, of its output head."""
Critic = nn.Module | Callable[[Tensor], Sequence[Tensor]]
"""A discriminator with `block_features(x)`, or a function images [B, C, H, W] -> features [B, ...], shallow to deep."""

Label = int | tuple[int, ...] | Tensor | None
"""A class number, one number per label block, int64 labels, or None."""


def features_of(discriminator: Critic, x: Tensor) -> Sequence[Tensor]:
    """Return the discriminator's features of images, shallow to deep.

    Args:
        discriminator: as in `restore`.
        x: [B, C, H, W].
    Raises:
        ValueError: if it has no `block_features`, and does not return a sequence of tensors when called.
    """
    block_features: Callable[[Tensor], Sequence[Tensor]] | None = getattr(
        discriminator, "block_features", None
    )
    features: Any = discriminator(x) if block_features is None else block_features(x)
    usable = isinstance(features, tuple | list) and all(isinstance(each, Tensor) for each in features)
    if not usable or not features:
        raise ValueError(
            f"{type(discriminator).__name__} returns {type(features).__name__}; pass a discriminator with "
            "block_features(x), or a function from images to a tuple of features, shallow to deep"
        )
    return features


def groups_of(
    generator: nn.Module, groups: Groups | None, *, train_output: bool, train_embedding: bool
) -> list[list[nn.Parameter]]:
    """Return the parameters that a restoration may train, by layer group.

    Args:
        generator: a generator.
        groups: as in `restore`; None for the generator's `layer_groups()`.
        train_output: whether the last group, the output head, is among them.
        train_embedding: whether the label embedding is added to the first group.
    Raises:
        ValueError: if the generator has no `layer_groups()` and none are passed, or no embedding to train.
    """
    if groups is None:
        own = getattr(generator, "layer_groups", None)
        if own is None:
            raise ValueError(
                f"{type(generator).__name__} has no layer_groups(); use a generator of images from z, or pass groups=, "
                "a function from the generator to (name, parameters) of its first layer, its blocks and its output head"
            )
        named = own()
    else:
        named = groups(generator)
    selected = [list(parameters) for _, parameters in named]
    selected = selected if train_output else selected[:-1]
    if not selected:
        raise ValueError("the generator has no layer group besides its output head; pass train_output=True")
    if train_embedding:
        embedding = _embedding_parameters(generator)
        if not embedding:
            raise ValueError(
                f"train_embedding is set, but {type(generator).__name__} has no label embedding outside its blocks; "
                "omit it"
            )
        selected[0] += embedding
    return selected


def _embedding_parameters(generator: nn.Module) -> list[nn.Parameter]:
    own: Callable[[], list[nn.Parameter]] | None = getattr(generator, "embedding_parameters", None)
    if own is not None:
        return own()
    shared = getattr(generator, "shared", None)
    return list(shared.parameters()) if isinstance(shared, nn.Module) else []


def copy_for_fitting(generator: nn.Module, groups: Sequence[Sequence[nn.Parameter]]) -> nn.Module:
    """Return a copy of the generator in eval mode, none of whose parameters is trained yet.

    Args:
        generator: the generator, which does not change.
        groups: its layer groups, whose parameters must be its own.
    Raises:
        ValueError: if a parameter is in several groups, or is not the generator's.
    """
    parameters = [parameter for group in groups for parameter in group]
    known = {id(parameter) for parameter in generator.parameters()}
    if len({id(parameter) for parameter in parameters}) < len(parameters):
        raise ValueError("a parameter is in several layer groups; list each parameter once")
    if not all(id(parameter) in known for parameter in parameters):
        raise ValueError(
            "the layer groups hold parameters that are not the generator's; list its own parameters"
        )
    copied = copy.deepcopy(generator).eval().requires_grad_(False)
    copied.zero_grad(set_to_none=True)
    return copied


@contextmanager
def frozen(network: object) -> Iterator[None]:
    """Put a network into eval mode without gradients of its parameters, and restore both at the end.

    Args:
        network: a network; other callables are left as they are.
    """
    if not isinstance(network, nn.Module):
        yield
        return
    modes = {module: module.training for module in network.modules()}
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    try:
        network.eval().requires_grad_(False)
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
        for parameter in trained:
            parameter.requires_grad_(True)


def generate(generator: nn.Module, z: Tensor, label: Tensor | None, size: Size | None) -> Tensor:
    """Return the generator's images; the size is passed on unless it is None, as other generators may take none.

    Args:
        generator: called as generator(z, label) or generator(z, label, size).
        z: [B, latent_dim].
        label: int64 [B] or [B, blocks], or None.
        size: (height, width), or None.
    """
    return generator(z, label) if size is None else generator(z, label, size)


def latent_like(generator: nn.Module) -> Tensor:
    """Return an empty tensor of the type and on the device of the generator's parameters."""
    first = next(generator.parameters(), None)
    return torch.empty(0) if first is None else first.detach().new_empty(0)


def label_batch(
    label: Label, count: int, device: torch.device, num_classes: int | tuple[int, ...] | None = None
) -> Tensor | None:
    """Return a label as int64 [count] or [count, blocks].

    Args:
        label: None; a class number; a tuple with one number per label block; or a tensor [1], [count], [1, blocks] or
            [count, blocks].
        count: number of rows.
        device: device of the result.
        num_classes: number of classes, or one per label block, below which the numbers must be; None if unknown.
    Raises:
        ValueError: if it is anything else, or a number is out of range.
    """
    if label is None:
        return None
    try:
        tensor = label if isinstance(label, Tensor) else torch.tensor([label])
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"the label is {label!r}; pass a class number, or a tuple with one number per label block"
        ) from error
    tensor = tensor.reshape(1) if tensor.dim() == 0 else tensor
    if tensor.is_floating_point() or tensor.dim() > 2 or len(tensor) not in (1, count):
        raise ValueError(
            f"the label is {label!r}; pass a class number, a tuple with one number per label block, or int64 labels "
            f"[{count}] or [{count}, blocks]"
        )
    if num_classes is not None:
        most = torch.tensor(num_classes, device=tensor.device)
        if tensor.shape[1:] != most.shape or bool(((tensor < 0) | (tensor >= most)).any()):
            raise ValueError(
                f"the label is {tensor.tolist()}, but the generator has {num_classes} classes; pass numbers from 0 on "
                "and below that, one per label block"
            )
    return tensor.to(device, torch.int64).expand(count, *tensor.shape[1:])
