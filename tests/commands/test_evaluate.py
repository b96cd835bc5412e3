"""`everymode evaluate` and `everymode compare`, on a run of two steps."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from picture_generators import saved
from PIL import Image

import everymode
from everymode.cli import main
from everymode.commands.compare import card_files
from everymode.commands.evaluate import evaluations_folder
from everymode.recipes import find

QUICK = ["--extractor", "random:16", "--metrics", "fd,kd", "--num", "60"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run folder with checkpoints of steps 1 and 2."""
    out = tmp_path_factory.mktemp("my runs")
    numbers = {"steps": 2, "snapshot": 1, "width": 4, "batch_size": 16, "latent_dim": 8, "watch_samples": 0}
    return everymode.train("omni-gan-digits", out=out, device="cpu", quiet=True, **numbers).folder


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, tmp_path_factory, monkeypatch):
    """A current folder of its own; one cache for all."""
    monkeypatch.setenv("EVERYMODE_CACHE", str(tmp_path_factory.getbasetemp() / "evaluate-cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(capsys):
    captured = capsys.readouterr()
    return captured.out, captured.err


def evaluated(capsys, *words):
    assert main(["evaluate", *map(str, words)]) == 0
    return read(capsys)[0]


def card_of(text):
    (line,) = [line for line in text.splitlines() if line.startswith("score card: ")]
    return json.loads(Path(line.removeprefix("score card: ")).read_text())


def test_a_run_is_judged_against_its_own_data_and_the_card_lies_with_it(run, capsys):
    out = evaluated(capsys, run, *QUICK)
    card = card_of(out)
    assert "fd-random-16" in out
    assert str(run / "evaluations") in out
    assert card["subject"]["real_source"] == "digits:train"
    assert card["subject"]["label"] == "omni-gan-digits step 2"
    assert card["protocol"]["real"]["image_shape"] == [1, 16, 16]
    assert card["protocol"]["sampling"]["ema"] is True
    assert card["metrics"]["fd-random-16"]["fake"] == 60
    assert list(card) == sorted(card)
    again = card_of(evaluated(capsys, "--fake", run, "--real", "digits:train", *QUICK))
    assert again.pop("times") != {}
    card.pop("times")
    assert again == card


def test_sampling_flags_reach_the_card(run, capsys):
    words = [
        "--truncation",
        "0.5",
        "--truncation-rule",
        "resample",
        "--label-prior",
        "uniform",
        "--seed",
        "3",
    ]
    card = card_of(
        evaluated(capsys, run, *QUICK, *words, "--batch-statistics", "--no-ema", "--out", "c.json")
    )
    sampling = card["protocol"]["sampling"]
    assert sampling["truncation"] == 0.5
    assert sampling["truncation_rule"] == "resample"
    assert sampling["label_prior"] == "uniform"
    assert sampling["batch_norm"] == "batch"
    assert sampling["ema"] is False
    assert card["subject"]["seeds"] == {"sampling": 3, "training": 0}
    standing = card_of(evaluated(capsys, run, *QUICK, "--standing-statistics"))
    assert standing["protocol"]["sampling"]["standing_batches"] == 16


def test_a_checkpoint_by_its_step_and_the_raw_generator_differ(run, capsys):
    first = card_of(evaluated(capsys, run / "checkpoints" / "step-0000001", *QUICK))
    assert first["subject"]["facts"]["step"] == 1
    average = card_of(evaluated(capsys, run, *QUICK))
    raw = card_of(evaluated(capsys, run, *QUICK, "--no-ema"))
    weights = [card["subject"]["facts"]["weights"] for card in (first, average, raw)]
    assert len(set(weights)) == 3 or weights[1] == weights[2]  # the average may still be a plain copy


def test_images_against_images(elsewhere, capsys):
    digits = everymode.open_images("digits:train", resolution=16)
    np.savez("made.npz", images=np.asarray(digits.images[:200]), labels=digits.labels[:200])
    words = ["--fake", "made.npz", "--real", "digits:held-out", "--resolution", "16", *QUICK]
    out = evaluated(capsys, *words)
    assert "the score card is not saved" in out
    printed = json.loads(evaluated(capsys, *words, "--json"))
    assert printed["protocol"]["sampling"]["truncation"] == "not known"
    assert printed["metrics"]["fd-random-16"]["real"] == 500


def test_the_curve_and_the_panel_are_written(run, capsys, elsewhere):
    out = evaluated(capsys, run, *QUICK, "--truncations", "0.5,1", "--out", "curve.json")
    assert out.splitlines()[0].split() == ["truncation", "fd-random-16", "kd-random-16"]
    assert (elsewhere / "curve.json").is_file()
    assert (elsewhere / "curve.png").is_file()
    out = evaluated(capsys, run, *QUICK, "--held-out", "digits:held-out", "--out", "card.json")
    assert "nearer to training" in out
    assert (elsewhere / "card-nearest.png").is_file()


def test_comparing_a_run_with_another_seed_and_with_images(run, capsys, elsewhere):
    for seed in (0, 1):
        evaluated(capsys, run, *QUICK, "--seed", seed, "--out", f"run{seed}.json")
    for name in ("digits:train", "digits:held-out"):
        words = ["--fake", name, "--real", "digits:train", "--resolution", "16", *QUICK]
        evaluated(capsys, *words, "--out", f"{name.partition(':')[2]}.json")
    assert main(["compare", "run0.json", "run1.json", "train.json"]) == 2
    out, err = read(capsys)
    assert "(2 sampling seeds)" in out
    assert "not comparable with the above" in out
    assert "sampling.truncation" in out
    assert "nothing could be compared" in err
    curve = {"truncation_curve": [json.loads((elsewhere / "train.json").read_text())]}
    for name in ("my curve.json", "truncation-a.json"):
        (elsewhere / name).write_text(json.dumps(curve))
    words = ["compare", "train.json", "held-out.json", "my curve.json", "truncation-a.json"]
    assert main([*words, "--plot", "my plots/all scores.png"]) == 0
    out = read(capsys)[0]
    assert out.splitlines()[0] == "ignored 2 truncation curves: my curve.json, truncation-a.json"
    assert "1. digits:train" in out and out.splitlines()[-1] == "plot: my plots/all scores.png"
    assert Image.open(elsewhere / "my plots" / "all scores.png").size[0] > 300
    assert main(["compare", "my curve.json", "train.json"]) == 2
    assert "1 score card to compare: name at least two" in read(capsys)[1]
    assert main([*words, "--plot", "scores.pdf"]) == 2
    assert "--plot names a .png file" in read(capsys)[1]
    fields = "truncation,truncation_rule,label_prior,batch_norm,standing_batches,batch_size,rejection,ema"
    assert main(["compare", "run0.json", "run1.json", "train.json", "--ignore", fields]) == 0
    assert "1. digits:train" in read(capsys)[0]
    # repetitions of one subject have nothing to be ranked against, which is no mistake
    assert main(["compare", "run0.json", "run1.json"]) == 0
    assert "1." not in read(capsys)[0].split("+-")[0]
    # nor has one subject under two protocols, which is shown with what differs
    evaluated(capsys, run, *QUICK, "--truncation", 0.5, "--out", "cut.json")
    assert main(["compare", "run0.json", "cut.json"]) == 0
    out, err = read(capsys)
    assert "not comparable with the above: sampling.truncation: 1.0 or 0.5" in out and not err
    state = Path(run, "checkpoints", "step-0000001")
    evaluated(capsys, state, *QUICK, "--truncation", 0.5, "--out", "early.json")
    assert main(["compare", "run0.json", "early.json"]) == 0  # nor two states of one run
    assert "step 1" in read(capsys)[0]


def test_a_run_stands_for_its_newest_cards(run, capsys, tmp_path):
    here = tmp_path / "copy"
    shutil.copytree(run, here)
    shutil.rmtree(here / "evaluations", ignore_errors=True)
    evaluated(capsys, here / "checkpoints" / "step-0000001", *QUICK)
    for seed in (0, 1):
        evaluated(capsys, here, *QUICK, "--seed", seed)
    evaluated(
        capsys,
        "--fake",
        "digits:train",
        "--real",
        "digits:train",
        "--resolution",
        16,
        *QUICK,
        "--out",
        "o.json",
    )
    ignored = [
        "--ignore",
        "truncation,truncation_rule,label_prior,batch_norm,standing_batches,batch_size,rejection,ema",
    ]
    assert main(["compare", str(here), "o.json", *ignored]) == 0
    newest = read(capsys)[0]
    assert f"{here}: 2 of 3 cards, the newest for each protocol (--all compares all)" in newest
    assert "step 2" in newest and "step 1" not in newest
    assert main(["compare", str(here), "o.json", "--all", *ignored]) == 0
    everything = read(capsys)[0]
    assert "of 3 cards" not in everything and "step 2" in everything and "step 1" in everything


def test_a_run_stands_for_its_cards(run, capsys, tmp_path):
    evaluated(capsys, run, *QUICK)
    assert all(file.parent == run / "evaluations" for file in card_files(run).cards)
    with pytest.raises(FileNotFoundError, match="everymode evaluate"):
        card_files(tmp_path)
    assert (
        evaluations_folder(str(run / "checkpoints" / "step-0000001")).resolve()
        == (run / "evaluations").resolve()
    )
    assert evaluations_folder(str(tmp_path)) is None


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "name what to evaluate once"),
        (["a", "--fake", "b"], 2, "name what to evaluate once"),
        (["digits"], 2, "name the real images"),
        (["./nowhere", "--real", "digits"], 3, "nowhere"),
        (["digits", "--real", "./nowhere"], 3, "nowhere"),
        (["digitss", "--real", "digits"], 3, "neither a file or folder"),
        (["digits", "--real", "digits", "--metrics", "fid"], 2, "there is no metric 'fid'"),
        (["digits", "--real", "digits", "--extractor", "inception:none.pth"], 2, "none.pth"),
        (["digits", "--real", "digits", "--truncation", "0"], 2, "truncation is 0"),
        (
            ["digits", "--real", "digits", "--batch-statistics", "--standing-statistics"],
            2,
            "exclude each other",
        ),
        (["digits", "--real", "digits", "--truncations", "a"], 2, "--truncations is a list"),
        (["digits", "--real", "digits", "--truncation-curve", "--memorization"], 2, "one of the two"),
        (["digits", "--real", "digits", "--out", "card.txt"], 2, ".json file"),
        (["digits", "--real", "digits", "--num", "1"], 2, "at least 2 images"),
        (["digits", "--real", "digits", "--num", "20.5"], 2, "'20.5' is not a whole number"),
        (["digits", "--real", "digits", "--seed", "many"], 2, "'many' is not a whole number"),
        (["nope"], 3, "Name a run, a checkpoint"),
        (["digits", "--real", "nope"], 3, "neither a file or folder"),
        (["digitss"], 3, "Did you mean digits?"),
        (
            ["digits", "--real", "digits", "--out", "config.json"],
            2,
            "not a score card that may be replaced",
        ),
        (
            ["digits", "--real", "digits", "--out", "config.json/card.json"],
            2,
            "config.json is a file. Choose another --out",
        ),
        (["ring", "--real", "digits"], 2, "points in the plane"),
        (["empty", "--real", "digits"], 3, "empty"),
    ],
)
def test_mistakes_are_one_line_and_a_code(words, code, said, elsewhere, capsys):
    (elsewhere / "empty").mkdir()
    (elsewhere / "config.json").write_text('{"recipe": 1}')
    extra = [] if "--extractor" in words else ["--extractor", "random:16"]
    assert main(["evaluate", *words, *extra]) == code
    _, err = read(capsys)
    last = [line for line in err.splitlines() if line.startswith("error:")]
    assert len(last) == 1
    assert said in last[0]


