"""The hub, against a stand-in: which files travel, which revision is loaded, and what is asked first."""

from __future__ import annotations

import importlib
import json
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hub_server import Hub, serving
from shared_folders import generator_of

from everymode.cli import main
from everymode.sampling.generator import Generator, load
from everymode.sharing.hub import address_of, parsed

pytest.importorskip("huggingface_hub")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def generator() -> Generator:
    return generator_of("self-conditioned-digits")


@pytest.fixture(scope="module")
def saved(generator: Generator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generator.save(tmp_path_factory.mktemp("saved") / "a", data_name="stars", license="mit")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving() as served:
        constants = importlib.import_module("huggingface_hub.constants")
        monkeypatch.setattr(constants, "ENDPOINT", served.address)
        template = served.address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
        monkeypatch.setenv("HF_TOKEN", "hf_test")
        yield served


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_is_pushed_is_what_is_loaded(hub: Hub, generator: Generator) -> None:
    address = generator.push_to_hub("ada/stars", data_name="stars", license="mit")
    repository = hub.repositories["ada/stars"]
    assert repository.private
    assert address == f"hub:ada/stars@{[*repository.commits][-1]}"
    assert set(repository.commits[repository.commit("main")]) == {
        *(".gitattributes", "README.md", "config.json", "generator.safetensors", "labels.safetensors"),
        "samples.png",
    }
    card = repository.commits[repository.commit("main")]["README.md"].decode()
    assert 'everymode.load("hub:ada/stars")' in card and "license: mit" in card
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = load(address)
    assert torch.equal(again.sample(4, seed=1), generator.sample(4, seed=1))
    assert again.config["hub"] == {"repository": "ada/stars", "revision": address.partition("@")[2]}
    # A second push, of a generator without labels or samples, removes the files that it does not have.
    other = generator_of("san-sr-photos")
    other.push_to_hub("ada/stars", data_name="photos", license="mit")
    assert set(repository.commits[repository.commit("main")]) == {
        *(".gitattributes", "README.md", "config.json", "generator.safetensors")
    }
    assert load("hub:ada/stars@main").labels.needs_examples
    assert not load(address).labels.needs_examples


def test_a_revision_is_pinned_and_other_files_stay_there(hub: Hub, saved: Path, generator: Generator) -> None:
    files = contents(saved)
    first = hub.add("ada/stars", {**files, "run.py": b"evil", "state.bin": b"evil", "a/more.png": b""})
    hub.add("ada/stars", {"config.json": b"{}", "generator.safetensors": b"newer"})
    expected = generator.sample(3)
    assert torch.equal(load(f"hub:ada/stars@{first}").sample(3), expected)
    assert not [request for request in hub.requests if ".py" in request or ".bin" in request]
    with pytest.raises(ValueError, match="names no recipe"):
        load("hub:ada/stars@main")
    asked = len(hub.requests)
    again = Generator.from_pretrained("ada/stars", revision=first)  # from the cache
    assert torch.equal(again.sample(3), expected)
    assert not [request for request in hub.requests[asked:] if "resolve" in request]


def test_without_a_revision_the_commit_is_named(hub: Hub, saved: Path) -> None:
    commit = hub.add("ada/stars", contents(saved))
    with pytest.warns(UserWarning, match=f"it is now at commit {commit}; load hub:ada/stars@{commit}"):
        assert load("hub:ada/stars").config["hub"]["revision"] == commit


def test_what_is_not_there_is_an_error_in_words(hub: Hub, saved: Path) -> None:
    hub.add("ada/stars", contents(saved))
    for address in ("hub:ada/moon@main", f"hub:ada/stars@{COMMIT}"):
        with pytest.raises(OSError, match=r"could not be downloaded \(\w+: .*check the name"):
            load(address)
    hub.add("ada/empty", {"README.md": b""})
    with pytest.raises(FileNotFoundError, match="holds no generator"):
        load("hub:ada/empty@main")


def test_a_public_repository_is_not_written_by_default(hub: Hub, generator: Generator) -> None:
    hub.add("ada/open", {".gitattributes": b""})
    with pytest.raises(ValueError, match="exists and is public"):
        generator.push_to_hub("ada/open", data_name="stars", license="mit")
    assert len(hub.repositories["ada/open"].commits) == 1
    generator.push_to_hub("ada/open", data_name="stars", license="mit", private=False)
    assert len(hub.repositories["ada/open"].commits) == 2


@pytest.mark.parametrize(
    ("name", "facts", "message"),
    [
        ("ada/stars", {"license": "mit"}, "data_name is missing"),
        ("ada/stars", {"data_name": " ", "license": "mit"}, "data_name is missing"),
        ("ada/stars", {}, "data_name and license are missing"),
        ("stars", {"data_name": "a", "license": "mit"}, "is not the name of a repository"),
        ("ada/../x", {"data_name": "a", "license": "mit"}, "is not the name of a repository"),
    ],
)
def test_pushing_needs_a_name_data_and_a_license(
    hub: Hub, generator: Generator, name: str, facts: dict[str, str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        generator.push_to_hub(name, **facts)
    assert not hub.requests


@pytest.mark.parametrize(
    "address", ["hub:", "hub:a", "hub:a/b/c", "hub:a/b@", "hub:../a", "hub:a/b@x y", "hub:a/b@..c"]
)
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(ValueError, match="is not an address on the hub"):
        parsed(address)


def test_addresses(tmp_path: Path) -> None:
    assert parsed("hub:a/b@v1.0") == ("a/b", "v1.0") and parsed("hub:a/b") == ("a/b", None)
    assert address_of(tmp_path) == str(tmp_path)
    assert address_of("a/b") == "hub:a/b" and address_of("a/b", "v1") == "hub:a/b@v1"
    assert address_of("hub:a/b", "v1") == address_of("hub:a/b@v1", "v1") == "hub:a/b@v1"
    assert address_of("./a/b") == "./a/b"
    with pytest.raises(ValueError, match="two revisions"):
        address_of("hub:a/b@v1", "v2")
    with pytest.raises(ValueError, match="has no revisions"):
        address_of(tmp_path, "v2")


def test_the_command_lists_the_files_and_asks(
    hub: Hub, saved: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["push", str(saved), "ada/stars"]
    assert main(words) == 2  # there is no terminal to ask on
    captured = capsys.readouterr()
    assert "add --yes" in captured.err and "generator.safetensors (" in captured.out
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: "n")
    assert main(words) == 1 and "nothing was uploaded" in capsys.readouterr().out
    assert not hub.requests
    assert main([*words, "--yes", "--license", "cc0-1.0"]) == 0
    assert 'load it with everymode.load("hub:ada/stars@' in capsys.readouterr().out
    repository = hub.repositories["ada/stars"]
    config = json.loads(repository.commits[repository.commit("main")]["config.json"])
    assert config["license"] == "cc0-1.0" and config["data"]["name"] == "stars"


def test_commands_take_addresses(hub: Hub, saved: Path, tmp_path: Path) -> None:
    commit = hub.add("ada/stars", contents(saved))
    assert (
        main(["sample", f"hub:ada/stars@{commit}", "--seeds", "0-3", "--grid", str(tmp_path / "a.png")]) == 0
    )
    assert (tmp_path / "a.png").is_file()


def test_without_the_package_the_command_to_install_it_is_named(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"pip install .*hub"):
        load("hub:ada/stars@main")
