"""Comparison of score cards: means over seeds, ranked only if everything that could change a number is equal."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from everymode.evaluation.repetitions import Group, Repetition
from everymode.evaluation.score_card import ScoreCard
from everymode.evaluation.scoring import FSD, Measured
from everymode.storage.json_files import flat

__all__ = [
    "Comparison",
    "NamedCard",
    "Ranking",
    "compare_cards",
    "comparison_table",
    "differences",
    "short_names",
]

NOT_COMPARED = (
    "max_features",
    "segmenter",
    "fake_images",
    "extractor.layers",
    "extractor.num_classes",
    "extractor.channels",
)
"""Protocol fields that are recorded but not compared: each metric records how many features it used and
which segmenter, and the hash of the weights identifies the network."""
OF_FEATURES = ("extractor", "reservoir_seed")
"""Protocol fields on which metrics of a segmenter don't depend."""


class NamedCard(NamedTuple):
    """A score card and its name, such as its file; names are unique within a comparison."""

    name: str
    card: ScoreCard


class Ranking(NamedTuple):
    """Subjects evaluated under one protocol, best first."""

    name: str
    protocol: dict[str, Any]
    groups: tuple[Group, ...]


@dataclass(frozen=True)
class Comparison:
    """One metric over all cards.

    Attributes:
        metric: short name.
        better: "lower" or "higher".
        rankings: one per protocol; values of different rankings are not comparable.
        differing: for each further ranking, the fields in which it differs from the first, as "field: this or that".
        missing: names of the cards without this metric.
    """

    metric: str
    better: str
    rankings: tuple[Ranking, ...]
    differing: tuple[tuple[str, ...], ...]
    missing: tuple[str, ...]

    @property
    def ranks(self) -> bool:
        """Whether any ranking has at least two subjects."""
        return any(len(ranking.groups) > 1 for ranking in self.rankings)