def test_mistakes_of_compare(elsewhere, capsys):
    assert main(["compare"]) == 2
    for gone in ("none.json", "runs/none"):
        assert main(["compare", gone]) == 2
        said = read(capsys)[1]
        assert f"there is no file or folder {gone}: name score cards (.json), or runs that have some" in said
        assert f"evaluate {gone}" not in said
    (elsewhere / "bad.json").write_text("{}")
    (elsewhere / "worse.json").write_text("[")
    assert main(["compare", "bad.json", "worse.json"]) == 2
    assert "is not a score card" in read(capsys)[1]


def test_a_card_is_replaced_by_a_new_one(elsewhere, capsys):
    (elsewhere / "card.json").touch()
    for _ in range(2):
        evaluated(
            capsys,
            "digits:train",
            "--real",
            "digits:held-out",
            "--resolution",
            16,
            *QUICK,
            "--out",
            "card.json",
        )
    assert json.loads((elsewhere / "card.json").read_text())["format"] == 1


def test_an_unreadable_image_is_told_of_once(elsewhere, capfd):
    pixels = np.random.default_rng(0).integers(0, 256, (120, 16, 16), dtype=np.uint8)
    for number, image in enumerate(pixels):
        place = elsewhere / "photos" / "ab"[number % 2] / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place)
    place.write_bytes(b"broken")
    assert main(["evaluate", "photos", "--real", "digits", "--resolution", "16", *QUICK]) == 0
    assert len(re.findall(r"n.t be read", "".join(capfd.readouterr()))) == 1
    words = "omni-gan-32 --data photos --resolution 16 --width 4 --batch-size 8 --steps 1 --device cpu"
    assert main(["train", *words.split()]) == 0
    said = "".join(capfd.readouterr())
    assert len(re.findall(r"n.t be read|unreadable", said)) == 1
    assert f"{place.parent.name}/{place.name}" in said


