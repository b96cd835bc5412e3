"""Weight rules, and their application to all convolutions, linear layers and embeddings of a network.

A rule maps a layer and the grid it acts on to a parametrization, which replaces the layer's weight by a normalized one.
Parametrizations of one group (see `Groupable`) are evaluated in one batched computation before each call of the
network. If a layer runs outside such a call (`discriminator.features(x)`, or `discriminator.forward(x)`, which skips
hooks), it computes its weight by itself, with the same rule. A parametrization that depends on the grid (see
`FollowsGrid`) receives the grid whenever the layer is applied.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, cast, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from everymode.norms.left_out import check_layers, require_own_weights, warn_of_others
from everymode.norms.normalizable import Normalizable, not_compiled, weight_parametrizations

Grid = tuple[int, int]
"""(height, width) of the maps that a layer is applied to."""
WeightRule = Callable[[Normalizable, Grid], nn.Module | None]
"""(layer, grid) -> parametrization of the layer's weight, or None to leave the layer unnormalized."""

_GROUPS = "_normalization_groups"
"""Attribute of a network: the paths of the parametrizations of each group."""


class Groupable(nn.Module):
    """A parametrization whose normalized weight can be computed together with others of its class.

    While the network's forward runs, `prepared` holds the normalized weight. Otherwise it is None, and `forward`
    computes the weight by itself. A subclass implements `group_key` and `normalize_together`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.prepared: Tensor | None = None

    def forward(self, weight: Tensor) -> Tensor:
        if self.prepared is not None:
            return self.prepared
        return self.normalize_together([self], [weight])[0]

    def group_key(self, weight: Tensor) -> Hashable:
        """Return the key of this layer's group: layers with equal keys are normalized in one computation."""
        raise NotImplementedError(f"{type(self).__name__} does not implement group_key(weight)")

    def normalize_together(self, members: Sequence[Groupable], weights: Sequence[Tensor]) -> Sequence[Tensor]:
        """Return the normalized weights of the members (the first of which is `self`), in their order.

        All members have the class and the `group_key` of `self`.
        """
        raise NotImplementedError(
            f"{type(self).__name__} does not implement normalize_together(members, weights)"
        )


@runtime_checkable
class FollowsGrid(Protocol):
    """A parametrization whose normalized weight depends on the grid, and that can change to another grid."""

    def follow_grid(self, grid: Grid, weight: Tensor) -> None:
        """Change to the grid that the layer is about to be applied to; `weight` is the stored, unnormalized weight."""
        ...


def normalize_weights(
    network: nn.Module,
    rule: WeightRule,
    *example: object,
    include: Callable[[str, nn.Module], bool] | None = None,
) -> nn.Module:
    """Normalize the weights of all two-dimensional convolutions, linear layers and embeddings by a rule, in place.

    Other layers with weight matrices (Conv1d, Bilinear, attention's in_proj, recurrent layers, ...) are named in one
    UserWarning, unless `include` excludes them. If an error is raised, no layer has changed.

    The grid of a convolution is the height and width of its input, measured in one dry forward on `example` in eval
    mode, without gradients; no buffer changes. A layer that fuses a convolution with resampling returns the grid of
    the convolution it stands for from a method `convolution_grid(height, width)`. If a layer is applied several times,
    its largest grid counts. Linear layers and embeddings have grid (1, 1). If a layer is applied to another grid later,
    its parametrization is notified if it depends on the grid (see `FollowsGrid`) and the dry forward applied the layer
    to one grid only.

    Args:
        network: any network; its layers may be in training or eval mode.
        rule: (layer, grid) -> parametrization, or None to leave the layer unnormalized.
        example: arguments of the network's forward, on the network's device; a batch of one or two is enough. May be
            omitted if no convolution is included.
        include: (qualified name, layer) -> bool, whether to offer the layer to the rule; default: all layers.
    Returns:
        The network.
    Raises:
        ValueError: if a layer is normalized already or shares its weight with another, the dry forward does not reach
            a convolution, there is no layer to normalize, or the rule rejects a layer.
    """
    layers = _layers(network, include)
    check_layers(layers)
    grids = _record_grids(network, layers, example)
    # The rule is called for all layers before any is changed: if it rejects one, the network stays as it was.
    answers = {name: rule(layer, _largest(grids[name])) for name, layer in layers.items()}
    parametrizations = {name: answer for name, answer in answers.items() if answer is not None}
    require_own_weights(network, [layers[name] for name in parametrizations])
    warn_of_others(network, set(layers.values()), include)
    _register_all(layers, parametrizations)
    for name, parametrization in parametrizations.items():
        layer = layers[name]
        if isinstance(parametrization, FollowsGrid) and len(grids[name]) == 1 and layer.weight.dim() == 4:
            layer.register_forward_pre_hook(_tell_grid, with_kwargs=True)
    _schedule_groups(network, list(parametrizations))
    return network


