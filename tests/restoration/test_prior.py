"""Restoration: reference vectors, a second computation of every task, and what a user relies on."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import plain_prior
import pytest
import torch
import torch.nn.functional as F
from plain_prior import Plan
from tiny_prior import tiny_discriminator, tiny_generator, vectors
from torch import Tensor, nn

from everymode.networks.biggan import BigGANDiscriminator, BigGANGenerator
from everymode.networks.heads import ScalarHead
from everymode.networks.implicit import ImplicitHead
from everymode.restoration.degradations import central_hole, grayscale, mask
from everymode.restoration.luminance import with_luminance
from everymode.restoration.optimization import Progress
from everymode.restoration.prior import Restored, restore
from everymode.restoration.resampling import downsample, enlarge, resize
from everymode.restoration.stages import Stage

GROUPS = [
    ["linear.weight", "linear.bias"],
    *([f"blocks.{i}.{name}" for name in ("conv.weight", "conv.bias", "cls.weight")] for i in range(2)),
    ["output_layer.weight", "output_layer.bias"],
]
PLAN = [Plan(2, 3, 2, 0.5, 4e-3, 0.01, 1.0, 0.5), Plan(3, 2, 3, 0.5, 1e-3, 3e-3, 0.3, 2.0)]
SHORT = (Stage(3, 2, 2, 1.0, 1e-3, 1e-2),)


def identity(x: Tensor) -> Tensor:
    return x


def stages(plan: list[Plan]) -> tuple[Stage, ...]:
    return tuple(
        Stage(each.steps, each.last, each.groups, each.ratio, each.rate, each.latent_rate, each.w_feature, each.w_mse)
        for each in plan
    )  # fmt: skip


def losses(restored: Restored) -> Tensor:
    return torch.tensor([each[2:] for each in restored.history], dtype=torch.float64)


def start() -> Tensor:
    return vectors()["tiny.z0"]


@pytest.mark.parametrize("frozen_state", ["running", "fresh"])
def test_reference_steps_of_reconstruction(frozen_state: Any) -> None:
    known = {name.removeprefix("tiny.reconstruct."): value for name, value in vectors().items()}
    numbers = {name.removeprefix("cfg."): value.tolist() for name, value in known.items() if "cfg." in name}
    names = ("iterations", "ftr_num", "ft_num", "lr_ratio", "G_lrs", "z_lrs", "w_D", "w_mse")
    schedule = tuple(
        Stage(int(row[0]), int(row[1]), int(row[2]), *row[3:])
        for row in zip(*(numbers[name] for name in names), strict=True)
    )
    latents: list[Tensor] = []
    generator, discriminator = tiny_generator(), tiny_discriminator()
    restored = restore(
        generator,
        discriminator,
        known["degraded_target"],
        identity,
        schedule,
        z=start(),
        label=int(vectors()["tiny.class"]),
        train_embedding=bool(numbers["update_embed"]),
        warm_up=int(numbers["warm_up"]),
        frozen_state=frozen_state,
        callback=lambda progress: latents.append(progress.image),
    )
    prefix = "fresh." if frozen_state == "fresh" else ""
    close = partial(torch.testing.assert_close, atol=1e-9, rtol=0)
    close(losses(restored), known[f"{prefix}losses"])
    close(restored.image, known[f"{prefix}image_after_last_step"])
    close(restored.z, known["fresh.z5"] if prefix else known["z_after_each"][-1:])
    if not prefix:
        close(latents[-1], known["image_last_forward"])
        for name, value in restored.generator.state_dict().items():
            close(value, known[f"g5.{name}"])
    assert [each[:2] for each in restored.history] == [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)]
    # The networks that were passed are as they were.
    for name, value in generator.state_dict().items():
        assert torch.equal(value, vectors()[f"tiny.g0.{name}"])
    assert generator.training and discriminator.training
    assert all(
        p.requires_grad and p.grad is None for p in [*generator.parameters(), *discriminator.parameters()]
    )


def enlarged(small: Tensor) -> Tensor:
    return F.interpolate(small, size=(16, 16), mode="bilinear", align_corners=False)


TASKS: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor], bool]] = {
    # ours, the second one (which also gives the target), and whether the target is small
    "colorization": (grayscale, plain_prior.gray, False),
    "super-resolution": (lambda x: downsample(x, 4), lambda x: enlarged(plain_prior.lanczos2_by_4(x)), True),
    "inpainting": (lambda x: mask(x, central_hole((16, 16))), plain_prior.holed, False),
}


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("task", TASKS)
def test_every_task_agrees_with_a_second_computation(task: str, fresh: bool) -> None:
    degrade, second, is_small = TASKS[task]
    original = vectors()["tiny.target"]
    target = plain_prior.lanczos2_by_4(original) if is_small else second(original)
    g0 = {name.removeprefix("tiny.g0."): v for name, v in vectors().items() if name.startswith("tiny.g0.")}
    d = {name.removeprefix("tiny.d."): v for name, v in vectors().items() if name.startswith("tiny.d.")}
    g, z, expected = plain_prior.run(
        lambda weights, z: plain_prior.tiny_image(weights, z, 2),
        lambda x: plain_prior.tiny_features(d, x),
        g0,
        start(),
        GROUPS[:3],
        enlarged(target) if is_small else target,
        second,
        PLAN,
        warm_up=2,
        fresh=fresh,
    )
    restored = restore(
        tiny_generator(),
        tiny_discriminator(),
        target,
        degrade,
        stages(PLAN),
        z=start(),
        label=2,
        warm_up=2,
        frozen_state="fresh" if fresh else "running",
    )
    torch.testing.assert_close(
        losses(restored), torch.tensor(expected, dtype=torch.float64), atol=1e-10, rtol=0
    )
    torch.testing.assert_close(restored.z, z, atol=1e-10, rtol=0)
    torch.testing.assert_close(restored.image, plain_prior.tiny_image(g, z, 2), atol=1e-10, rtol=0)
    assert torch.equal(restored.generator.get_parameter("shared.weight"), g0["shared.weight"])
    assert torch.equal(restored.generator.get_parameter("output_layer.weight"), g0["output_layer.weight"])


class TinyImplicit(nn.Module):
    """A generator with an implicit head, of native size 8x8."""

    latent_dim, size, takes_any_size = 6, (8, 8), True

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 64)
        self.block = nn.Conv2d(4, 4, 3, padding=1)
        self.head = ImplicitHead(4, 3, hidden=(8, 8), border_padding=False)

    def forward(self, z: Tensor, condition: Tensor | None, size: tuple[int, int] | None = None) -> Tensor:
        hidden = F.interpolate(self.linear(z).unflatten(1, (4, 4, 4)), scale_factor=2)
        return self.head(F.leaky_relu(self.block(hidden), 0.2), size)

    def layer_groups(self) -> tuple[tuple[str, list[nn.Parameter]], ...]:
        return tuple((name, list(layer.parameters())) for name, layer in self.named_children())


@pytest.mark.parametrize("train_output", [True, False])
def test_a_generator_with_an_implicit_head_fits_a_rectangle(train_output: bool) -> None:
    torch.manual_seed(0)
    generator = TinyImplicit().double()
    d = {name.removeprefix("tiny.d."): v for name, v in vectors().items() if name.startswith("tiny.d.")}
    target = torch.rand(1, 3, 12, 20, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 2 - 1
    groups = [
        ["linear.weight", "linear.bias"],
        ["block.weight", "block.bias"],
        [f"head.layers.{i}.{name}" for i in range(3) for name in ("weight", "bias")],
    ]
    plan = [Plan(2, 3, 1 + train_output, 0.5, 4e-3, 0.01), Plan(3, 2, 2 + train_output, 0.5, 1e-3, 3e-3)]
    g, z, expected = plain_prior.run(
        partial(plain_prior.implicit_image, size=(12, 20)),
        lambda x: plain_prior.tiny_features(d, x),
        dict(generator.state_dict()),
        start(),
        groups if train_output else groups[:2],
        target,
        identity,
        plan,
        fresh=True,
    )
    restored = restore(
        generator,
        tiny_discriminator().block_features,
        target,
        identity,
        stages(plan),
        z=start(),
        size=(12, 20),
        train_output=train_output,
    )
    close = partial(torch.testing.assert_close, atol=1e-8, rtol=0)
    close(losses(restored), torch.tensor(expected, dtype=torch.float64))
    close(restored.z, z)
    close(restored.image, plain_prior.implicit_image(g, z, (12, 20)))
    close(restored.at((17, 29)), plain_prior.implicit_image(g, z, (17, 29)))


@cache
def pair(attention: bool = False) -> tuple[BigGANGenerator, BigGANDiscriminator]:
    """A small pair of the library's networks with an implicit head, for 8x8."""
    torch.manual_seed(0)
    generator = BigGANGenerator(
        (8, 8), widths=(8, 8), latent_dim=5, num_classes=3, output=partial(ImplicitHead, hidden=(8, 8))
    )
    discriminator = BigGANDiscriminator(
        (8, 8), head=ScalarHead, widths=(8, 8), halvings=2, attention=(4,) if attention else ()
    )
    generator(torch.randn(4, 5), torch.tensor([0, 1, 2, 0]))
    return generator, discriminator


