"""Shared folders: what is loaded is what was saved, for every kind of generator, and nothing private travels."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from shared_folders import KINDS, drawn, generator_of
from toy_games import ToyRecipe, toy_trainer

from everymode.sampling.generator import Generator, load
from everymode.sampling.record import FORMAT, record_of
from everymode.sampling.rejection import sample_accepted
from everymode.sharing import files, folder
from everymode.sharing.folder import shared_description

FOLDERS = Path(__file__).parent / "folders"


@pytest.fixture
def _no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders are written without samples, which most tests don't need."""
    monkeypatch.setattr(folder, "draw_picture", lambda generator, path: "")


@pytest.mark.usefixtures("_no_picture")
@pytest.mark.parametrize("name", KINDS)
def test_a_loaded_generator_draws_the_same_bits(name: str, tmp_path: Path) -> None:
    generator = generator_of(name)
    again = load(generator.save(tmp_path / "shared"))
    state, expected = again.network.state_dict(), generator.network.state_dict()
    assert list(state) == list(expected)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in state.items())
    assert torch.equal(drawn(again), drawn(generator))
    assert (again.num_labels, again.classes) == (generator.num_labels, generator.classes)
    if not generator.labels.needs_examples:
        labels = [
            torch.cat([each.labels.draw(draw) for draw in each.draws(range(40))])
            for each in (again, generator)
            if each.num_labels
        ]
        assert all(torch.equal(each, labels[0]) for each in labels)
    # A loaded one is saved with the same content.
    config = json.loads((tmp_path / "shared" / "config.json").read_text())
    twice = json.loads((again.save(tmp_path / "twice") / "config.json").read_text())
    assert twice == config


@pytest.mark.usefixtures("_no_picture")
def test_rejection_works_with_what_is_saved(tmp_path: Path) -> None:
    generator = generator_of("partition-guided-digits")
    again = load(generator.save(tmp_path / "shared"))
    images, accepted = sample_accepted(generator, 12, retries=3)
    loaded_images, loaded_accepted = sample_accepted(again, 12, retries=3)
    assert torch.equal(images, loaded_images) and torch.equal(accepted, loaded_accepted)
    assert int(accepted.sum()) > 0


@pytest.mark.usefixtures("_no_picture")
def test_double_precision_weights_stay_double(tmp_path: Path) -> None:
    generator = generator_of("omni-gan-digits")
    generator.network.double()
    again = load(generator.save(tmp_path / "shared"))
    assert again.dtype == torch.float64
    assert torch.equal(again.sample(3), generator.sample(3))


def test_nothing_private_travels(tmp_path: Path) -> None:
    generator = generator_of("omni-gan-digits")
    generator.config["recipe"]["numbers"] |= {
        "held_out": "/home/lovelace/test",
        "data": "/home/lovelace/photos",
    }
    generator.config["recipe"]["numbers"]["metric_extractor"] = "C:\\lovelace\\net.pth"
    generator.config["recipe"]["parts"]["labels"]["numbers"]["partitioner"] = "~/parts"
    generator.config["versions"] = {"python": "3.11", "torch": "2.13"}
    card = {
        "format": 1,
        "metrics": {
            "fd-x": {"metric": "fd", "value": 1.5, "better": "lower", "details": {"parts": {"a": {}}}}
        },
        "protocol": {"extractor": {"name": "x", "weights": "/home/lovelace/x.pth"}, "fake_images": 9},
        "subject": {"source": "runs/lovelace", "real_source": "/home/lovelace/real", "facts": {"step": 7}},
        "environment": {"device": "lovelace's GPU"},
        "warnings": ["/home/lovelace/real holds JPEG files", "few images"],
        "times": {"date": "2026-01-02T03:04:05"},
    }
    saved = generator.save(tmp_path / "shared", scores=[card])
    for path in saved.iterdir():
        content = path.read_bytes()
        for secret in (b"lovelace", b"/home", b"cuda", b"train --", socket.gethostname().encode()):
            assert secret not in content, (path, secret)
    config = json.loads((saved / "config.json").read_text())
    assert set(config) == {
        *("everymode", "format", "step", "versions", "recipe", "data", "scores", "folder_format", "sha256")
    }
    assert config["scores"][0]["warnings"] == ["few images"]
    assert config["scores"][0]["metrics"]["fd-x"] == {"metric": "fd", "value": 1.5, "better": "lower"}
    assert set(config["sha256"]) == {path.name for path in saved.iterdir()}