def layer_grids(
    network: nn.Module, *example: object, include: Callable[[str, nn.Module], bool] | None = None
) -> dict[str, Grid]:
    """Return the grid of each layer that `normalize_weights` would offer to its rule, by qualified name.

    Layers that are normalized already are included.

    Args:
        network: as in `normalize_weights`; it does not change.
        example: as in `normalize_weights`.
        include: as in `normalize_weights`.
    Returns:
        Qualified name -> (height, width), the largest grid that the layer is applied to.
    Raises:
        ValueError: if there is no layer, or the dry forward does not reach a convolution.
    """
    grids = _record_grids(network, _layers(network, include), example)
    return {name: _largest(seen) for name, seen in grids.items()}


def as_grid(grid: Sequence[int]) -> Grid:
    """Return (height, width) as Python ints.

    Args:
        grid: any sequence of two whole numbers, each at least 1.
    Raises:
        ValueError: if it is anything else.
    """
    sizes = list(grid) if hasattr(grid, "__len__") else []
    if len(sizes) != 2 or not all(size >= 1 and size % 1 == 0 for size in sizes):
        raise ValueError(
            f"the grid is {grid!r}; it must be the (height, width) of the layer's input, two whole numbers >= 1"
        )
    return int(sizes[0]), int(sizes[1])


def remove_normalization(network: nn.Module, *, keep_normalized: bool = True) -> nn.Module:
    """Remove the parametrizations of all weights, in place.

    Args:
        network: the network to change.
        keep_normalized: True keeps the normalized weights of eval mode, so that outputs stay the same; False restores
            the stored, unnormalized weights.
    Returns:
        The network.
    """
    modes = {module: module.training for module in network.modules()}
    network.eval()
    for layer in list(network.modules()):
        if isinstance(layer, Normalizable) and parametrize.is_parametrized(layer, "weight"):
            _unregister(layer, keep_normalized)
    for module in network.modules():
        module.training = modes[module]
        _unschedule(module)
    return network


@contextmanager
def prepared_weights(network: nn.Module) -> Iterator[None]:
    """Compute the weights of grouped parametrizations once for all layers that run inside, as a call of the network.

    For methods that run layers outside the network's forward; values are then bitwise those of the forward. It has no
    effect on networks without a weight rule, and inside such a call.

    Args:
        network: a network, with or without `normalize_weights`.
    """
    paths = [path for group in _groups_of(network) for path in group]
    if any(cast(Groupable, _parametrizations_at(network, path)[0]).prepared is not None for path in paths):
        yield
        return
    _prepare_weights(network, ())
    try:
        yield
    finally:
        _release_weights(network, (), None)


def without_embeddings(name: str, layer: nn.Module) -> bool:
    """Return whether a layer is no embedding: an `include` for generators with class tables, as in released BigGAN."""
    return not isinstance(layer, nn.Embedding)


def _layers(network: nn.Module, include: Callable[[str, nn.Module], bool] | None) -> dict[str, Normalizable]:
    layers = {
        name: layer
        for name, layer in network.named_modules()
        if isinstance(layer, Normalizable) and (include is None or include(name, layer))
    }
    if not layers:
        raise ValueError(
            f"{type(network).__name__} has no convolution, linear layer or embedding to normalize; "
            "check `include`, or pass the network that holds the layers."
        )
    return layers


