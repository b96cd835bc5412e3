"""Score cards: metrics with everything they depend on, as JSON that is equal if the metrics are."""

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

__all__ = ["FORMAT", "ScoreCard", "is_curve", "read_card"]

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
"""Fields of a card that other modules read, with their types."""


@dataclass(frozen=True)
class ScoreCard:
    """The result of one evaluation.

    Attributes:
        metrics: full name, such as "fd-lite0-128" -> measured value.
        protocol: nested JSON values; only values with equal protocols may be ranked.
        subject: description of what was evaluated; repetitions of one subject differ only in "seeds".
        environment: device, versions and threads, which change only the last digits.
        warnings: warnings about the metrics.
        times: date, seconds, peak memory, and whether the reference was cached: everything that differs between two
            otherwise equal evaluations.
    """

    metrics: dict[str, Measured]
    protocol: dict[str, Any]
    subject: dict[str, Any]
    environment: dict[str, Any]
    warnings: list[str] = field(default_factory=list)
    times: dict[str, Any] = field(default_factory=dict)

    @property
    def step(self) -> int | None:
        """Training step of the evaluated weights; None for images and for generators without a step."""
        return self.subject.get("facts", {}).get("step")

    @property
    def date(self) -> str:
        """Date and time of the evaluation in ISO format; "" if unknown."""
        return str(self.times.get("date", ""))

    def value(self, name: str) -> float | None:
        """Return the value of a metric by its full name, or by its short name if only one metric has it.

        Raises:
            ValueError: if there is no such metric, or several.
        """
        if name in self.metrics:
            return self.metrics[name].value
        matches = [each for each in self.metrics.values() if each.metric == name]
        if len(matches) != 1:
            problem = "several metrics" if matches else "no metric"
            raise ValueError(f"this card has {problem} {name!r}; choose from {', '.join(self.metrics)}")
        return matches[0].value

    def as_json(self) -> dict[str, Any]:
        """Return the card as plain JSON values."""
        record = asdict(self)
        record["metrics"] = {name: measured._asdict() for name, measured in self.metrics.items()}
        return {"format": FORMAT, **record}

    @property
    def text(self) -> str:
        """The card as JSON text with sorted keys and without NaN."""
        return json.dumps(self.as_json(), indent=1, sort_keys=True, allow_nan=False) + "\n"

    @property
    def key(self) -> str:
        """Hash (16 hexadecimal digits) of protocol, subject and metric names; equal evaluations have equal keys."""
        facts = {"protocol": self.protocol, "subject": self.subject, "metrics": sorted(self.metrics)}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]

    def save(self, path: str | Path) -> Path:
        """Write the card as JSON, atomically.

        Returns:
            The path.
        """
        file = Path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text_atomic(file, self.text, shared=True)
        return file

    def __str__(self) -> str:
        """The table of the metrics, the settings with which they were measured, and the warnings."""
        settings = _settings(self.protocol, self.subject)
        width = max(map(len, settings), default=0)
        lines = [f"{name:<{width}}  {text}" for name, text in settings.items()]
        return "\n".join([*self._rows(), "", *lines, *self._notes()])

    def table(self) -> str:
        """Return a text table of the metrics with their numbers of images, and the warnings."""
        return "\n".join([*self._rows(), *self._notes()])

    def _rows(self) -> list[str]:
        rows: list[tuple[str, ...]] = [("metric", "value", "better", "real", "fake", "")]
        for name, each in self.metrics.items():
            value = "-" if each.value is None else f"{each.value:.6g}"
            counts = [f"{count:,}" if count else "-" for count in (each.real, each.fake)]
            rows.append((name, value, each.better, *counts, _remarks(each)))
            rows += _parts(each)
        widths = [max(len(row[column]) for row in rows) for column in range(5)]
        lines = []
        for row in rows:
            cells = [row[0].ljust(widths[0])]
            cells += [row[column].rjust(widths[column]) for column in range(1, 5)]
            lines.append("  ".join([*cells, row[5]]).rstrip())
        return lines

    def _notes(self) -> list[str]:
        return [f"note: {warning}" for warning in self.warnings]