def test_a_readme_of_the_user_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# My project")
    with pytest.raises(FileExistsError, match=r"README\.md was not written by everymode"):
        generator_of("omni-gan-digits").save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


def test_saving_over_another_generator_leaves_none_of_its_files(tmp_path: Path) -> None:
    generator_of("self-conditioned-digits").save(tmp_path / "a", data_name="stars", license="mit")
    generator = generator_of("san-sr-photos")  # without labels and without a picture
    generator.save(tmp_path / "a")
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        *("README.md", "config.json", "generator.safetensors")
    ]
    assert torch.equal(drawn(load(tmp_path / "a")), drawn(generator))


def test_a_generator_without_a_recipe_is_not_saved(tmp_path: Path) -> None:
    generator = generator_of("omni-gan-digits")
    with pytest.raises(ValueError, match="has no recipe in its config"):
        Generator(generator.network, generator.labels).save(tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_a_custom_recipe_shares_its_numbers_but_no_code(tmp_path: Path) -> None:
    recipe = ToyRecipe(width=6)
    trainer = toy_trainer(recipe)
    config = {"format": FORMAT, "recipe": {"file": "/home/lovelace/mine.py", **record_of(recipe)}}
    generator = Generator(trainer.average, trainer.game.labels, config=config)
    saved = generator.save(tmp_path / "a")
    assert "lovelace" not in (saved / "config.json").read_text()
    with pytest.raises(ValueError, match="custom recipe"):
        load(saved)
    assert torch.equal(load(saved, recipe=ToyRecipe()).sample(3), generator.sample(3))
    assert "recipe=RECIPE" in (saved / "README.md").read_text()


def test_loading_builds_no_discriminator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from everymode.networks.biggan import BigGANDiscriminator

    monkeypatch.setattr(folder, "draw_picture", lambda generator, path: "")
    shared = [
        generator_of(name).save(tmp_path / name) for name in ("omni-gan-digits", "self-conditioned-digits")
    ]
    monkeypatch.setattr(
        BigGANDiscriminator, "__init__", lambda *_, **__: pytest.fail("built a discriminator")
    )
    for each in shared:
        load(each)


def test_the_files_that_are_listed_are_there_and_can_be_read_by_others(tmp_path: Path) -> None:
    saved = generator_of("self-conditioned-digits").save(tmp_path / "a")
    names = {"README.md", "config.json", "generator.safetensors", "labels.safetensors", "samples.png"}
    assert {path.name for path in saved.iterdir()} == names
    assert {path.suffix for path in saved.iterdir()} <= set(files.SUFFIXES)
    assert len({path.stat().st_mode for path in saved.iterdir() if path.name != "samples.png"}) == 1
    with safe_open(saved / "generator.safetensors", framework="pt") as stored:
        assert not stored.metadata()


def test_facts_of_an_earlier_folder_are_kept_unless_they_are_set(tmp_path: Path) -> None:
    generator = generator_of("omni-gan-digits")
    first = shared_description(generator, data_name="stars", license="mit", scores=[])
    generator.config = first
    assert shared_description(generator) == first
    assert shared_description(generator, license="cc0-1.0")["license"] == "cc0-1.0"


@pytest.mark.parametrize("version", ["0", "1"])
def test_folders_of_every_format_load(version: str) -> None:
    # Format 0 is that of everymode 0.2 before there were hashes; expected.json was written together with each folder.
    saved = FOLDERS / version
    expected = json.loads((saved / "expected.json").read_text())
    generator = load(saved)
    images = generator.sample(4, seed=2)
    torch.testing.assert_close(images.flatten()[:: expected["every"]], torch.tensor(expected["pixels"]))
    labels = torch.cat([generator.labels.draw(draw) for draw in generator.draws(range(20))])
    assert labels.tolist() == expected["labels"]
    assert ("sha256" in generator.config) == (version != "0")
    assert list(generator.classes) == expected["classes"]


@pytest.mark.usefixtures("_no_picture")
def test_weights_of_several_types_keep_theirs(tmp_path: Path) -> None:
    generator = generator_of("omni-gan-digits")
    name, tensor = next(iter(generator.network.named_buffers()))
    tensor.data = tensor.data.double() + 1e-12
    again = load(generator.save(tmp_path / "shared"))
    assert again.dtype == torch.float32
    assert torch.equal(again.network.get_buffer(name), generator.network.get_buffer(name))