def _record_grids(
    network: nn.Module, layers: dict[str, Normalizable], example: tuple[object, ...]
) -> dict[str, list[Grid]]:
    """Return the distinct grids that each layer is applied to in one dry forward."""
    grids: dict[str, list[Grid]] = {}

    def recorder(name: str) -> Callable[..., None]:
        def record(layer: nn.Module, inputs: tuple[Tensor, ...], named: dict[str, Tensor]) -> None:
            grid = _grid_of(layer, _first(inputs, named))
            if grid not in grids.setdefault(name, []):
                grids[name].append(grid)

        return record

    convolutions = {
        name: layer for name, layer in layers.items() if not isinstance(layer, nn.Linear | nn.Embedding)
    }
    if convolutions:
        modes = {module: module.training for module in network.modules()}
        handles = [
            layer.register_forward_pre_hook(recorder(name), with_kwargs=True)
            for name, layer in convolutions.items()
        ]
        try:
            network.eval()
            with torch.no_grad():
                network(*example)
        finally:
            for handle in handles:
                handle.remove()
            for module, mode in modes.items():
                module.training = mode
    unseen = sorted(convolutions.keys() - grids.keys())
    if unseen:
        raise ValueError(
            f"the forward on `example` does not reach the convolutions {unseen}, so their grids are unknown; pass an "
            "example that uses them, or exclude them with `include`."
        )
    return {name: grids.get(name, [(1, 1)]) for name in layers}


def _grid_of(layer: nn.Module, x: Tensor) -> Grid:
    height, width = x.shape[-2:]
    convolution_grid: Callable[[int, int], Grid] | None = getattr(layer, "convolution_grid", None)
    return (height, width) if convolution_grid is None else convolution_grid(height, width)


def _largest(grids: Sequence[Grid]) -> Grid:
    return max(grids, key=lambda grid: grid[0] * grid[1])


def _first(inputs: tuple[Tensor, ...], named: dict[str, Tensor]) -> Tensor:
    """Return the first argument of a layer, which may be passed by keyword, as in conv(input=x)."""
    return inputs[0] if inputs else next(iter(named.values()))


def _tell_grid(layer: nn.Module, inputs: tuple[Tensor, ...], named: dict[str, Tensor]) -> None:
    parametrizations = weight_parametrizations(layer)
    # normalize_weights hooks this function to layers whose parametrization follows the grid, and to no others.
    first = cast(FollowsGrid, parametrizations[0])
    first.follow_grid(_grid_of(layer, _first(inputs, named)), parametrizations.original)


def _register_all(layers: dict[str, Normalizable], parametrizations: dict[str, nn.Module]) -> None:
    """Register the parametrizations on the layers of the same names; if one fails, remove all of them and raise."""
    try:
        for name, parametrization in parametrizations.items():
            _register(layers[name], parametrization)
    except BaseException:
        for name in parametrizations:
            if parametrize.is_parametrized(layers[name], "weight"):
                _unregister(layers[name], keep_normalized=False)
        raise


def _register(layer: nn.Module, parametrization: nn.Module) -> None:
    mode = layer.training
    # Registration evaluates the parametrization once, which changes none of its buffers in eval mode.
    layer.eval()
    parametrization.eval()
    parametrize.register_parametrization(layer, "weight", parametrization)
    layer.train(mode)


def _unregister(layer: Normalizable, keep_normalized: bool) -> None:
    for key in [key for key, hook in layer._forward_pre_hooks.items() if hook is _tell_grid]:
        del layer._forward_pre_hooks[key]
        layer._forward_pre_hooks_with_kwargs.pop(key, None)
    with torch.no_grad():
        weight = layer.weight.clone()
    parameter = _stored_weight(layer, weight, keep_normalized)
    parametrizations = cast(nn.ModuleDict, layer.parametrizations)
    # torch's function for this deletes the property from the layer's class, which copies of the layer share.
    if len(parametrizations) > 1:
        del parametrizations["weight"]
        layer.__class__ = _class_without_weight(type(layer))
    else:
        del layer.parametrizations
        layer.__class__ = type(layer).__bases__[0]
    others = dict(layer._parameters)
    layer._parameters.clear()
    layer._parameters.update({"weight": parameter, **others})


