"""Runs and checkpoints by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from everymode.explorer.catalog import Catalog, checkpoint_name
from everymode.explorer.facts import facts_of
from everymode.explorer.replies import Missing


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from explored import write_run

    return write_run(tmp_path_factory.mktemp("a") / "run", steps=(10, 20))


def test_a_checkpoint_is_named_by_its_shared_files_alone(run: Path, tmp_path: Path) -> None:
    checkpoint = run / "checkpoints" / "step-0000010"
    name = checkpoint_name(checkpoint)
    assert len(name) == 12 and set(name) <= set("0123456789abcdef")
    copy = tmp_path / "step-0000010"
    shutil.copytree(checkpoint, copy)
    shutil.rmtree(copy / "state")
    (copy / "manifest.json").unlink()
    assert checkpoint_name(copy) == name
    assert checkpoint_name(run / "checkpoints" / "step-0000020") != name
    (copy / "config.json").write_text((copy / "config.json").read_text().replace('"step": 10', '"step": 11'))
    assert checkpoint_name(copy) != name


def test_a_folder_of_runs_stands_for_its_runs_and_equal_names_are_told_apart(
    run: Path, tmp_path: Path
) -> None:
    shutil.copytree(run, tmp_path / "run")
    catalog = Catalog([run.parent, tmp_path / "run"])
    assert [each.name for each in catalog.runs] == ["run", "run~2"]
    assert [each.step for each in catalog.runs[0].checkpoints] == [10, 20]
    assert catalog.run("run~2").path == tmp_path / "run"
    with pytest.raises(Missing, match="no run 'other'"):
        catalog.run("other")


def test_new_checkpoints_appear_and_old_ones_stay_out(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    late = tmp_path / "run" / "checkpoints" / "step-0000020"
    late.rename(tmp_path / "later")
    catalog = Catalog([tmp_path / "run"])
    assert [each.step for each in catalog.runs[0].checkpoints] == [10]
    (tmp_path / "later").rename(late)
    catalog.refresh(60)
    assert len(catalog.runs[0].checkpoints) == 1  # the list is current
    catalog.refresh(0)
    assert len(catalog.runs[0].checkpoints) == 2


def test_checkpoints_and_saved_generators_are_runs_too(run: Path, tmp_path: Path) -> None:
    from everymode.sampling.generator import load

    saved = load(run).save(tmp_path / "saved")
    catalog = Catalog([run / "checkpoints" / "step-0000010", saved])
    assert [(each.name, each.checkpoints[0].step) for each in catalog.runs] == [
        ("step-0000010", 10),
        ("saved", 20),
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda config: config.update(format=1), "format 1"),
        (lambda config: config["recipe"].update(own="Mine"), "--recipe FILE.py"),
        (lambda config: config["recipe"]["numbers"].update(strange=3), "no hyper-parameters"),
        (lambda config: config.pop("recipe"), "names no recipe"),
    ],
)
def test_a_run_that_cannot_be_built_has_a_reason(
    run: Path, tmp_path: Path, change: object, reason: str
) -> None:
    shutil.copytree(run, tmp_path / "run")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert callable(change)
    change(config)
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    (shown,) = Catalog([tmp_path / "run"]).runs
    assert reason in shown.reason


def test_missing_and_empty_runs_have_a_reason(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "young")
    shutil.rmtree(tmp_path / "young" / "checkpoints")
    (tmp_path / "file").write_text("")
    catalog = Catalog([tmp_path / "young", tmp_path / "nowhere", tmp_path / "file"])
    reasons = [each.reason for each in catalog.runs]
    assert "no checkpoint yet" in reasons[0]
    assert "does not exist" in reasons[1]
    assert "no folder" in reasons[2]


def test_a_custom_recipe_is_the_one_that_the_user_names(run: Path, tmp_path: Path) -> None:
    from dataclasses import dataclass, fields

    from explored import digits, write_run

    from everymode.recipe import Recipe

    @dataclass(frozen=True)
    class Mine(Recipe):
        """A custom recipe."""

    plain = digits()
    mine = Mine(**{each.name: getattr(plain, each.name) for each in fields(plain)})
    path = write_run(tmp_path / "mine", mine, steps=(1,))
    assert "custom recipe (Mine)" in Catalog([path]).runs[0].reason
    catalog = Catalog([path], [plain, mine])
    assert catalog.runs[0].reason == ""
    assert type(catalog.recipe(catalog.runs[0].checkpoints[0])) is Mine


def test_damage_of_one_run_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from explored import write_run

    for name in ("bad", "good"):
        write_run(tmp_path / name, steps=(1,))

    def reason(self: Catalog, config: object, path: Path) -> str:
        return "" if path.name == "good" else {}["unexpected"]

    monkeypatch.setattr(Catalog, "_no_recipe", reason)
    bad, good = Catalog([tmp_path]).runs
    assert "unexpected" in bad.reason and not good.reason


def test_names_of_labels_that_are_no_lists_are_a_reason(tmp_path: Path) -> None:
    from explored import write_run

    catalog = Catalog([write_run(tmp_path / "run", steps=(1,), label_blocks=5)])
    with pytest.raises(ValueError, match="can't be built from config"):
        facts_of(catalog, catalog.runs[0].checkpoints[0])


def test_a_folder_that_cannot_be_opened_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from explored import write_run

    write_run(tmp_path / "good", steps=(1,))
    (tmp_path / "private").mkdir()
    known = Path.exists

    def exists(self: Path, **more: bool) -> bool:
        if self.parent.name == "private":
            raise PermissionError(13, "Permission denied")
        return known(self, **more)

    monkeypatch.setattr(Path, "exists", exists)
    assert [run.name for run in Catalog([tmp_path]).runs] == ["good"]