@pytest.fixture(scope="module")
def from_maps(tmp_path_factory):
    """An untrained generator of images from label maps."""
    recipe = find("spade-textures")
    recipe = recipe.networks.shrunk(recipe).with_numbers(map_classes=4, map_edges=False, held_out="")
    return saved(recipe, tmp_path_factory.mktemp("maps") / "generator", "textures:samples=20")


def test_a_generator_from_label_maps_is_scored_on_test_data(from_maps, elsewhere, capsys):
    Path("mine.py").write_text("def segment(images):\n    return (images.mean(1) > 0).long()\n")
    words = [from_maps, "--data", "textures:split=test,samples=10", "--segmenter", "mine.py"]
    words += ["--extractor", "random:16", "--metrics", "fd", "--out", "card.json"]
    out = evaluated(capsys, *words)
    assert "miou-mine" in out
    assert "  horizontal stripes" in out
    card = json.loads(evaluated(capsys, *words, "--json"))
    assert card["metrics"] == json.loads(Path("card.json").read_text())["metrics"]
    assert card["metrics"]["miou-mine"]["settings"]["classes"] == 4
    assert card["subject"]["real_source"] == "textures:split=test,samples=10"
    assert card["subject"]["source"] == str(from_maps)
    assert not [warning for warning in card["warnings"] if "trained on" in warning]


def test_what_needs_seeds_alone_is_rejected_for_a_generator_from_label_maps(from_maps, run, capsys):
    for words, message in (
        ([from_maps, "--truncation-curve"], "evaluate it by itself"),
        ([from_maps, "--truncation", "0.5"], "no truncation"),
        ([run, "--segmenter", "fitted"], "omit --segmenter"),
    ):
        assert main(["evaluate", *map(str, words)]) == 2
        assert message in read(capsys)[1]
