"""Score cards: numbers with everything they depend on, as JSON that is the same whenever the numbers are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from everymode.evaluation.scoring import Measured
from everymode.storage.atomic import write_text_atomic
from everymode.storage.json_files import read_object, require_types

__all__ = ["FORMAT", "ScoreCard", "read_card"]

FORMAT = 1
_TYPES: dict[str, Any] = {
    "format": int,
    "metrics": dict,
    "protocol": dict,
    "subject": {
        "label": str,
        "source": (str, None),
        "real": str,
        "real_source": (str, None),
        "real_split": str,
        "identity": dict,
        "seeds": {"sampling": (int, None), "training": (int, None)},
        "facts": {"step": (int, None), "weights": (str, None)},
    },
    "environment": dict,
    "warnings": [str],
    "times": {"date": str},
}
_MEASURED: dict[str, Any] = {
    "metric": str,
    "value": (int, float, None),
    "better": str,
    "real": (int, None),
    "fake": (int, None),
    "settings": dict,
    "details": dict,
}
"""What others read of a card, and its types."""


@dataclass(frozen=True)
class ScoreCard:
    """The result of one evaluation.

    Attributes:
        metrics: full name, such as "fd-lite0-128", to the number.
        protocol: nested JSON values; only numbers with equal protocols may be ranked.
        subject: what was judged: its names, and "seeds", in which repetitions of the same subject differ.
        environment: device, versions and threads: they change last digits only.
        warnings: sentences.
        times: date, seconds, peak memory, whether the reference was kept from before; all that differs between two
            evaluations of the same.
    """

    metrics: dict[str, Measured]
    protocol: dict[str, Any]
    subject: dict[str, Any]
    environment: dict[str, Any]
    warnings: list[str] = field(default_factory=list)
    times: dict[str, Any] = field(default_factory=dict)

    def value(self, name: str) -> float | None:
        """A number by its full name, or by its short one where that is the only one of its kind.

        Raises:
            ValueError: there is none.
        """
        if name in self.metrics:
            return self.metrics[name].value
        found = [each for each in self.metrics.values() if each.metric == name]
        if len(found) != 1:
            raise ValueError(f"this card has no number {name!r}; it has {', '.join(self.metrics)}")
        return found[0].value

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        record = asdict(self)
        record["metrics"] = {name: measured._asdict() for name, measured in self.metrics.items()}
        return {"format": FORMAT, **record}

    @property
    def text(self) -> str:
        """The JSON, keys sorted, without NaN."""
        return json.dumps(self.as_json(), indent=1, sort_keys=True, allow_nan=False) + "\n"

    @property
    def key(self) -> str:
        """16 hexadecimal digits of what was measured on what: two evaluations of the same have the same key."""
        facts = {"protocol": self.protocol, "subject": self.subject, "metrics": sorted(self.metrics)}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]

    def save(self, path: str | Path) -> Path:
        """Write the JSON, atomically."""
        place = Path(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        write_text_atomic(place, self.text, shared=True)
        return place

    def table(self) -> str:
        """Numbers with their N, and the warnings, for people."""
        rows = [("metric", "value", "better", "real", "fake", "")]
        for name, each in self.metrics.items():
            value = "-" if each.value is None else f"{each.value:.6g}"
            counts = [f"{count:,}" if count else "-" for count in (each.real, each.fake)]
            rows.append((name, value, each.better, *counts, _remarks(each)))
        widths = [max(len(row[column]) for row in rows) for column in range(5)]
        lines = []
        for row in rows:
            cells = [row[0].ljust(widths[0])]
            cells += [row[column].rjust(widths[column]) for column in range(1, 5)]
            lines.append("  ".join([*cells, row[5]]).rstrip())
        return "\n".join([*lines, *(f"note: {sentence}" for sentence in self.warnings)])


def read_card(path: str | Path) -> ScoreCard:
    """A card that `save` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no score card, or one of another format.
    """
    place = Path(path)
    if not place.is_file():
        raise FileNotFoundError(f"there is no score card {place}; `everymode evaluate` writes them")
    try:
        record = read_object(place, "a score card", _TYPES)
        for name, measured in record.get("metrics", {}).items():
            require_types({name: measured}, {name: _MEASURED}, "metrics.")
        version = record.pop("format")
        if version != FORMAT:
            raise ValueError(f"its format is {version}, this version reads {FORMAT}")
        metrics = {name: Measured(**measured) for name, measured in record.pop("metrics").items()}
        return ScoreCard(metrics=metrics, **record)
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise ValueError(f"{place} is no score card ({error}); `everymode evaluate` writes them") from error


def _remarks(measured: Measured) -> str:
    settings = [f"{name}={value}" for name, value in measured.settings.items() if name in ("k", "classes")]
    known = {"std_over_splits": "std over splits", "residual": "residual", "mean_part": "of which means"}
    details: Mapping[str, Any] = measured.details
    settings += [f"{words} {details[name]:.4g}" for name, words in known.items() if name in details]
    return ", ".join(settings)