def photo(height: int, width: int) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(2)) * 2 - 1


def short(target: Tensor, degrade: Callable[[Tensor], Tensor] = identity, **options: Any) -> Restored:
    """A few steps with the library's networks."""
    generator, discriminator = options.pop("networks", None) or pair()
    schedule = options.pop("schedule", SHORT)
    return restore(generator, discriminator, target, degrade, schedule, **({"num": 4} | options))


def test_it_depends_on_the_discriminator_and_on_the_degradation() -> None:
    target = grayscale(photo(8, 8))
    generator, discriminator = pair()
    other = copy.deepcopy(discriminator)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(-0.7)
    options: dict[str, Any] = {"z": torch.zeros(1, 5), "label": 1}
    results = [
        short(target, grayscale, **options),
        short(target, grayscale, **options, networks=(generator, other)),
        short(target, identity, **options),
        short(target, lambda x: mask(x, central_hole((8, 8))), **options),
    ]
    for i, one in enumerate(results):
        for another in results[:i]:
            assert not torch.allclose(one.image, another.image, atol=1e-5)


def test_longer_restoration_comes_nearer() -> None:
    target = photo(8, 8)
    schedule = (Stage(25, None, None, 1.0, 1e-2, 5e-2, 1.0, 1.0),)
    restored = short(target, schedule=schedule, train_output=True)
    assert restored.history[-1].mse < 0.8 * restored.history[0].mse
    assert restored.stop == (0, 25, "all stages are done")


