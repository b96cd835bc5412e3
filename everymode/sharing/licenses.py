"""License of a shared generator in the front matter of its model card."""

from __future__ import annotations

from everymode.sharing.text import one_line, quoted

__all__ = ["license_lines"]

KNOWN = frozenset(
    (
        *(
            "apache-2.0",
            "mit",
            "openrail",
            "bigscience-openrail-m",
            "creativeml-openrail-m",
            "unlicense",
            "wtfpl",
        ),
        *(
            "cc",
            "cc0-1.0",
            "cc-by-2.0",
            "cc-by-2.5",
            "cc-by-3.0",
            "cc-by-4.0",
            "cc-by-sa-3.0",
            "cc-by-sa-4.0",
        ),
        *(
            "cc-by-nc-2.0",
            "cc-by-nc-3.0",
            "cc-by-nc-4.0",
            "cc-by-nd-4.0",
            "cc-by-nc-nd-3.0",
            "cc-by-nc-nd-4.0",
        ),
        *("cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cdla-sharing-1.0", "cdla-permissive-1.0"),
        *(
            "cdla-permissive-2.0",
            "bsd",
            "bsd-2-clause",
            "bsd-3-clause",
            "bsd-3-clause-clear",
            "isc",
            "zlib",
            "ms-pl",
        ),
        *(
            "gpl",
            "gpl-2.0",
            "gpl-3.0",
            "lgpl",
            "lgpl-2.1",
            "lgpl-3.0",
            "agpl-3.0",
            "mpl-2.0",
            "epl-1.0",
            "epl-2.0",
        ),
        *(
            "artistic-2.0",
            "bsl-1.0",
            "ecl-2.0",
            "eupl-1.1",
            "eupl-1.2",
            "afl-3.0",
            "osl-3.0",
            "odbl",
            "odc-by",
        ),
        *(
            "pddl",
            "ncsa",
            "postgresql",
            "ofl-1.1",
            "lppl-1.3c",
            "gfdl",
            "etalab-2.0",
            "c-uda",
            "other",
            "unknown",
        ),
    )
)
"""Licenses that the hub knows by these names; every other one is "other" there, with a name."""


def license_lines(name: object) -> list[str]:
    """Return the lines of the front matter for a license, such as "Apache-2.0" or words of the user; [] for None."""
    if not name:
        return []
    text = one_line(str(name), 100)
    if text.lower() in KNOWN:
        return [f"license: {text.lower()}"]
    return ["license: other", f"license_name: {quoted(text)}"]
