"""The two-scale patch critic against the stored values of the released one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from plain_networks import formula_weights, one_hot, patch_scores
from torch import Tensor, nn

from everymode.exchange import load_released
from everymode.networks.circular import CircularConv2d
from everymode.networks.patch import PatchDiscriminator, patch_spectral_layers
from everymode.norms import normalize_weights, spectral_norm

STORED = np.load(Path(__file__).parents[1] / "vectors_pictures_networks.npz")


def stored(name: str) -> Tensor:
    return torch.from_numpy(STORED[f"patchd_{name}"])


def released() -> PatchDiscriminator:
    shapes = [tuple(map(int, s.strip("()").rstrip(",").split(","))) for s in STORED["patchd_param_shapes"]]
    weights = formula_weights(STORED["patchd_param_names"].tolist(), shapes)
    critic = PatchDiscriminator(6, width=4, num_classes=3, instance_norm=True)
    return load_released(critic, weights, "spade")


def hinge_of_generator(scores: tuple[Tensor, ...]) -> Tensor:
    return torch.stack([-scale.mean() for scale in scores]).mean()


def test_scores_features_and_gradients_are_the_stored_ones() -> None:
    critic, label = released(), stored("label").long()
    fake = stored("fake").double().requires_grad_()
    judged = critic(fake, label)
    with torch.no_grad():
        real = critic(stored("real").double(), label)
    for scale in range(2):
        for verdict, kind in ((judged, "fake"), (real, "real")):
            torch.testing.assert_close(
                verdict.scores[scale], stored(f"scores_{kind}_{scale}"), rtol=1e-9, atol=1e-9
            )
        layers = judged.features[scale]
        assert len(layers) == 4
        for name, of in (("feature_means_fake", torch.mean), ("feature_abs_fake", lambda x: x.abs().mean())):
            values = torch.stack([of(layer) for layer in layers])
            torch.testing.assert_close(values, stored(name)[scale], rtol=1e-9, atol=1e-9)
    loss = hinge_of_generator(judged.scores)
    torch.testing.assert_close(loss, stored("hinge_G"), rtol=1e-9, atol=1e-9)
    (gradient,) = torch.autograd.grad(loss, fake, retain_graph=True)
    torch.testing.assert_close(gradient, stored("grad_fake_hinge_G"), rtol=1e-9, atol=1e-9)
    matching = (
        5
        * torch.stack(
            [
                (ours - theirs).abs().mean()
                for scale in range(2)
                for ours, theirs in zip(judged.features[scale], real.features[scale], strict=True)
            ]
        ).sum()
    )
    torch.testing.assert_close(matching, stored("feature_matching_lambda10"), rtol=1e-9, atol=1e-9)
    (gradient,) = torch.autograd.grad(matching, fake)
    torch.testing.assert_close(gradient, stored("grad_fake_feature_matching"), rtol=1e-9, atol=1e-9)


def test_shapes_and_parameter_counts_are_the_published_ones() -> None:
    with torch.device("meta"):
        for (height, width), expected in zip(stored("shape_inputs").tolist(), stored("shapes"), strict=True):
            verdict = PatchDiscriminator(3)(torch.zeros(1, 3, height, width))
            shapes = [
                [tuple(layer.shape[1:]) for layer in (*layers, scores)]
                for layers, scores in zip(verdict.features, verdict.scores, strict=True)
            ]
            assert torch.equal(torch.tensor(shapes, device="cpu"), expected)
        for name, channels in (("cityscapes_512x256", 39), ("coco_256", 187), ("ade20k_256", 154)):
            critic = PatchDiscriminator(channels, instance_norm=True)
            count = sum(parameter.numel() for parameter in critic.parameters())
            assert count == STORED[f"nparams_spade_D_{name}"], name


def weights_of(critic: PatchDiscriminator, layers: int) -> dict[str, Tensor]:
    weights = {}
    for name, value in critic.named_parameters():
        _, scale, kind, *index, leaf = name.split(".")
        number = int(index[0]) if kind == "convolutions" else layers
        inner = ".0" if 0 < number < layers else ""
        weights[f"discriminator_{scale}.model{number}.0{inner}.{leaf}"] = value
    return weights


@pytest.mark.parametrize(("layers", "scales", "outputs"), [(1, 1, 1), (2, 3, 5), (3, 2, 1)])
def test_without_instance_norm_at_other_depths(layers: int, scales: int, outputs: int) -> None:
    torch.manual_seed(0)
    critic = PatchDiscriminator(
        7,
        width=3,
        layers=layers,
        scales=scales,
        outputs=outputs,
        num_classes=2,
        extra_channels=1,
        dont_care=True,
    ).double()
    x, label = torch.randn(2, 3, 13, 18).double(), torch.randint(0, 2, (2, 13, 18))
    label[:, 5:8] = 255
    edges = (torch.rand(2, 13, 18) < 0.2).float()
    planes = torch.stack((label == 255, edges.bool()), 1).double()
    joined = torch.cat((one_hot(label, 2, 13, 18), planes, x), 1)
    expected = patch_scores(weights_of(critic, layers), joined, layers=layers, scales=scales, norm=False)
    verdict = critic(x, (label, edges))
    assert len(verdict.scores) == scales
    for scale in range(scales):
        found = (*verdict.features[scale], verdict.scores[scale])
        torch.testing.assert_close(found, tuple(expected[scale]), rtol=1e-10, atol=1e-10)
    void = torch.cat((torch.zeros(2, 4, 13, 18), x), 1)
    last = [
        layers_[-2].mean((2, 3))
        for layers_ in patch_scores(
            weights_of(critic, layers), void, layers=layers, scales=scales, norm=False
        )
    ]
    torch.testing.assert_close(critic.features(x), torch.cat(last, 1), rtol=1e-10, atol=1e-10)


def test_circular_padding_follows_a_shift_of_the_picture() -> None:
    torch.manual_seed(0)
    critic = PatchDiscriminator(3, width=4, layers=2, scales=1, circular=True).double()
    assert all(isinstance(m, CircularConv2d) for m in critic.modules() if isinstance(m, nn.Conv2d))
    x = torch.randn(1, 3, 12, 12).double()
    h = F.pad(x, (2, 2, 2, 2), mode="circular")
    first = critic.critics[0].convolutions[0]
    expected = F.leaky_relu(F.conv2d(h, first.weight, first.bias, stride=2), 0.2)
    torch.testing.assert_close(critic(x).features[0][0], expected)
    assert (
        critic(x).scores[0].shape
        == PatchDiscriminator(3, width=4, layers=2, scales=1)(x.float()).scores[0].shape
    )


def test_instance_norm_cancels_the_scale_of_the_weights_before_it() -> None:
    torch.manual_seed(0)
    scores = {}
    for norm in (True, False):
        critic = PatchDiscriminator(3, width=16, instance_norm=norm)
        nn.init.zeros_(critic.critics[0].output.bias)
        x = torch.randn(4, 3, 48, 64)
        with torch.no_grad():
            before = critic(x).scores
            for name, layer in critic.named_modules():
                if patch_spectral_layers(name, layer):
                    layer.weight.mul_(10)
            scores[norm] = [
                ((a - b).abs().max() / b.std()).item() for a, b in zip(critic(x).scores, before, strict=True)
            ]
    assert max(scores[True]) < 1e-2
    assert min(scores[False]) > 1


def test_spectral_norm_of_the_released_code_is_on_the_inner_convolutions() -> None:
    critic = PatchDiscriminator(5, width=2, num_classes=2)
    normalize_weights(
        critic,
        spectral_norm(),
        torch.zeros(1, 3, 16, 16),
        torch.zeros(1, 16, 16).long(),
        include=patch_spectral_layers,
    )
    ruled = {n.partition(".parametrizations")[0] for n, _ in critic.named_parameters() if "parametr" in n}
    assert ruled == {f"critics.{s}.convolutions.{i}" for s in (0, 1) for i in (1, 2, 3)}


def test_other_numbers_and_conditions_are_rejected() -> None:
    critic = PatchDiscriminator(5, width=2, num_classes=2)
    x = torch.zeros(1, 3, 16, 16)
    for condition in (None, torch.zeros(1, dtype=torch.int64), torch.full((1, 16, 16), 2)):
        with pytest.raises(ValueError, match="PatchDiscriminator"):
            critic(x, condition)
    with pytest.raises(ValueError, match=r"5 channels.*given 3"):
        critic(x[:, :1], torch.zeros(1, 16, 16).long())
    with pytest.raises(ValueError, match="add the picture's channels"):
        PatchDiscriminator(2, num_classes=2)
    with pytest.raises(ValueError, match="num_classes is 0"):
        PatchDiscriminator(5, extra_channels=1)
    with pytest.raises(ValueError, match="scales is 0"):
        PatchDiscriminator(5, scales=0)
    assert PatchDiscriminator(3, width=2)(x, "any condition").scores[0].shape == (1, 1, 5, 5)