def test_the_result_is_a_function_of_the_seed() -> None:
    one = short(photo(8, 8))
    torch.manual_seed(5)
    assert torch.equal(short(photo(8, 8)).image, one.image)
    assert not torch.equal(short(photo(8, 8), seed=1).z, one.z)


@pytest.mark.parametrize(
    ("height", "width", "fitted"), [(21, 43, (8, 16)), (40, 12, (28, 8)), (30, 30, (8, 8))]
)
def test_rectangles_keep_their_aspect_ratio(height: int, width: int, fitted: tuple[int, int]) -> None:
    restored = short(photo(height, width), grayscale, keep_luminance=True)
    assert restored.image.shape[2:] == fitted
    assert restored.at().shape == (1, 3, height, width)
    assert restored.at((5, 9)).shape == (1, 3, 5, 9)
    gray = grayscale(photo(height, width))
    short_gray = short(gray, grayscale, keep_luminance=True)
    plain = short(gray, grayscale)
    torch.testing.assert_close(short_gray.at(), with_luminance(plain.at(), gray))
    torch.testing.assert_close(short_gray.image, with_luminance(plain.image, resize(gray, fitted)))


def test_a_critic_with_attention_takes_the_center_and_says_so() -> None:
    networks = pair(attention=True)
    with pytest.warns(UserWarning, match="cropped to its center, 12x12"):
        restored = short(photo(12, 20), networks=networks)
    assert restored.image.shape[2:] == (8, 8) and restored.at().shape[2:] == (12, 12)
    cut = short(photo(12, 20)[:, :, :, 4:16], networks=networks)
    torch.testing.assert_close(cut.image, restored.image)
    with pytest.raises(ValueError, match="does not have the aspect ratio"):
        short(photo(2, 4), lambda x: downsample(x, (2, 4)), networks=networks)
    with pytest.warns(UserWarning, match="cropped to its center, 4x4"):
        assert short(photo(4, 6), lambda x: downsample(x, 2), networks=networks).image.shape[2:] == (8, 8)


def test_small_targets_are_enlarged_on_both_sides() -> None:
    small = downsample(photo(8, 16), 2, "bicubic")
    one = short(small, lambda x: downsample(x, (4, 8), "bicubic"))
    other = short(enlarge(small, (8, 16)), lambda x: enlarge(downsample(x, 2, "bicubic"), (8, 16)))
    torch.testing.assert_close(one.image, other.image)
    assert one.image.shape[2:] == (8, 16) == one.at().shape[2:]


