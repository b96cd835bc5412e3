"""Applying a weight rule to all convolutions, linear layers and embeddings of a network, from outside it.

A rule looks at a layer and at the grid it acts on, and returns the parametrization that replaces the layer's
weight by a normalized one. Parametrizations that say which of them belong together are evaluated before each
call of the network, a whole group in one batched computation. A layer that is used in another way
(`discriminator.features(x)`, or `discriminator.forward(x)`, which skips hooks) computes its own weight by
the same rule. A parametrization that depends on the grid is told of it whenever the layer is applied.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from everymode.norms.left_out import check_layers, require_own_weights, warn_of_others

Grid = tuple[int, int]
WeightRule = Callable[[nn.Module, Grid], nn.Module | None]

_NORMALIZABLE = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.Embedding)


class Groupable(nn.Module):
    """A parametrization whose normalized weight can be computed together with those of its kind.

    `prepared` holds the weight while the network's own forward runs, and None otherwise: then the weight is computed
    by itself. A subclass implements `group_key` and `normalize_together`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.prepared: Tensor | None = None

    def forward(self, weight: Tensor) -> Tensor:
        if self.prepared is not None:
            return self.prepared
        return self.normalize_together([self], [weight])[0]

    def group_key(self, weight: Tensor) -> Hashable:
        """What two layers must share to be normalized in one computation."""
        raise NotImplementedError(f"{type(self).__name__} does not say which layers belong together")

    def normalize_together(self, members: Sequence[nn.Module], weights: Sequence[Tensor]) -> Sequence[Tensor]:
        """Normalized weights of the members (of which this is the first), in their order."""
        raise NotImplementedError(f"{type(self).__name__} does not say how weights are normalized")


@runtime_checkable
class FollowsGrid(Protocol):
    """A parametrization whose normalized weight depends on the grid, and that can take another one."""

    def follow_grid(self, grid: Grid, weight: Tensor) -> None:
        """Called with the grid that the layer is about to be applied to, and the weight underneath."""
        ...


def normalize_weights(
    network: nn.Module,
    rule: WeightRule,
    *example: object,
    include: Callable[[str, nn.Module], bool] | None = None,
) -> nn.Module:
    """Puts every two-dimensional convolution, linear layer and embedding under the rule, in place, and returns the
    network. Other layers with weight matrices (Conv1d, Bilinear, attention's in_proj, recurrent layers, ...) are named
    in one UserWarning, unless `include` leaves them out. Where it raises, no layer is changed.

    The grid of a convolution is the height and width of what it is applied to, learned from one dry forward on
    `example` in evaluation mode, without gradients; no buffer changes. A layer that fuses a convolution with
    resampling names the grid of the convolution it stands for through a method `convolution_grid(height,
    width)`. Where a layer is applied several times, the largest grid counts. Linear layers and embeddings
    have grid (1, 1). A layer that is later applied to another grid tells its parametrization, if that depends
    on the grid (see FollowsGrid) and the dry forward applied the layer to one grid only.

    Args:
        network: of any kind; its layers may be in training or in evaluation mode.
        rule: (layer, grid) -> parametrization, or None to leave the layer as it is.
        example: what the network's forward takes, on the network's device; a batch of one or two is enough.
            May be left out where no convolution is included.
        include: (qualified name, layer) -> bool, which layers to offer to the rule; all of them where None.
    Raises:
        ValueError: a layer is normalized already or shares its weight with another, a convolution took no part in
            the dry forward, no layer was found, or the rule refuses one.
    """
    layers = _layers(network, include)
    check_layers(layers)
    grids = _record_grids(network, layers, example)
    # All of the rule's answers before any is put to work: a rule that refuses a layer leaves the network as it was.
    chosen = {name: rule(layer, _largest(grids[name])) for name, layer in layers.items()}
    normalized = {name: each for name, each in chosen.items() if each is not None}
    require_own_weights(network, [layers[name] for name in normalized])
    warn_of_others(network, set(layers.values()), include)
    _register_all(layers, normalized)
    for name, parametrization in normalized.items():
        layer = layers[name]
        if isinstance(parametrization, FollowsGrid) and len(grids[name]) == 1 and layer.weight.dim() == 4:
            layer.register_forward_pre_hook(_tell_grid, with_kwargs=True)
    _schedule_groups(network, list(normalized))
    return network


def layer_grids(
    network: nn.Module, *example: object, include: Callable[[str, nn.Module], bool] | None = None
) -> dict[str, Grid]:
    """The layers that `normalize_weights` would offer to its rule, by qualified name, with the grids they act on.

    Args, errors: as `normalize_weights`. Layers under a rule already are named as well.
    """
    grids = _record_grids(network, _layers(network, include), example)
    return {name: _largest(seen) for name, seen in grids.items()}


def as_grid(grid: Sequence[int]) -> Grid:
    """(height, width) in whole numbers of Python, from any sequence of two.

    Raises ValueError for anything else.
    """
    sizes = list(grid) if hasattr(grid, "__len__") else []
    if len(sizes) != 2 or not all(size >= 1 and size % 1 == 0 for size in sizes):
        raise ValueError(f"the grid is {grid!r}; it must be the (height, width) of the layer's input")
    return int(sizes[0]), int(sizes[1])


def remove_normalization(network: nn.Module, *, keep_normalized: bool = True) -> nn.Module:
    """Takes the parametrizations of all weights away, in place, and returns the network.

    Args:
        keep_normalized: True leaves the normalized weights of evaluation mode, so that outputs stay the same;
            False leaves the weights underneath.
    """
    modes = {module: module.training for module in network.modules()}
    network.eval()
    for layer in list(network.modules()):
        if isinstance(layer, _NORMALIZABLE) and parametrize.is_parametrized(layer, "weight"):
            _unregister(layer, keep_normalized)
    for module in network.modules():
        module.training = modes[module]
        _unschedule(module)
    return network


