"""Programs of torch.export: two in the default run, every family in the slow one."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
import torch
from graph_generators import CASES, as_trained, case
from torch import nn
from toy_games import ToyRecipe

from everymode.exchange import export_program, graphs, programs
from everymode.exchange.graph_contract import drawn_labels
from everymode.labels.given import NoLabels
from everymode.sampling.generator import Generator
from everymode.sampling.record import FORMAT, record_of


def loaded(path: Path) -> tuple[nn.Module, dict[str, object]]:
    """The module and the contract of a program's file."""
    extra = {"everymode.json": ""}
    with graphs.silenced():
        module = torch.export.load(path, extra_files=extra).module()
    return module, json.loads(extra["everymode.json"])


def test_points_by_cluster(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    generator = as_trained(case("points, clusters"))
    module, contract = loaded(export_program(generator, tmp_path / "points.pt2"))
    for batch in (1, 2, 9):
        z, labels = torch.randn(batch, 2), torch.arange(batch) % 3
        with torch.no_grad():
            expected = generator.network(z, labels)
        torch.testing.assert_close(module(z=z, labels=labels), expected, rtol=0, atol=1e-6)
    with zipfile.ZipFile(tmp_path / "points.pt2") as archive:
        graph = b"".join(archive.read(name) for name in archive.namelist() if name.endswith("json"))
    assert b"torch.ops.aten.linear" in graph
    assert not [part for part in (b"site-packages", b"everymode/", b".py") if part in graph]
    assert contract["output"] == {"name": "points", "dtype": "float32", "shape": ["batch", 2], "range": None}
    assert capfd.readouterr() == ("", "")


def test_pictures_with_attributes_of_any_size(tmp_path: Path) -> None:
    generator = as_trained(case("StarGAN"))
    module, contract = loaded(export_program(generator, tmp_path / "star.pt2"))
    for batch, size in ((1, (32, 32)), (4, (8, 20))):
        pictures, labels = torch.rand(batch, 3, *size) * 2 - 1, torch.tensor([[2, 1]] * batch)
        expected = generator.translate((pictures, labels))
        torch.testing.assert_close(module(pictures=pictures, labels=labels), expected, rtol=0, atol=1e-6)
    assert contract["multiples"] == {"height": 4, "width": 4}


def test_a_generator_in_training_mode_is_refused(tmp_path: Path) -> None:
    generator = as_trained(case("points"))
    generator.network.train()
    with pytest.raises(ValueError, match="in training mode"):
        export_program(generator, tmp_path / "points.pt2")
    generator.network.eval()
    generator.labels.train()  # which has no effect on images
    graphs.exported(generator)


def test_custom_recipes_and_networks_without_one(tmp_path: Path) -> None:
    recipe = ToyRecipe()
    game = recipe.build()
    config = {"format": FORMAT, "recipe": record_of(recipe)}
    for generator, given in (
        (Generator(game.generator, game.labels, config=config), recipe),
        (Generator(game.generator, game.labels, config=config), None),
        (Generator(game.generator, game.labels), None),
    ):
        module, _ = loaded(export_program(generator, tmp_path / "toy.pt2", recipe=given))
        z, labels = torch.randn(4, generator.latent_dim), torch.tensor([0, 1, 2, 0])
        with torch.no_grad():
            expected = game.generator.eval()(z, labels)
        torch.testing.assert_close(module(z=z, labels=labels), expected, rtol=0, atol=1e-6)


def test_a_network_that_depends_on_its_batch_is_refused(tmp_path: Path) -> None:
    class Looping(nn.Module):
        latent_dim = 2

        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, z: torch.Tensor, condition: object = None) -> torch.Tensor:
            return torch.stack([self.layer(row) for row in z])

    with pytest.raises(ValueError, match="torch can't export Looping"):
        export_program(Generator(Looping(), NoLabels()), tmp_path / "a.pt2")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [name for name in CASES if "SPADE" not in name and "resolution" not in name])
def test_label_distributions_draw_what_the_source_draws(name: str) -> None:
    _, source = case(name).build_for_sampling()
    if source.needs_examples:
        return
    distributions = source.distributions()
    assert distributions is not None
    for random in Generator(nn.Linear(1, 1), source).draws(range(100)):
        drawn = source.draw(random)
        if drawn is None:
            assert distributions == ()
        else:
            assert isinstance(drawn, torch.Tensor) and drawn_labels(distributions, random).equal(drawn)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_every_family_exports(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "TOLERANCE", 0.5e-6)  # of a range of 2
    export_program(as_trained(case(name)), tmp_path / "generator.pt2")