def test_groups_and_features_that_are_not_there_are_reported_once() -> None:
    with pytest.warns(
        UserWarning, match="asks for 7 features, and there are 3; for 6 layer groups, and there are 2"
    ) as seen:
        restored = short(photo(8, 8), schedule=[Stage(1, 7, 6, 1.0, 1e-3, 1e-3)] * 2)
    assert len(seen) == 1
    everything = short(photo(8, 8), schedule=[Stage(1, 3, 2, 1.0, 1e-3, 1e-3)] * 2)
    assert torch.equal(everything.image, restored.image)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        short(photo(8, 8), schedule=[Stage(1, None, None, 1.0, 1e-3, 1e-3)])


def test_the_embedding_and_the_head_train_by_argument_only() -> None:
    torch.manual_seed(0)
    generator = BigGANGenerator((8, 8), widths=(8, 8), latent_dim=5, num_classes=3, shared_dim=4)
    networks = (generator, pair()[1])

    def changed(**options: Any) -> set[str]:
        restored = short(
            photo(8, 8),
            networks=networks,
            schedule=[Stage(2, None, None, 1.0, 1e-2, 0.0)],
            label=1,
            **options,
        )
        before = dict(generator.named_parameters())
        return {
            name.split(".")[0]
            for name, value in restored.generator.named_parameters()
            if not torch.equal(value, before[name])
        }

    assert changed() == {"linear", "blocks"}
    assert changed(train_embedding=True) == {"linear", "blocks", "shared"}
    assert changed(train_output=True) == {"linear", "blocks", "output_norm", "output_conv"}
    with pytest.raises(ValueError, match="no label embedding"):
        short(photo(8, 8), train_embedding=True)


def test_instance_statistics_keep_the_first_image_and_change_what_follows() -> None:
    options: dict[str, Any] = {"z": torch.zeros(1, 5), "label": 1}
    seen: list[Tensor] = []
    restored = short(
        photo(8, 8), instance_statistics=True, callback=lambda each: seen.append(each.image), **options
    )
    plain = short(photo(8, 8), **options)
    torch.testing.assert_close(seen[0], plain.stages[0], atol=1e-5, rtol=0)
    assert not torch.allclose(restored.image, plain.image, atol=1e-5)
    torch.testing.assert_close(restored.at((8, 8)), restored.generator(restored.z, restored.label))


def test_a_callback_sees_every_step_and_can_stop() -> None:
    seen: list[Progress] = []

    def callback(progress: Progress) -> bool:
        seen.append(progress)
        return progress.stage == 1 and progress.step == 2

    schedule = SHORT * 3
    restored = short(photo(8, 8), schedule=schedule, callback=callback)
    assert restored.stop == (1, 2, "the callback stopped it")
    assert [(each.stage, each.step) for each in seen] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert torch.equal(restored.image, seen[-1].image) and torch.equal(restored.stages[1], seen[3].image)
    assert float(seen[-1].loss) == pytest.approx(restored.history[-1].total)


def test_a_loss_that_is_not_finite_ends_it_at_the_start_of_its_stage() -> None:
    schedule = (*SHORT, Stage(3, 2, 2, 1.0, float("1e38"), 1e38))
    restored = short(photo(8, 8), schedule=schedule)
    assert restored.stop.stage == 1 and restored.stop.step == 0 and "not finite" in restored.stop.why
    assert torch.equal(restored.image, short(photo(8, 8)).image)


@pytest.mark.parametrize("last", [0, 1])
def test_a_gradient_that_is_not_finite_ends_it_at_the_start_of_its_stage(last: int) -> None:
    made = 0

    def degrade(x: Tensor) -> Tensor:
        nonlocal made
        made += x.requires_grad
        if made == 3:  # the last step of the first stage; its loss is finite
            x.register_hook(lambda gradient: gradient * float("nan"))
        return x

    schedule = (*SHORT, *SHORT[:last])
    restored = short(photo(8, 8), degrade, schedule=schedule)
    assert restored.stop.stage == 0 and "not finite at step 2 of stage 0" in restored.stop.why
    assert torch.equal(restored.image, restored.stages[0])