def without_embeddings(name: str, layer: nn.Module) -> bool:
    """An `include` that leaves embeddings alone, as released BigGAN generators do with their class tables."""
    return not isinstance(layer, nn.Embedding)


def _layers(network: nn.Module, include: Callable[[str, nn.Module], bool] | None) -> dict[str, nn.Module]:
    layers = {
        name: layer
        for name, layer in network.named_modules()
        if isinstance(layer, _NORMALIZABLE) and (include is None or include(name, layer))
    }
    if not layers:
        raise ValueError(
            f"{type(network).__name__} has no convolution, linear layer or embedding to normalize; "
            "check `include`, or pass the network that holds the layers."
        )
    return layers


def _record_grids(
    network: nn.Module, layers: dict[str, nn.Module], example: tuple[object, ...]
) -> dict[str, list[Grid]]:
    """The different grids that each layer is applied to in one dry forward."""
    grids: dict[str, list[Grid]] = {}

    def recorder(name: str) -> Callable[..., None]:
        def record(layer: nn.Module, inputs: tuple[object, ...], named: dict[str, object]) -> None:
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
            f"the forward on `example` does not reach the convolutions {unseen}, so the grid they act on is "
            "unknown; pass an example that uses them, or leave them out with `include`."
        )
    return {name: grids.get(name, [(1, 1)]) for name in layers}


def _grid_of(layer: nn.Module, x: Tensor) -> Grid:
    height, width = x.shape[-2:]
    return layer.convolution_grid(height, width) if hasattr(layer, "convolution_grid") else (height, width)


def _largest(grids: Sequence[Grid]) -> Grid:
    return max(grids, key=lambda grid: grid[0] * grid[1])


def _first(inputs: tuple[object, ...], named: dict[str, object]) -> object:
    """What a layer is applied to: its first argument, which may come by name, as in conv(input=x)."""
    return inputs[0] if inputs else next(iter(named.values()))


def _tell_grid(layer: nn.Module, inputs: tuple[object, ...], named: dict[str, object]) -> None:
    holder = layer.parametrizations.weight
    holder[0].follow_grid(_grid_of(layer, _first(inputs, named)), holder.original)


def _register_all(layers: dict[str, nn.Module], parametrizations: dict[str, nn.Module]) -> None:
    """Register one for each layer named, or none where one can't be."""
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
    # Registration evaluates the parametrization once; in evaluation mode that changes none of its buffers.
    layer.eval()
    parametrization.eval()
    parametrize.register_parametrization(layer, "weight", parametrization)
    layer.train(mode)


def _unregister(layer: nn.Module, keep_normalized: bool) -> None:
    for key in [key for key, hook in layer._forward_pre_hooks.items() if hook is _tell_grid]:
        del layer._forward_pre_hooks[key]
        layer._forward_pre_hooks_with_kwargs.pop(key, None)
    if len(layer.parametrizations) > 1:
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=keep_normalized)
        return
    # torch's own removal deletes the property from the layer's class, which copies of the layer share.
    with torch.no_grad():
        weight = layer.weight.clone()
    parameter = layer.parametrizations.weight.original
    if keep_normalized:
        parameter.data = weight
    del layer.parametrizations
    layer.__class__ = type(layer).__bases__[0]
    others = dict(layer._parameters)
    layer._parameters.clear()
    layer._parameters.update({"weight": parameter, **others})


def _schedule_groups(network: nn.Module, names: Sequence[str]) -> None:
    """Notes on the network which layers are normalized together, and hooks their computation to its forward.

    Names, not references, and functions of this module, not closures: so copies of the network stand on their
    own.
    """
    groups: dict[Hashable, list[str]] = {}
    for name in names:
        holder = network.get_submodule(_parametrization_path(name))
        if isinstance(holder[0], Groupable):
            key = (type(holder[0]), holder[0].group_key(holder.original))
            groups.setdefault(key, []).append(_parametrization_path(name))
    if not groups:
        return
    earlier: tuple[tuple[str, ...], ...] = getattr(network, "_normalization_groups", ())
    network._normalization_groups = earlier + tuple(tuple(group) for group in groups.values())
    if not earlier:
        network.register_forward_pre_hook(_prepare_weights)
        network.register_forward_hook(_release_weights, always_call=True)


def _unschedule(module: nn.Module) -> None:
    if not hasattr(module, "_normalization_groups"):
        return
    del module._normalization_groups
    for hooks in (module._forward_pre_hooks, module._forward_hooks):
        for key in [key for key, hook in hooks.items() if hook in (_prepare_weights, _release_weights)]:
            del hooks[key]
            module._forward_hooks_always_called.pop(key, None)


def _parametrization_path(layer_name: str) -> str:
    return f"{layer_name}.parametrizations.weight" if layer_name else "parametrizations.weight"


def _prepare_weights(network: nn.Module, inputs: tuple[object, ...]) -> None:
    for group in network._normalization_groups:
        members = [network.get_submodule(path)[0] for path in group]
        prepare = _prepare_outside if isinstance(members[0], FollowsGrid) else _prepare_group
        prepare(members, [network.get_submodule(path).original for path in group])


def _prepare_group(members: Sequence[nn.Module], weights: Sequence[Tensor]) -> None:
    for member, weight in zip(members, members[0].normalize_together(members, weights), strict=True):
        member.prepared = weight


# What measures weights when they have changed decides that on the host, which compiled code can't.
_prepare_outside = torch.compiler.disable(_prepare_group)


def _release_weights(network: nn.Module, inputs: tuple[object, ...], output: object) -> None:
    for group in network._normalization_groups:
        for path in group:
            network.get_submodule(path)[0].prepared = None
