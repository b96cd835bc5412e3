"""Small files that are replaced whole or not at all."""

from __future__ import annotations

from pathlib import Path

from everymode.storage.whole_files import write_text_whole


def test_a_small_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    write_text_whole(path, "one")
    write_text_whole(path, "two")
    assert path.read_text() == "two"
    assert [found.name for found in tmp_path.iterdir()] == ["status.json"]
