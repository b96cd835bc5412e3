"""ONNX files: one shrunk generator in the default run, every family in the slow one; the example without torch."""

from __future__ import annotations

import importlib.util
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from graph_generators import CASES, as_trained, case

from everymode.exchange import export_onnx, graphs, onnx_files
from everymode.pictures import to_uint8
from everymode.recipe import Recipe
from everymode.recipes import find
from everymode.recipes.parts.catalog import PARTS, name_of
from everymode.sampling.generator import Generator

pytest.importorskip("onnxscript")
ort = pytest.importorskip("onnxruntime")

EXAMPLE = Path(__file__).parents[2] / "examples" / "onnx_sampling.py"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    """The example that samples without torch."""
    spec = importlib.util.spec_from_file_location("onnx_sampling", EXAMPLE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def smallest() -> Recipe:
    """The smallest recipe with spectral normalization, class tables, and an implicit head; labels as in the data."""
    recipe = find("omni-inr-gan-32").with_numbers(fake_labels="data", width=2, doublings=1).shrunk()
    return replace(recipe, resolution=8, class_counts=(5, 2, 9))


@pytest.fixture(scope="module")
def generator() -> Generator:
    return as_trained(smallest(), classes=("cat", "dog", "owl"))


@pytest.fixture(scope="module")
def graph(generator: Generator) -> graphs.ExportedGenerator:
    """The program of `generator`, which is made once."""
    return graphs.exported(generator)


@pytest.fixture(scope="module")
def file(
    generator: Generator, graph: graphs.ExportedGenerator, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The ONNX file of `generator`, which stays as it was."""
    before = {name: value.clone() for name, value in generator.network.state_dict().items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_files, "exported", lambda generator, recipe: graph)
        path = export_onnx(generator, tmp_path_factory.mktemp("onnx") / "generator.onnx")
    after = generator.network.state_dict()
    assert before.keys() == after.keys() and all(before[name].equal(after[name]) for name in after)
    return path


@pytest.fixture(scope="module")
def opened(file: Path, example: ModuleType) -> tuple[Any, dict[str, Any]]:
    return example.opened(file)


def test_the_file_takes_any_batch_and_size(generator: Generator, opened: tuple[Any, dict[str, Any]]) -> None:
    session, _ = opened
    for batch, (height, width) in ((1, (8, 8)), (2, (5, 9)), (7, (3, 20))):
        z = torch.randn(batch, generator.latent_dim)
        labels = torch.arange(batch) % 3
        rows = (np.arange(height, dtype=np.float32) + 0.5) * (8 / height) - 0.5
        columns = (np.arange(width, dtype=np.float32) + 0.5) * (8 / width) - 0.5
        feed = {"z": z.numpy(), "labels": labels.numpy(), "rows": rows, "columns": columns}
        with torch.no_grad():
            expected = generator.network(z, labels, (height, width))
        torch.testing.assert_close(
            torch.from_numpy(session.run(["images"], feed)[0]), expected, rtol=0, atol=1e-5
        )


def test_the_metadata_states_the_contract(file: Path, opened: tuple[Any, dict[str, Any]]) -> None:
    session, contract = opened
    assert {each.name: each.shape for each in session.get_inputs()} == {
        "z": ["batch", 24],
        "labels": ["batch"],
        "rows": ["height"],
        "columns": ["width"],
    }
    assert session.get_outputs()[0].shape == ["batch", 3, "height", "width"]
    inputs = {each["name"]: each for each in contract["inputs"]}
    assert inputs["z"]["distribution"] == "standard normal"
    assert (inputs["labels"]["minimum"], inputs["labels"]["maximum"]) == (0, [2])
    assert inputs["rows"]["formula"] == "rows[i] = (i + 0.5) * (8 / height) - 0.5 for i = 0, ..., height - 1"
    assert contract["native_size"] == [8, 8] and contract["output"]["range"] == [-1, 1]
    assert contract["labels"]["names"] == [["cat", "dog", "owl"]]
    (draw,) = contract["labels"]["draw"]
    assert draw["weights"] == pytest.approx([5 / 16, 2 / 16, 9 / 16]) and draw["stream"] == "fake labels"
    assert not [part for part in (b"site-packages", b"everymode/", b".py") if part in file.read_bytes()]
    import onnx

    (opset,) = [each.version for each in onnx.load(file).opset_import if each.domain == ""]
    assert opset == 20


def test_the_example_draws_the_same_images_without_torch(
    generator: Generator, opened: tuple[Any, dict[str, Any]], example: ModuleType
) -> None:
    assert (
        "torch" not in EXAMPLE.read_text().replace("no torch", "")
        and "import everymode" not in EXAMPLE.read_text()
    )
    session, contract = opened
    seeds = [*range(40), 2**40, 123456789]
    draws = generator.draws(seeds)
    z = example.latent_codes(contract, seeds, 24)
    assert np.abs(z - generator.latent_codes(draws).numpy()).max() <= 1e-7
    labels = generator.conditions(None, draws)
    assert isinstance(labels, torch.Tensor)
    assert example.drawn_labels(contract, seeds).tolist() == labels.tolist()
    mine = example.to_uint8(example.generate(session, contract, seeds, truncation=0.6, size=(6, 11)))
    theirs = to_uint8(generator.sample(len(seeds), seed=seeds, truncation=0.6, size=(6, 11))).numpy()
    assert np.abs(mine.astype(int) - theirs).max() <= 1
    owls = {"labels": example.labels_called(contract, "owl", 2)}
    theirs = to_uint8(generator.sample(2, label="owl", seed=5)).numpy()
    assert (
        np.abs(example.to_uint8(example.generate(session, contract, [5, 6], owls)).astype(int) - theirs).max()
        <= 1
    )


@pytest.mark.parametrize("labels", [[-1], [3], [0.0], [[0]], [0, 1]])
def test_the_example_checks_labels_before_the_graph(
    labels: list[Any], opened: tuple[Any, dict[str, Any]], example: ModuleType
) -> None:
    with pytest.raises(ValueError, match="labels"):
        example.generate(*opened, [0], {"labels": np.array(labels)})


def test_the_example_is_a_program(
    file: Path, example: ModuleType, tmp_path: Path, generator: Generator
) -> None:
    from PIL import Image

    out = tmp_path / "out.png"
    example.main([str(file), "--seeds", "3-6", "--label", "dog", "--size", "4x6", "--out", str(out)])
    with Image.open(out) as picture:
        pixels = np.asarray(picture)
    first = to_uint8(generator.sample(1, label="dog", seed=3, size=(4, 6)))[0].permute(1, 2, 0).numpy()
    assert pixels.shape == (8, 12, 3) and np.abs(pixels[:4, :6].astype(int) - first).max() <= 1
    with pytest.raises(SystemExit, match="no label 'cow': pass cat, dog, owl"):
        example.main([str(file), "--label", "cow"])
    for size in ("48", "48x", "4x6x8", "ax6"):
        with pytest.raises(SystemExit, match="a size is HEIGHTxWIDTH in pixels, such as 48x64, not"):
            example.main([str(file), "--size", size])


def test_a_file_that_differs_is_refused(graph: graphs.ExportedGenerator, file: Path) -> None:
    session = onnx_files._session(file)

    def run(tensors: Any) -> torch.Tensor:
        feed = {name: tensor.numpy() for name, tensor in tensors.items()}
        feed["labels"] = (feed["labels"] + 1) % 3
        return torch.from_numpy(session.run(None, feed)[0])

    with pytest.raises(ValueError, match="differs from the generator by"):
        graphs.require_equal(graph, run, onnx_files.TOLERANCE, "the ONNX file")
    with pytest.raises(ValueError, match=r"makes \[1, 3, 1, 8\] where"):
        graphs.require_equal(
            graph, lambda tensors: torch.zeros(len(tensors["z"]), 3, 1, 8), 1.0, "the ONNX file"
        )

    def nan(tensors: Any) -> torch.Tensor:
        return torch.full((len(tensors["z"]), 3, len(tensors["rows"]), len(tensors["columns"])), torch.nan)

    with pytest.raises(ValueError, match="differs from the generator by nan"):
        graphs.require_equal(graph, nan, 1.0, "the ONNX file")


def test_impossible_requests_are_refused_at_once(
    generator: Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="opset is 17; pass 18 to"):
        export_onnx(generator, tmp_path / "a.onnx", opset=17)
    with pytest.raises(FileNotFoundError, match="create it first"):
        export_onnx(generator, tmp_path / "missing" / "a.onnx")
    with pytest.raises(IsADirectoryError, match="name a file in it"):
        export_onnx(generator, tmp_path)
    monkeypatch.setattr(onnx_files, "LARGEST", 1000)
    with pytest.raises(ValueError, match="less than 2 GiB"):
        export_onnx(generator, tmp_path / "a.onnx")
    monkeypatch.setattr(onnx_files, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"need onnx and onnxruntime and onnxscript: pip install.*export"):
        export_onnx(generator, tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())


def test_every_network_part_has_a_case() -> None:
    covered = {name_of(part) for part in (case(name).networks for name in CASES) if part is not None}
    assert covered == set(PARTS["networks"])


@pytest.fixture
def quiet(capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder) -> Iterator[None]:
    """Nothing is printed or warned about in the test."""
    yield
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list
    assert logging.getLogger("torch.onnx").level == logging.NOTSET


@pytest.mark.slow
@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("name", CASES)
def test_every_family_exports(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = as_trained(case(name))
    monkeypatch.setattr(onnx_files, "TOLERANCE", 0.5e-5)  # of a range of 2
    path = export_onnx(generator, tmp_path / "generator.onnx")
    session = onnx_files._session(path)
    contract = json.loads(session.get_modelmeta().custom_metadata_map["everymode"])
    assert [each.shape for each in session.get_inputs()] == [each["shape"] for each in contract["inputs"]]
    graph = graphs.exported(generator)
    assert len({check.sizes["batch"] for check in graph.checks}) == 3
    if graph.inputs.steps:
        assert len({tuple(check.expected.shape[2:]) for check in graph.checks}) == 3
    if contract["labels"] and not generator.labels.needs_examples:
        assert contract["labels"]["draw"]


@pytest.mark.slow
@pytest.mark.parametrize("opset", [18, 19, 21, 22, 23])
def test_other_opsets(opset: int, generator: Generator, tmp_path: Path) -> None:
    import onnx

    path = export_onnx(generator, tmp_path / "generator.onnx", opset=opset)
    assert [each.version for each in onnx.load(path).opset_import if each.domain == ""] == [opset]
