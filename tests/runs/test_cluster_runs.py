"""Runs whose labels are clusters: from the command line's point of view, killed and resumed, sampled and looked at."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from children import run
from PIL import Image
from train_clusters import train_clusters

import everymode
from everymode.cli import main
from everymode.data.opening import open_images
from everymode.storage import checkpoint as files
from everymode.storage.run_folder import RunFolder, read_lines


def train(out: Path, kill: str = "") -> int | None:
    ended = run(train_clusters, out / "runs", kill, output=out / "said")
    assert kill or ended.code == 0, ended.said
    return ended.code


def only_run(out: Path) -> RunFolder:
    (path,) = (out / "runs").iterdir()
    return RunFolder(path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    out = tmp_path_factory.mktemp("whole")
    train(out)
    return only_run(out)


@pytest.mark.parametrize(("kill", "left_at"), [("between", [0, 5]), ("during", [0])])
def test_a_run_killed_between_or_during_reclusterings_resumes_exactly(
    tmp_path: Path, whole: RunFolder, kill: str, left_at: list[int]
) -> None:
    assert train(tmp_path, kill) == -signal.SIGKILL
    assert [record["step"] for record in read_lines(only_run(tmp_path).labels)] == left_at
    train(tmp_path)
    mine, theirs = (folder.checkpoints / "step-0000012" for folder in (only_run(tmp_path), whole))
    for name in (
        "generator.safetensors",
        "labels.safetensors",
        "state/state.safetensors",
        "state/state.json",
    ):
        assert (mine / name).read_bytes() == (theirs / name).read_bytes(), name
    assert read_lines(only_run(tmp_path).labels) == read_lines(whole.labels)
    assert [record["step"] for record in read_lines(whole.labels)] == [0, 5, 10]


def test_the_checkpoint_holds_teacher_centers_assignments_and_counts(whole: RunFolder) -> None:
    state = files.read_state(whole.checkpoints / "step-0000012")["modules"]["labels"]
    assert {"centers", "counts", "table", "refreshes"} <= state.keys()
    assert any(name.startswith("teacher.") for name in state)
    assert int(state["refreshes"]) == 3
    assert torch.equal(state["counts"].long(), torch.bincount(state["table"].flatten(), minlength=5))


def test_samples_take_clusters_by_number_and_by_size(whole: RunFolder, tmp_path: Path) -> None:
    generator = everymode.load(whole.path)
    assert generator.num_labels == 5
    assert generator.classes == ()  # the names of digits are not those of clusters
    counts = files.read_state(whole.checkpoints / "step-0000012")["modules"]["labels"]["counts"]
    assert torch.equal(generator.labels.counts, counts)
    saved = everymode.load(generator.save(tmp_path / "shared"))
    assert torch.equal(saved.sample(4, seed=3), generator.sample(4, seed=3))
    assert main(["sample", str(whole.path), "--cluster", "2", "--seeds", "0-1", "--out", str(tmp_path)]) == 0
    picture = np.asarray(Image.open(tmp_path / "label-2-seed0001.png"))
    asked = everymode.load(whole.path).sample(1, label=2, seed=1)
    assert np.array_equal(picture, ((asked[0, 0] + 1) * 127.5).round().clip(0, 255).numpy().astype(np.uint8))


def test_a_cluster_is_not_asked_for_twice_or_where_there_is_none(
    whole: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sample", str(whole.path), "--cluster", "2", "--label", "2"]) == 2
    assert "exclude each other: set one" in capsys.readouterr().err
    assert main(["sample", str(whole.path), "--cluster", "5"]) == 2
    assert "there is no cluster 5: clusters are numbered 0 to 4" in capsys.readouterr().err


def test_the_clusters_command_reports_and_draws(
    whole: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["clusters", str(whole.path), "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "5 clusters of 1,297 examples and their mirror images at step 12" in said
    assert "(step 10)" in said
    report = json.loads((tmp_path / "report.json").read_text())
    assert sum(report["sizes"]) == 2 * 1297
    assert 0 < report["nmi"] < 1
    assert 0.1 < report["purity"] < 1
    occupied = sum(size > 0 for size in report["sizes"])
    assert len(list(tmp_path.glob("cluster-*.png"))) == occupied
    overview = Image.open(tmp_path / "clusters.png")
    assert overview.width > overview.height / occupied * 16
    assert report.get("scores") is None
    assert main(["clusters", str(whole.path), "--distances", "12", "--out", str(tmp_path)]) == 0
    scores = json.loads((tmp_path / "report.json").read_text())["scores"]
    assert scores["samples"] == 12
    assert len(scores["distances"]) == len(scores["coverages"]) == 5
    assert "from 12 samples of each cluster" in capsys.readouterr().out


def test_the_clusters_command_refuses_other_data(
    whole: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As many images, the same ones in another order: their clusters would be shown under other images."""
    digits = open_images("digits:train", resolution=16)
    order = np.random.default_rng(0).permutation(len(digits))
    other = tmp_path / "other.npz"
    np.savez(
        other, images=np.asarray(digits.images)[order].transpose(0, 2, 3, 1), labels=digits.labels[order]
    )
    assert main(["clusters", str(whole.path), "--data", str(other), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "is not the data" in said and "--init-from" not in said and "name that data with --data" in said
    assert not (tmp_path / "out").exists()


def test_clusters_of_mirror_images_are_reported_and_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = np.zeros((40, 32, 32, 3), np.uint8)
    images[:, :, :16, 0] = images[:, :, 16:, 2] = (
        200  # red on the left, blue on the right: mirrored, another image
    )
    np.savez(tmp_path / "flags.npz", images=images)
    small = "--clusters 2 --steps 3 --refresh-every 2 --width 4 --batch-size 8 --watch-samples 0"
    out = tmp_path / "runs"
    data = ["--data", str(tmp_path / "flags.npz"), "--out", str(out)]
    assert main(["train", "self-conditioned-32", *small.split(), *data]) == 0
    (run,) = out.iterdir()
    capsys.readouterr()
    assert main(["clusters", str(run)]) == 0
    said = capsys.readouterr().out
    assert (
        "2 clusters of 40 examples and their mirror images at step 3: sizes 40 to 40, median 40, 0 empty"
        in said
    )
    left = [np.asarray(Image.open(run / "clusters" / f"cluster-00{i}.png"))[16, 8] for i in (0, 1)]
    assert sorted(int(pixel.argmax()) for pixel in left) == [0, 2]  # one begins red, one blue


def test_a_cluster_without_images_is_named_before_it_is_drawn(
    whole: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = everymode.load(whole.path)
    saved.labels.counts[3] = 0
    saved.save(tmp_path / "saved")
    asked = ["--cluster", "3", "--seeds", "0", "--out", str(tmp_path / "out")]
    assert main(["sample", str(tmp_path / "saved"), *asked]) == 0
    assert "cluster 3 has no images at this checkpoint" in capsys.readouterr().out


def test_generators_are_no_clusters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = everymode.train("mgan-ring", out=tmp_path, steps=2, quiet=True)
    capsys.readouterr()
    assert main(["clusters", str(run.folder)]) == 2
    assert "numbers of generators" in capsys.readouterr().err
    assert main(["sample", str(run.folder), "--cluster", "1"]) == 2
    assert "this one's are generators, so use --label" in capsys.readouterr().err


def test_a_flat_folder_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(60):
        color = tuple(int(value) for value in np.random.default_rng(number).integers(256, size=3))
        Image.new("RGB", (40, 36), color).save(photos / f"{number}.png")
    out = tmp_path / "runs"
    small = ["--steps", "2", "--width", "4", "--batch-size", "8", "--watch-samples", "0", "--device", "cpu"]
    assert main(["train", "self-conditioned-32", "--data", str(photos), "--out", str(out), *small]) == 0
    said = capsys.readouterr().out
    assert "labels are 6 clusters" in said and "labels refreshed at step 0" in said
    (run_folder,) = out.iterdir()
    assert main(["clusters", str(run_folder), "--data", str(photos), "--out", str(tmp_path / "shown")]) == 0
    assert len(list((tmp_path / "shown").glob("cluster-*.png"))) == 6
    assert main(["sample", str(run_folder), "--cluster", "4", "--grid", str(tmp_path / "four.png")]) == 0
    assert Image.open(tmp_path / "four.png").size[0] > 32


def test_runs_without_clusters_are_refused_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    everymode.train(
        "omni-gan-digits", out=tmp_path, steps=1, tick=1, snapshot=1, width=4, batch_size=16, quiet=True
    )
    (path,) = tmp_path.iterdir()
    assert main(["clusters", str(path)]) == 2
    assert "has no clusters" in capsys.readouterr().err
    assert main(["sample", str(path), "--cluster", "1"]) == 2
    assert "use --label" in capsys.readouterr().err