def _stored_weight(layer: Normalizable, weight: Tensor, keep_normalized: bool) -> nn.Parameter:
    """Return the parameter that becomes the weight: the stored one, or, if a rule stores several, a new one."""
    parametrizations = weight_parametrizations(layer)
    if parametrizations.is_tensor:
        stored = cast(nn.Parameter, parametrizations.original)  # weights of these layers are parameters
        if keep_normalized:
            stored.data = weight
        return stored
    if not keep_normalized:
        raise ValueError(
            f"the weight of {type(layer).__bases__[0].__name__} is stored as several tensors, so there is no "
            "unnormalized weight to restore; pass keep_normalized=True"
        )
    stored = list(parametrizations.parameters(recurse=False))
    return nn.Parameter(weight, requires_grad=any(each.requires_grad for each in stored))


def _class_without_weight(parametrized: type[Any]) -> type[Any]:
    """Return a copy of the class that torch makes for a parametrized layer, without the property `weight`."""
    without = ("weight", "__dict__", "__weakref__")
    members = {name: member for name, member in vars(parametrized).items() if name not in without}
    return type(parametrized.__name__, parametrized.__bases__, members)


def _schedule_groups(network: nn.Module, names: Sequence[str]) -> None:
    """Store on the network which layers are normalized together, and hook their computation to its forward.

    Names instead of references, and module-level functions instead of closures, keep copies of the network independent.
    """
    groups: dict[Hashable, list[str]] = {}
    for name in names:
        parametrizations = weight_parametrizations(network.get_submodule(name))
        first = parametrizations[0]
        if isinstance(first, Groupable):
            key = (type(first), first.group_key(parametrizations.original))
            groups.setdefault(key, []).append(_parametrization_path(name))
    if not groups:
        return
    earlier = _groups_of(network)
    setattr(network, _GROUPS, earlier + tuple(tuple(group) for group in groups.values()))
    if not earlier:
        network.register_forward_pre_hook(_prepare_weights)
        network.register_forward_hook(_release_weights, always_call=True)


def _groups_of(network: nn.Module) -> tuple[tuple[str, ...], ...]:
    return getattr(network, _GROUPS, ())


def _unschedule(module: nn.Module) -> None:
    if not hasattr(module, _GROUPS):
        return
    delattr(module, _GROUPS)
    for hooks in (module._forward_pre_hooks, module._forward_hooks):
        for key in [key for key, hook in hooks.items() if hook in (_prepare_weights, _release_weights)]:
            del hooks[key]
            module._forward_hooks_always_called.pop(key, None)


def _parametrization_path(layer_name: str) -> str:
    return f"{layer_name}.parametrizations.weight" if layer_name else "parametrizations.weight"


def _parametrizations_at(network: nn.Module, path: str) -> parametrize.ParametrizationList:
    return cast(parametrize.ParametrizationList, network.get_submodule(path))  # by _parametrization_path


def _prepare_weights(network: nn.Module, inputs: tuple[object, ...]) -> None:
    for group in _groups_of(network):
        lists = [_parametrizations_at(network, path) for path in group]
        members = [cast(Groupable, each[0]) for each in lists]  # as selected by _schedule_groups
        prepare = _prepare_outside if isinstance(members[0], FollowsGrid) else _prepare_group
        prepare(members, [each.original for each in lists])


def _prepare_group(members: Sequence[Groupable], weights: Sequence[Tensor]) -> None:
    for member, weight in zip(members, members[0].normalize_together(members, weights), strict=True):
        member.prepared = weight


# Parametrizations decide on the host whether to measure their weight again; compiled code can't.
_prepare_outside = not_compiled(_prepare_group)


def _release_weights(network: nn.Module, inputs: tuple[object, ...], output: object) -> None:
    for group in _groups_of(network):
        for path in group:
            cast(Groupable, _parametrizations_at(network, path)[0]).prepared = None