def compare_cards(cards: Sequence[NamedCard], *, ignore: Collection[str] = ()) -> list[Comparison]:
    """Compare every metric that at least two cards have.

    Args:
        cards: at least two score cards with different names.
        ignore: protocol fields that may differ, such as "sampling.truncation" or "truncation".

    Returns:
        One comparison per metric.
    Raises:
        ValueError: if there are fewer than two cards, or if no card has a field of `ignore`.
    """
    if len(cards) < 2:
        raise ValueError(f"{len(cards)} score cards were given; a comparison needs at least 2")
    _check_fields(cards, ignore)
    first_order = [each.metric for named in cards for each in named.card.metrics.values()]
    comparisons = []
    for metric in dict.fromkeys(first_order):
        holders = [(named, *each) for named in cards for each in _measured(named.card, metric)]
        if len({named.name for named, _, _ in holders}) > 1:
            comparisons.append(_compared(metric, cards, holders, ignore))
    return comparisons


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the fields in which two flat protocols differ, as "resize: 64 or 128"."""
    return tuple(
        f"{name}: {_shown(first.get(name))} or {_shown(second.get(name))}"
        for name in sorted(first.keys() | second.keys())
        if first.get(name) != second.get(name)
    )


def comparison_table(comparisons: Iterable[Comparison]) -> str:
    """Return all comparisons as text with one paragraph per metric."""
    paragraphs = []
    for comparison in comparisons:
        lines = []
        for index, ranking in enumerate(comparison.rankings):
            if index:
                lines.append(f"  not comparable with the above: {'; '.join(comparison.differing[index - 1])}")
            head = f"{ranking.name} ({comparison.better} is better)"
            lines.append(head if not index else f"  {head}")
            width = max((len(group.label) for group in ranking.groups), default=0)
            for number, group in enumerate(ranking.groups, start=1):
                rank = f"{number}." if len(ranking.groups) > 1 else "  "
                lines.append(f"  {rank} {group.label:<{width}}  {_spread(group)}")
        if comparison.missing:
            few = len(comparison.missing) <= 2
            lines.append(
                f"  not in {', '.join(comparison.missing) if few else f'{len(comparison.missing)} cards'}"
            )
        paragraphs.append("\n".join(lines))
    return "\n\n".join(paragraphs)


def short_names(paths: Sequence[str]) -> dict[str, str]:
    """Return the path components that distinguish each path: "x" and "y" for "a/x/card.json" and "a/y/card.json".

    A single path gives its last component.
    """
    components = {path: Path(path).parts or (path,) for path in paths}
    if len(components) < 2:
        return {path: own[-1] for path, own in components.items()}
    longest = max(map(len, components.values()))
    shared = 0
    while shared < longest and len({own[shared : shared + 1] for own in components.values()}) == 1:
        shared += 1
    begins = {path: min(shared, len(own) - 1) for path, own in components.items()}
    for length in range(1, longest + 1):
        short = {
            path: str(Path(*own[begins[path] : begins[path] + length])) for path, own in components.items()
        }
        if len(set(short.values())) == len(short):
            return short
    return {path: path for path in paths}


def _compared(
    metric: str,
    cards: Sequence[NamedCard],
    holders: Sequence[tuple[NamedCard, str, Measured]],
    ignore: Collection[str],
) -> Comparison:
    by_protocol: dict[str, list[tuple[NamedCard, str, Measured]]] = {}
    protocols: dict[str, dict[str, Any]] = {}
    for holder in holders:
        protocol = _protocol(holder[0].card, holder[2], ignore)
        key = json.dumps(protocol, sort_keys=True)
        protocols[key] = protocol
        by_protocol.setdefault(key, []).append(holder)
    better = holders[0][2].better
    commonest_first = sorted(by_protocol, key=lambda key: -len(by_protocol[key]))
    rankings = [
        Ranking(by_protocol[key][0][1], protocols[key], _groups(by_protocol[key], better))
        for key in commonest_first
    ]
    holding = {named.name for named, _, _ in holders}
    return Comparison(
        metric=metric,
        better=better,
        rankings=tuple(rankings),
        differing=tuple(differences(rankings[0].protocol, other.protocol) for other in rankings[1:]),
        missing=tuple(named.name for named in cards if named.name not in holding),
    )


def _groups(members: Sequence[tuple[NamedCard, str, Measured]], better: str) -> tuple[Group, ...]:
    repetitions: dict[str, dict[tuple[Any, ...], Repetition]] = {}
    cards: dict[str, list[NamedCard]] = {}
    for named, _, measured in members:
        if measured.value is None:
            continue
        subject = named.card.subject
        seeds = subject.get("seeds", {})
        training = (seeds.get("training"), subject.get("facts", {}).get("weights"))
        repetition = Repetition(measured.value, training, seeds.get("sampling"))
        identity = json.dumps(subject.get("identity", {}), sort_keys=True)
        repetitions.setdefault(identity, {})[repetition[1:]] = repetition
        cards.setdefault(identity, []).append(named)
    labels = _labels(cards)
    groups = [Group(labels[identity], tuple(each.values())) for identity, each in repetitions.items()]
    return tuple(sorted(groups, key=lambda group: group.mean, reverse=better == "higher"))


def _labels(cards: Mapping[str, Sequence[NamedCard]]) -> dict[str, str]:
    """Return the label of each subject; runs, datasets or files are appended to labels that are not unique."""
    own = {identity: str(each[0].card.subject.get("label", each[0].name)) for identity, each in cards.items()}
    sources = {
        identity: list(dict.fromkeys(str(named.card.subject.get("source") or named.name) for named in each))
        for identity, each in cards.items()
    }
    if len({tuple(each) for each in sources.values()}) < len(sources):  # two states of one run
        sources = {
            identity: list(dict.fromkeys(named.name for named in each)) for identity, each in cards.items()
        }
    short = short_names([source for each in sources.values() for source in each])
    labels = {}
    for identity, label in own.items():
        if list(own.values()).count(label) > 1:
            label += f" ({_few([short[source] for source in sources[identity]])})"
        labels[identity] = label
    return labels


def _few(names: Sequence[str], most: int = 3) -> str:
    return ", ".join([*names[:most], *([f"and {len(names) - most} more"] if len(names) > most else [])])


def _measured(card: ScoreCard, metric: str) -> list[tuple[str, Measured]]:
    return [(name, each) for name, each in card.metrics.items() if each.metric == metric]


def _protocol(card: ScoreCard, measured: Measured, ignore: Collection[str]) -> dict[str, Any]:
    fields = flat(card.protocol)
    fields |= {f"settings.{name}": value for name, value in measured.settings.items()}
    if measured.metric == FSD:
        fields = {name: value for name, value in fields.items() if not name.startswith(OF_FEATURES)}
    fields |= {"real images used": measured.real, "generated images used": measured.fake}
    return {
        name: value
        for name, value in fields.items()
        if not name.startswith(NOT_COMPARED) and name not in ignore and name.rsplit(".", 1)[-1] not in ignore
    }


def _check_fields(cards: Sequence[NamedCard], ignore: Collection[str]) -> None:
    known = set()
    for named in cards:
        for measured in named.card.metrics.values():
            known |= _protocol(named.card, measured, ()).keys()
    for name in ignore:
        if name not in known and not any(each.rsplit(".", 1)[-1] == name for each in known):
            raise ValueError(
                f"no card has a field {name!r} that could be ignored; choose from {', '.join(sorted(known))}"
            )


def _spread(group: Group) -> str:
    if group.std is None:
        return f"{group.mean:.6g}"
    return f"{group.mean:.6g} +- {group.std:.2g} ({group.counted})"


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, str) and len(value) > 24 and " " not in value:
        return f"{value[:12]}..."
    return json.dumps(value) if isinstance(value, list) else str(value)
