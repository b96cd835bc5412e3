"""Hooks of the documentation site (mkdocs.yml): pages of the repository's root, their links, and two checks.

The checks warn, and so fail, if a page would fetch a remote file or if a public name is missing in the API reference.
"""

from __future__ import annotations

import ast
import logging
import os.path
import re
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""Files of the root that are pages of the site, and the pages' names."""
LINK = re.compile(r"\[([^\]]*)\]\(([^)#:\s]+)(#[^)]*)?\)")
REMOTE = re.compile(
    r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=[\"']?(?:https?:)?//[^>]*>", re.IGNORECASE
)

log = logging.getLogger("mkdocs.hooks.site")


def relinked(text: str, source: str, page: str) -> str:
    """Return the text with links between files of the repository as links between pages of the site.

    Args:
        text: Markdown of a page.
        source: Path of its file in the repository, such as "docs/data.md".
        page: Path of its page in the site, such as "data.md".
    """

    def link(match: re.Match[str]) -> str:
        words, target, anchor = match[1], match[2], match[3] or ""
        path = os.path.normpath(PurePosixPath(source).parent / target)
        inside = PAGES.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else None)
        if inside is None:  # a file that the site does not have, such as CITATION.cff
            return words if (ROOT / path).exists() else match[0]
        return f"[{words}]({os.path.relpath(inside, PurePosixPath(page).parent)}{anchor})"

    return LINK.sub(link, text)


def on_files(files: Any, config: Any) -> Any:
    """Add the pages whose files are outside of docs/."""
    for name, page in PAGES.items():
        text = relinked((ROOT / name).read_text("utf-8"), name, page)
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Relink the pages of docs/."""
    name = page.file.src_uri
    return markdown if name in PAGES.values() else relinked(markdown, f"docs/{name}", name)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Check a finished page."""
    for tag in REMOTE.findall(output):
        log.warning("%s fetches a remote file: %s", page.file.src_uri, tag)
    for module in re.findall(r"^::: (\S+)$", page.markdown or "", flags=re.MULTILINE):
        for name in public_names(module):
            if not any(f'id="{module}.{path}"' in output for path in (name, f"{name}.{name}")):
                log.warning("%s lacks %s.%s", page.file.src_uri, module, name)
    return output


def public_names(module: str) -> list[str]:
    """Return the public names in `__all__` of a module, which is not imported; none if it has no `__all__`."""
    path = ROOT / module.replace(".", "/")
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if not path.is_file():  # a class or function of a module
        return []
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and any(getattr(t, "id", "") == "__all__" for t in node.targets):
            return [name for name in ast.literal_eval(node.value) if not name.startswith("_")]
    return []