@pytest.mark.parametrize("broken", ["degradation", "discriminator"])
def test_a_gradient_that_stops_on_the_way_is_an_error(broken: str) -> None:
    generator, critic = pair()

    def features(x: Tensor) -> tuple[Tensor, ...]:
        return tuple(
            each.detach() if broken == "discriminator" else each for each in critic.block_features(x)
        )

    def degrade(x: Tensor) -> Tensor:
        return x.detach() if broken == "degradation" else x

    with pytest.raises(ValueError, match=f"the {broken} passes no gradient on"):
        short(photo(8, 8), degrade, networks=(generator, features))


def test_networks_of_others_are_callables() -> None:
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(4, 48), nn.Unflatten(1, (3, 4, 4)))

    class Foreign(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = generator

        def forward(self, z: Tensor, label: Tensor | None) -> Tensor:
            return torch.tanh(self.body(z))

    critic = nn.Conv2d(3, 2, 3)
    options: dict[str, Any] = {
        "z": torch.zeros(1, 4),
        "groups": lambda g: [("all", g.parameters()), ("none", [])],
    }
    schedule = (Stage(2, None, None, 1.0, 1e-3, 1e-2),)
    restored = restore(Foreign(), lambda x: (x, critic(x)), photo(4, 4), identity, schedule, **options)
    assert restored.image.shape == (1, 3, 4, 4)
    assert all(parameter.grad is None for parameter in critic.parameters())
    with pytest.raises(ValueError, match="pass groups="):
        restore(Foreign(), lambda x: (x,), photo(4, 4), identity, SHORT, z=torch.zeros(1, 4))
    with pytest.raises(ValueError, match="block_features"):
        restore(Foreign(), critic, photo(4, 4), identity, SHORT, **options)
    with pytest.raises(ValueError, match="no attribute latent_dim"):
        restore(Foreign(), lambda x: (x,), photo(4, 4), identity, SHORT, groups=options["groups"])


def test_any_size_needs_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    restored = short(photo(8, 8))
    most: list[int] = []
    original = ImplicitHead._other_layers

    def watched(head: ImplicitHead, hidden: Tensor) -> Tensor:
        most.append(hidden[0, 0].numel())
        return original(head, hidden)

    monkeypatch.setattr(ImplicitHead, "_other_layers", watched)
    image = restored.at((300, 450))
    assert image.shape == (1, 3, 300, 450) and not image.requires_grad
    assert sum(most) == 300 * 450 and max(most) <= 65536


def test_errors() -> None:
    target = photo(8, 8)
    for options, match in (
        ({"schedule": ()}, "at least one Stage"),
        ({"frozen_state": "thawed"}, "'fresh' or 'running'"),
        ({"num": -1}, "num is -1"),
        ({"warm_up": -1}, "warm_up -1"),
        ({"betas": (0.0, 1.0)}, "betas is"),
        ({"latent_weight": float("nan")}, "latent_weight nan"),
        ({"z": torch.zeros(5), "label": 1}, "one latent code"),
        ({"z": torch.zeros(1, 5)}, "pass label="),
        ({"label": 1.5}, "class number"),
        ({"label": "circle"}, "class number"),
        ({"label": 3}, "the generator has 3 classes"),
        ({"label": -1}, "the generator has 3 classes"),
        ({"label": (1, 1)}, "the generator has 3 classes"),
        ({"z": torch.zeros(1, 5), "label": 3}, "the generator has 3 classes"),
        ({"z": torch.full((1, 5), float("nan")), "label": 1}, "z has values that are not finite"),
        ({"size": 8}, "two integers"),
        ({"degrade": lambda x: x.mean()}, "return degraded images"),
    ):
        with pytest.raises(ValueError, match=match):
            short(target, **options)
    with pytest.raises(ValueError, match="one image"):
        short(target.expand(2, -1, -1, -1))
    with pytest.raises(ValueError, match="one image"):
        short(target[:, :, :0])
    with pytest.raises(ValueError, match="two integers"):
        short(target).at(16)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="the target has 1 channels"):
        short(target[:, :1])
    with pytest.raises(ValueError, match="keep_luminance is set"):
        short(target[:, :1], keep_luminance=True)
    with pytest.raises(ValueError, match="not finite"):
        short(target / 0)
    with pytest.raises(ValueError, match=r"into 4x4, but the target has 3x3.*downsample\(x, \(3, 3\)\)"):
        short(photo(3, 3), lambda x: downsample(x, 2))
