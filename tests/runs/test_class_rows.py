"""Starting from a run of other classes, held-out data of fewer classes, and data that are numbered otherwise."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from everymode import load, train
from everymode.data.classes import with_images_alone
from everymode.data.synthetic import in_memory
from everymode.storage import checkpoint as files


def _data(classes: tuple[str, ...], name: str = "mine"):
    labels = np.arange(24) % len(classes)
    images = np.random.default_rng(0).integers(0, 256, (24, 1, 16, 16), dtype=np.uint8)
    return in_memory(name, images, labels, classes)


def _train(data, out: Path, **options):
    small = {
        "steps": 1,
        "tick": 1,
        "snapshot": 1,
        "batch_size": 8,
        "width": 4,
        "device": "cpu",
        "quiet": True,
    }
    return train("omni-gan-digits", data=data, out=out, **(small | {"held_out": ""} | options))


def _network(run, which: str) -> dict[str, torch.Tensor]:
    checkpoint = files.newest_of_run(run.folder)
    return files.read_state(checkpoint)["modules"][which]


def _moves(name: str) -> bool:
    """Whether a tensor changes in a step with a learning rate of 0."""
    return name.endswith((".u", ".v")) or "running" in name or "num_batches" in name


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory):
    return _train(_data(("ant", "bee", "cat")), tmp_path_factory.mktemp("first"))


def test_rows_go_to_the_classes_of_the_same_name(
    first, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    still = {"generator_lr": 0.0, "discriminator_lr": 0.0}
    second = _train(
        _data(("bee", "dog", "elk", "ant")), tmp_path, init_from=first.folder, quiet=False, **still
    )
    said = capsys.readouterr().out
    assert "classes: rows of 2 of 4 classes copied by name; new: dog, elk; dropped: cat" in said
    rows = 0
    for which in ("generator", "discriminator"):
        old, new = _network(first, which), _network(second, which)
        for name, tensor in new.items():
            theirs = old[name]
            if _moves(name):
                continue
            if tensor.shape == theirs.shape:
                assert torch.equal(tensor, theirs), name
            else:
                rows += 1
                more = tensor.shape[0] - 4
                assert theirs.shape[0] == 3 + more
                assert torch.equal(tensor[0], theirs[1]) and torch.equal(tensor[3], theirs[0])
                assert torch.equal(tensor[4:], theirs[3:])
                assert not any(torch.equal(tensor[1], theirs[row]) for row in range(3))
    assert rows >= 2


def test_classes_in_another_order_are_not_mixed_up(first, tmp_path: Path) -> None:
    second = _train(
        _data(("cat", "ant", "bee")), tmp_path, init_from=first.folder, generator_lr=0.0, discriminator_lr=0.0
    )
    moved = 0
    for which in ("generator", "discriminator"):
        old, new = _network(first, which), _network(second, which)
        for name, tensor in new.items():
            if not _moves(name) and not torch.equal(tensor, old[name]):
                order = [2, 0, 1, *range(3, len(tensor))]
                assert torch.equal(tensor, old[name][order]), name
                moved += 1
    assert moved >= 2


def test_held_out_data_may_lack_classes_and_are_matched_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (12, 16, 16), dtype=np.uint8)
    np.savez(tmp_path / "held.npz", images=pixels, labels=np.array(["cat", "bee"] * 6))
    run = _train(
        _data(("ant", "bee", "cat")), tmp_path, held_out=str(tmp_path / "held.npz"), watch_samples=12
    )
    assert "watch/held_out" in (run.folder / "log.jsonl").read_text()
    np.savez(tmp_path / "held.npz", images=pixels, labels=np.array(["cat", "gnu"] * 6))
    with pytest.raises(ValueError, match=r"held\.npz has classes that the training data lacks \(gnu\)"):
        _train(_data(("ant", "bee", "cat")), tmp_path, held_out=str(tmp_path / "held.npz"), watch_samples=12)


def test_a_run_whose_data_were_numbered_otherwise_says_so(tmp_path: Path) -> None:
    wide = _data(("0", "1", "2"))
    labels = np.where(wide.labels == 1, 2, wide.labels)
    gaps = in_memory("gaps", np.asarray(wide.images), labels, ("0", "1", "2"))
    run = _train(gaps, tmp_path)
    config = json.loads((run.folder / "config.json").read_text())
    assert config["data"]["classes"] == ["0", "2"] == list(with_images_alone(gaps).classes)
    config["data"] |= {"classes": ["0", "1", "2"], "fingerprint": "0" * 32}
    (run.folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(
        ValueError,
        match=r"are not those that .*Then: 3 classes \(0, 1, 2\); now: 2 classes \(0, 2\)",
    ):
        _train(gaps, tmp_path, resume=run.folder, steps=2)


def test_only_classes_with_images_are_drawn(tmp_path: Path) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (16, 16, 16), dtype=np.uint8)
    np.savez(tmp_path / "few.npz", images=pixels, labels=np.array([4, 90] * 8))
    generator = load(_train(str(tmp_path / "few.npz"), tmp_path).folder)
    assert generator.classes == ("4", "90") and generator.num_labels == 2
    assert torch.equal(generator.sample(1, label=90), generator.sample(1, label="90"))
    assert torch.equal(generator.sample(1, label=[4]), generator.sample(1, label=0, by_position=True))
    with pytest.raises(ValueError, match="there is no label 1: this generator knows 4, 90"):
        generator.sample(1, label=1)
