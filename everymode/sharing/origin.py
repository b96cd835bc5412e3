"""Origin of imported weights in a model card."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from everymode.sharing.text import markdown, one_line

__all__ = ["maker", "origin_section"]


def maker(config: Mapping[str, Any]) -> str:
    """Return the words after "a GAN": that everymode or that another project trained it.

    Args:
        config: a shared config.
    """
    imported = config.get("imported")
    if not imported:
        return "that was trained with everymode"
    return f"of another project, whose weights ({markdown(str(imported.get('release')))}) were imported"


def origin_section(config: Mapping[str, Any]) -> str:
    """Return the section on the origin of imported weights.

    Args:
        config: a shared config with the field `imported`.
    """
    imported = config["imported"]
    part = config.get("recipe", {}).get("parts", {}).get("networks", {}).get("numbers", {})
    digest = one_line(str(imported.get("sha256")), 64).replace("`", "'")
    return (
        f"Weights of {markdown(str(imported.get('release')))} from {_address(imported.get('source'))}. SHA-256 of "
        f"the file: `{digest}`.\n\nWeights under spectral norm are divided by the singular value of the released eval "
        f"mode; epsilon of batch normalization: {part.get('norm_epsilon')}. How it was trained is not recorded here."
    )


def _address(source: object) -> str:
    """Return an address as a link, and any other text without markup."""
    text = str(source)
    return (
        f"<{text}>"
        if re.fullmatch(r"https?://[\w.~:/?#@%&=+,;!$'()*-]{1,300}", text, re.ASCII)
        else markdown(text)
    )