def is_curve(path: str | Path) -> bool:
    """Return whether a file holds a truncation curve, which is several score cards, rather than one."""
    try:
        return "truncation_curve" in read_object(Path(path), "a truncation curve")
    except (ValueError, OSError):
        return False


def read_card(path: str | Path) -> ScoreCard:
    """Read a score card that `ScoreCard.save` wrote.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is not a score card or has another format.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"there is no score card {file}; `everymode evaluate` writes score cards")
    try:
        record = read_object(file, "a score card", _TYPES)
        for name, measured in record.get("metrics", {}).items():
            require_types({name: measured}, {name: _MEASURED}, "metrics.")
        version = record.pop("format")
        if version != FORMAT:
            raise ValueError(f"its format is {version}, but this version of everymode reads {FORMAT}")
        metrics = {name: Measured(**measured) for name, measured in record.pop("metrics").items()}
        return ScoreCard(metrics=metrics, **record)
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise ValueError(
            f"{file} is not a score card ({error}); `everymode evaluate` writes score cards"
        ) from error


def _settings(protocol: Mapping[str, Any], subject: Mapping[str, Any]) -> dict[str, str]:
    """Return a protocol and its subject as text: title -> settings that are set, without their nested objects."""
    sections = {
        "evaluated": subject.get("label"),
        "from": subject.get("source"),
        "against": subject.get("real"),
        "extractor": protocol.get("extractor"),
        "sampling": protocol.get("sampling"),
        "seeds": subject.get("seeds"),
    }
    sections["other"] = {
        name: value for name, value in protocol.items() if name not in ("extractor", "sampling", "real")
    }
    texts = {title: _shown(section) for title, section in sections.items()}
    return {title: text for title, text in texts.items() if text}


def _shown(value: Any) -> str:
    """Return a setting as text: 16x16 for a list, hashes shortened, "" for None."""
    if isinstance(value, Mapping):
        settings = {name: _shown(each) for name, each in value.items() if not isinstance(each, Mapping)}
        return ", ".join(f"{name.replace('_', ' ')} {text}" for name, text in settings.items() if text)
    if isinstance(value, list):
        return "x".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = "" if value is None else str(value)
    return f"{text[:12]}..." if len(text) >= 32 and text.isalnum() else text


def _remarks(measured: Measured) -> str:
    remarks = [f"{name}={value}" for name, value in measured.settings.items() if name in ("k", "classes")]
    return ", ".join([*remarks, *_titled(measured.details)])


_TITLES = {
    "std_over_splits": "std over splits",
    "residual": "residual",
    "mean_part": "of which means",
    "real_halves": "halves of the real images",
    "real_area": "real area",
    "generated_area": "generated area",
    "real_pictures": "real pictures",
    "other_maps": "other pictures' maps",
    "bicubic": "bicubic",
    "sharp": "originals",
}
"""Details that the table shows, with their titles."""


def _titled(details: Mapping[str, Any]) -> list[str]:
    return [
        f"{title} {details[name]:.4g}"
        for name, title in _TITLES.items()
        if isinstance(details.get(name), int | float)
    ]


def _parts(measured: Measured) -> list[tuple[str, ...]]:
    """Return a row for each part of a value: a class, a pair of domains, or a picture."""
    parts = measured.details.get("parts")
    rows: list[tuple[str, ...]] = []
    for name, part in parts.items() if isinstance(parts, Mapping) else ():
        if isinstance(part, Mapping):
            value = part.get("value")
            shown = f"{value:.6g}" if isinstance(value, int | float) else "-"
            counts = [
                f"{part[side]:,}" if isinstance(part.get(side), int) else "" for side in ("real", "fake")
            ]
            rows.append((f"  {name}", shown, "", *counts, ", ".join(_titled(part))))
    return rows
