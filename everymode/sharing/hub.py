"""Exchange of shared folders with the Hugging Face hub: file transfer only, of a list of file types.

The hub's own mixin is not used: it leaves tensors that a file lacks at random values.
"""

from __future__ import annotations

import re
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from everymode.machine.installing import install_command
from everymode.sharing.files import LABELS, PICTURE, SUFFIXES
from everymode.sharing.folder import write_folder

if TYPE_CHECKING:
    from everymode.sampling.generator import Generator

__all__ = ["Origin", "address_of", "download", "is_address", "parsed", "push"]

PREFIX = "hub:"
_PART = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
_REPOSITORY = re.compile(rf"{_PART}/{_PART}")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_PATTERNS = [f"*{suffix}" for suffix in SUFFIXES]
_FORM = '"hub:owner/name@revision", such as "hub:ada/digits@0123456789abcdef0123456789abcdef01234567"'


class Origin(NamedTuple):
    """A downloaded repository."""

    folder: Path
    """Local copy of its files."""
    repository: str
    """Its name, owner/name."""
    revision: str
    """Its commit."""


def is_address(path: object) -> bool:
    """Return whether a path is an address on the hub, "hub:..."."""
    return isinstance(path, str) and path.startswith(PREFIX)


def parsed(address: str) -> tuple[str, str | None]:
    """Return the repository and the revision (None = unset) of an address.

    Raises:
        ValueError: if it is not of the form "hub:owner/name@revision" or "hub:owner/name".
    """
    repository, at, revision = address.removeprefix(PREFIX).partition("@")
    fits = _REPOSITORY.fullmatch(repository) and ".." not in address
    if not fits or (at and not _REVISION.fullmatch(revision)):
        raise ValueError(f"{address!r} is not an address on the hub: give {_FORM}")
    return repository, revision or None


def address_of(source: str | Path, revision: str | None = None) -> str:
    """Return the argument of `everymode.load` for a folder, an address, or the name of a repository.

    Raises:
        ValueError: if a revision is set for a folder, or twice.
    """
    text = str(source)
    if not is_address(text) and (Path(text).exists() or not _REPOSITORY.fullmatch(text)):
        if revision is not None:
            raise ValueError(f"{text} is a folder, which has no revisions: omit revision={revision!r}")
        return text
    address = text if is_address(text) else PREFIX + text
    if revision is None:
        return address
    if parsed(address)[1] not in (None, revision):
        raise ValueError(f"{text} and revision={revision!r} name two revisions: omit one")
    return f"{address.partition('@')[0]}@{revision}"


def download(address: str) -> Origin:
    """Download the files of a repository that may belong to a generator, to the hub's cache.

    Without a revision the newest commit is used, with a warning that names it.

    Raises:
        ImportError: if huggingface_hub is not installed.
        ValueError: if the address is malformed.
        OSError: if the download fails.
    """
    repository, revision = parsed(address)
    library = _library()
    try:
        folder = Path(library.snapshot_download(repository, revision=revision, allow_patterns=[*_PATTERNS]))
    except Exception as error:
        raise OSError(
            f"{address} could not be downloaded ({_shortened(error)}): check the name, revision and connection; "
            "for a private repository, log in with `hf auth login`"
        ) from error
    commit = folder.name if _COMMIT.fullmatch(folder.name) else revision or "unknown"
    if revision is None:
        warnings.warn(
            f"{address} has no revision, so its weights may change: it is now at commit {commit}; load "
            f"{PREFIX}{repository}@{commit} to get the same ones again",
            UserWarning,
            stacklevel=3,
        )
    return Origin(folder, repository, commit)


def push(
    generator: Generator,
    repository: str,
    *,
    data_name: str | None = None,
    license: str | None = None,
    scores: Sequence[Mapping[str, Any]] | None = None,
    picture: Path | None = None,
    private: bool = True,
    confirm: Callable[[list[tuple[str, int]]], bool] = lambda files: True,
) -> str:
    """Upload the files of a generator to a repository, in one commit (`Generator.push_to_hub`).

    Args:
        generator, data_name, license, scores, picture: as for `write_folder`; the data's name and the license are
            required.
        repository: owner/name; it is created if necessary.
        private: whether a new repository is private; an existing public one is then rejected.
        confirm: called with the name and size in bytes of each file before anything is sent; False ends the upload.

    Returns:
        The address with the new commit, or "" if `confirm` returned False.
    Raises:
        ImportError: if huggingface_hub is not installed.
        ValueError: if the data's name, the license or the repository's name is missing or impossible, or if the
            repository is public and `private` is set.
        OSError: if the upload fails.
    """
    if not _REPOSITORY.fullmatch(repository) or ".." in repository:
        raise ValueError(f"{repository!r} is not the name of a repository on the hub: give owner/name")
    recorded = {
        "data_name": data_name or generator.config.get("data", {}).get("name"),
        "license": license or generator.config.get("license"),
    }
    if missing := [name for name, value in recorded.items() if not (value and value.strip())]:
        raise ValueError(
            f"a shared generator needs a name of its training data and a license, and {' and '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing: set data_name (--data-name) and license (--license)"
        )
    library = _library()
    with tempfile.TemporaryDirectory(prefix="everymode-push-") as temporary:
        folder = Path(temporary) / "generator"
        write_folder(generator, folder, scores=scores, picture=picture, repository=repository, **recorded)
        files = [(path.name, path.stat().st_size) for path in sorted(folder.iterdir())]
        if not confirm(files):
            return ""
        try:
            commit = _uploaded(library.HfApi(), repository, folder, private=private)
        except ValueError:
            raise
        except Exception as error:
            raise OSError(
                f"{repository} could not be uploaded ({_shortened(error)}): check the name and the connection, and log "
                "in with `hf auth login`"
            ) from error
    return f"{PREFIX}{repository}@{commit}"


def _uploaded(api: Any, repository: str, folder: Path, *, private: bool) -> str:
    """Upload a folder, and return the commit."""
    api.create_repo(repository, private=private, exist_ok=True)
    if private and api.model_info(repository).private is False:
        raise ValueError(
            f"{repository} exists and is public: allow that with private=False (--public), make it private on the hub, "
            "or choose another name"
        )
    info = api.upload_folder(
        repo_id=repository,
        folder_path=folder,
        allow_patterns=[*_PATTERNS],
        delete_patterns=[LABELS, PICTURE],  # of an earlier generator, if this one has none
        commit_message="Generator trained with everymode",
    )
    return str(info.oid)


def _library() -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise ImportError(f"the hub needs huggingface_hub: {install_command('hub')}") from error
    return huggingface_hub


def _shortened(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
