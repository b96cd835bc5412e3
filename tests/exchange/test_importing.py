"""Generators of other projects: equal to what the released code drew, and every misfit is named.

The images in vectors_released_generators.npz are those of ajbrock/BigGAN-PyTorch (BigGAN.Generator) and
POSTECH-CVLab/PyTorch-StudioGAN (models/big_resnet.py) in eval mode, at width 8, with the state dicts of
`released_states`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from released_states import case, released_state, shapes_of, thinned
from torch import Tensor

from everymode.exchange import import_weights
from everymode.exchange.release_names import RELEASES
from everymode.sampling.generator import Generator, load

Import = Callable[..., Generator]
SMALL = {"biggan-pytorch": "biggan-pytorch 32", "studiogan": "studiogan 32"}


@pytest.fixture
def imported(tmp_path: Path) -> Import:
    def call(state: Any, release: str | Path, **options: Any) -> Generator:
        file = tmp_path / "G_ema.pth"
        torch.save(state, file)
        return import_weights(release, file, **{"license": "mit", "source": "https://example.org"} | options)

    return call


def images_of(generator: Generator, name: str) -> Tensor:
    with torch.no_grad():
        return thinned(generator.network(*case(name).inputs(name)))


def state_of(name: str) -> dict[str, Tensor]:
    return released_state(shapes_of(name))


def release_of(name: str) -> str:
    return name.split(" ")[0]


@pytest.mark.parametrize(
    "name",
    [
        *("biggan-pytorch 32", "biggan-pytorch 64", "biggan-pytorch mybn", "biggan-pytorch plain"),
        *("studiogan 32", "studiogan 64", "studiogan unconditional", "studiogan plain"),
        *(
            pytest.param(f"{release} {size}", marks=pytest.mark.slow)
            for release in RELEASES
            for size in (128, 256)
        ),
    ],
)
def test_images_are_those_of_the_released_code(name: str, imported: Import) -> None:
    state = state_of(name)
    generator = imported({"state_dict": state} if "studiogan" in name else state, release_of(name))
    known = case(name)
    assert generator.network.size == (known.size, known.size)
    assert generator.latent_dim == known.latent_dim
    assert generator.num_labels == (0 if name == "studiogan unconditional" else known.classes)
    assert known.images.std() > 0.1
    torch.testing.assert_close(images_of(generator, name), known.images, rtol=0, atol=5e-5)


@pytest.mark.parametrize("name", ["biggan-pytorch mybn", "studiogan unconditional"])
def test_a_folder_has_the_same_generator(name: str, imported: Import, tmp_path: Path) -> None:
    Image.new("RGB", (1, 1)).save(tmp_path / "samples.png")
    generator = imported(state_of(name), release_of(name))
    again = load(generator.save(tmp_path / "folder", samples=tmp_path / "samples.png"))
    assert torch.equal(images_of(again, name), images_of(generator, name))
    assert torch.equal(again.sample(1, seed=3), generator.sample(1, seed=3))
    for field in ("license", "imported"):
        assert again.config[field] == generator.config[field]


def test_what_is_read_from_names_and_shapes(imported: Import) -> None:
    layouts = {
        name: imported(state_of(name), release_of(name)).config["recipe"]["parts"]["networks"]["numbers"]
        for name in ("biggan-pytorch 64", "studiogan 64", "biggan-pytorch mybn", "studiogan unconditional")
    }
    names = ("widths", "width", "attention_sizes", "latent_dim", "shared_dim", "hierarchical", "norm_epsilon")
    assert {name: tuple(numbers[each] for each in names) for name, numbers in layouts.items()} == {
        "biggan-pytorch 64": ((128, 128, 64, 32, 16), 8, (32,), 25, 16, True, 1e-5),
        # The narrower layout of StudioGAN.
        "studiogan 64": ((128, 64, 32, 16, 8), 8, (32,), 25, 16, True, 1e-4),
        "biggan-pytorch mybn": ((32, 32, 32, 32), 8, (16, 32), 16, 12, False, 1e-5),
        "studiogan unconditional": ((32, 32, 32, 32), 8, (), 16, 0, True, 1e-4),
    }


@pytest.mark.parametrize("release", RELEASES)
def test_epsilon_and_singular_values_are_those_of_the_release(release: str, imported: Import) -> None:
    name, state = SMALL[release], state_of(SMALL[release])
    other = {"biggan-pytorch": 1e-4, "studiogan": 1e-5}[release]
    wrong = images_of(imported(state, release, norm_epsilon=other), name)
    assert (wrong - case(name).images).abs().max() > 5e-5
    # Other vectors change sigma; in StudioGAN both of them do.
    for ending in {"biggan-pytorch": ("conv1.u0",), "studiogan": ("conv2d1.weight_u", "conv2d1.weight_v")}[
        release
    ]:
        changed = dict(state)
        vector = f"blocks.0.0.{ending}"
        changed[vector] = torch.nn.functional.normalize(state[vector].flip(-1) + state[vector], dim=-1)
        images = images_of(imported(changed, release), name)
        assert (images - case(name).images).abs().max() > 5e-5


@pytest.mark.parametrize("release", RELEASES)
def test_each_name_has_a_place_and_gets_its_name_back(release: str) -> None:
    conventions = RELEASES[release]
    for name in ("32", "64", "256"):
        names = shapes_of(f"{release} {name}")
        ours = conventions.to_ours(names.keys())
        attention = {int(each.split(".")[1]) for each in ours.values() if each and "attention" in each}
        for released, each in ours.items():
            if each is None:
                assert released.endswith((".sv0", ".num_batches_tracked"))
            else:
                spectral = f"{released.removesuffix('_orig')}_u" in names
                assert conventions.released_name(each, attention, spectral) == released
        assert len(set(ours.values()) - {None}) == len([each for each in ours.values() if each is not None])


@pytest.mark.parametrize(
    ("release", "name"),
    [
        *(
            ("biggan-pytorch", name)
            for name in ("blocks.1.0.conv_sc.bias", "linear.u0", "output_layer.2.weight")
        ),
        *(("biggan-pytorch", name) for name in ("blocks.2.0.bn2.stored_var", "blocks.1.0.bn1.gain.weight")),
        *(
            ("studiogan", name)
            for name in ("shared.weight", "linear0.weight_v", "blocks.2.0.sigma", "bn4.weight")
        ),
        *(
            ("studiogan", name)
            for name in ("blocks.2.0.conv1x1_g.weight_orig", "blocks.3.0.bn1.bn.running_mean")
        ),
    ],
)
def test_a_missing_tensor_is_named(release: str, name: str, imported: Import) -> None:
    state = state_of(SMALL[release])
    del state[name]
    with pytest.raises(ValueError, match=f"missing.*{name}|{name}.*missing") as error:
        imported(state, release)
    assert "unused" not in str(error.value)


@pytest.mark.slow
@pytest.mark.parametrize("release", RELEASES)
def test_no_tensor_may_be_missing(release: str, imported: Import) -> None:
    state = state_of(SMALL[release])
    for name in state:
        rest = {each: value for each, value in state.items() if each != name}
        if name.endswith((".sv0", ".num_batches_tracked")):
            imported(rest, release)
        else:
            with pytest.raises(ValueError, match=r"missing|holds no"):
                imported(rest, release)


def test_unused_and_misshapen_tensors_are_named(imported: Import) -> None:
    state = state_of("biggan-pytorch 32")
    for extra in (
        "surprise",
        "blocks.0.0.conv1.v0",
        "blocks.0.0.bn1.bn.running_mean",
        "blocks.1.0.conv3.weight",
    ):
        with pytest.raises(ValueError, match=extra):
            imported({**state, extra: torch.zeros(3)}, "biggan-pytorch")
    for name, shape in (("blocks.1.0.conv2.weight", (32, 32, 1, 1)), ("blocks.0.0.conv1.u0", (1, 31))):
        with pytest.raises(ValueError, match=f"{name.removesuffix('.u0')}.*\\b(1, 1|31)\\b"):
            imported({**state, name: torch.ones(shape)}, "biggan-pytorch")
    with pytest.raises(ValueError, match=r"output_layer\.2\.bias.*not finite"):
        imported({**state, "output_layer.2.bias": torch.full((3,), torch.nan)}, "biggan-pytorch")
    with pytest.raises(ValueError, match=r"linear\.weight.*not finite"):
        imported({**state, "linear.weight": state["linear.weight"] * torch.inf}, "biggan-pytorch")
    for name, value, message in (
        ("linear.weight", 0.0, r"linear\.weight or its vector is 0"),
        ("linear.u0", 0.0, r"linear\.weight or its vector is 0"),
        ("output_layer.0.stored_var", -1.0, r"output_layer\.0\.stored_var has negative variances"),
    ):
        with pytest.raises(ValueError, match=message):
            imported({**state, name: torch.full_like(state[name], value)}, "biggan-pytorch")
    with pytest.raises(ValueError, match=r"linear\.bias has integers \(torch\.int64\)"):
        imported({**state, "linear.bias": state["linear.bias"].long()}, "biggan-pytorch")


def test_without_its_vectors_a_file_is_not_taken_for_one_without_spectral_norm(imported: Import) -> None:
    for release, ends in (("biggan-pytorch", ".u0"), ("studiogan", ("_u", "_v"))):
        state = {name: value for name, value in state_of(SMALL[release]).items() if not name.endswith(ends)}
        with pytest.raises(ValueError, match=r"missing: .*linear0?\.(u0|weight_u)"):
            imported(state, release)


@pytest.mark.parametrize(
    ("state", "release", "message"),
    [
        ("biggan-pytorch D", "biggan-pytorch", "holds a discriminator"),
        ("studiogan D", "studiogan", "holds a discriminator"),
        ("biggan-pytorch deep", "biggan-pytorch", "BigGAN-deep"),
        ("studiogan 32", "biggan-pytorch", "names of StudioGAN.*import it as studiogan"),
        ("biggan-pytorch 32", "studiogan", "names of BigGAN-PyTorch.*import it as biggan-pytorch"),
    ],
)
def test_other_networks_are_rejected_by_name(
    state: str, release: str, message: str, imported: Import
) -> None:
    with pytest.raises(ValueError, match=message):
        imported(state_of(state), release)


def test_other_contents_are_rejected(imported: Import) -> None:
    with pytest.raises(ValueError, match=r"holds no generator of StudioGAN.*features"):
        imported({"features.0.weight": torch.zeros(3)}, "studiogan")
    state = state_of("studiogan 32")
    state["info_proj_linear.weight_orig"] = torch.zeros(3, 3)
    with pytest.raises(ValueError, match="1 unused: info_proj_linear"):
        imported(state, "studiogan")
    with pytest.raises(ValueError, match="no release 'tensorflow': choose biggan-pytorch or studiogan"):
        imported(state, "tensorflow")
    with pytest.raises(ValueError, match="license is empty"):
        imported(state, "studiogan", license=" ")
    with pytest.raises(ValueError, match="norm_epsilon must be above 0"):
        imported(state, "studiogan", norm_epsilon=0.0)


def test_half_precision_and_names_of_data_parallel(imported: Import) -> None:
    name = "biggan-pytorch 32"
    state = {f"module.{each}": value.double() for each, value in state_of(name).items()}
    generator = imported(state, "biggan-pytorch")
    assert generator.dtype == torch.float32
    torch.testing.assert_close(images_of(generator, name), case(name).images, rtol=0, atol=5e-5)
    halves = {each: value.half() for each, value in state_of(name).items()}
    images = images_of(imported(halves, "biggan-pytorch"), name)
    torch.testing.assert_close(images, case(name).images, rtol=0, atol=0.05)


def test_accumulated_statistics_are_a_flag(imported: Import) -> None:
    name = "biggan-pytorch mybn"
    state = state_of(name)
    for each in [each for each in state if each.endswith("accumulation_counter")]:
        state[each] = torch.tensor([16.0])
        for statistic in ("stored_mean", "stored_var"):
            state[each.replace("accumulation_counter", statistic)] *= 16
    with pytest.raises(ValueError, match="set standing_statistics"):
        imported(state, "biggan-pytorch")
    means = imported(state, "biggan-pytorch", standing_statistics=True)
    torch.testing.assert_close(images_of(means, name), case(name).images, rtol=0, atol=5e-5)
    sums = imported(state, "biggan-pytorch", standing_statistics=False)
    assert (images_of(sums, name) - case(name).images).abs().max() > 0.01
    with pytest.raises(ValueError, match="no accumulation counter above zero"):
        imported(state_of(name), "biggan-pytorch", standing_statistics=True)


def test_rectangles_need_the_resolution(imported: Import) -> None:
    name = "biggan-pytorch 32"
    state = state_of(name)
    for each in ("linear.weight", "linear.bias"):
        state[each] = state[each].reshape(32, 16, -1)[:, :8].flatten(0, 1).squeeze(1)
    state["linear.u0"] = state["linear.u0"][:, : 32 * 8]
    with pytest.raises(ValueError, match=r"first grid has 8 positions.*set resolution"):
        imported(state, "biggan-pytorch")
    with pytest.raises(ValueError, match="resolution 32x32 doesn't fit"):
        imported(state, "biggan-pytorch", resolution=32)
    generator = imported(state, "biggan-pytorch", resolution="16x32")
    assert generator.sample(1, label=9).shape == (1, 3, 16, 32)


def test_a_map_of_names(imported: Import, tmp_path: Path) -> None:
    """The state dict of StudioGAN under arbitrary names, with a map to ours."""
    name = "studiogan 32"
    ours = RELEASES["studiogan"].to_ours(shapes_of(name).keys())
    numbers = {each: f"tensor {index}" for index, each in enumerate(ours)}
    state = {numbers[each]: value for each, value in state_of(name).items()}
    names = tmp_path / "names.json"
    names.write_text(json.dumps({numbers[each]: target for each, target in ours.items()}))
    with pytest.raises(ValueError, match="set norm_epsilon"):
        imported(state, names)
    generator = imported(state, names, norm_epsilon=1e-4)
    torch.testing.assert_close(images_of(generator, name), case(name).images, rtol=0, atol=5e-5)
    with pytest.raises(ValueError, match="unused, as the map lacks them: other"):
        imported({**state, "other": torch.zeros(1)}, names, norm_epsilon=1e-4)
    del state["tensor 0"]
    with pytest.raises(ValueError, match="missing: tensor 0;"):
        imported(state, names, norm_epsilon=1e-4)
    state = {"a": torch.zeros(2), "b": torch.zeros(2)}
    for content, message in (
        ('{"a": "linear.weight", "b": "linear.weight"}', r"linear\.weight occurs twice"),
        ('{"a": 3, "b": null}', "a maps to 3"),
        ('{"a": null, "b": "surprise"}', "holds no generator of names"),
        ("[]", "not a JSON object"),
    ):
        names.write_text(content)
        with pytest.raises(ValueError, match=message):
            imported(state, names, norm_epsilon=1e-4)
    with pytest.raises(FileNotFoundError):
        imported(state, tmp_path / "none.json", norm_epsilon=1e-4)
