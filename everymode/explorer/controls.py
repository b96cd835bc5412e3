"""Controls of forms: each has a label, a stable id and the name of its parameter."""

from __future__ import annotations

from collections.abc import Sequence

from everymode.explorer.catalog import Checkpoint
from everymode.explorer.facts import Facts
from everymode.explorer.images import MOST_TRUNCATION
from everymode.explorer.labels import ANY, Label, block_choice
from everymode.explorer.markup import Content, Html, element
from everymode.explorer.parameters import Parameters
from everymode.explorer.site import Site

__all__ = [
    "checkpoint_control",
    "field",
    "form",
    "label_controls",
    "labels_controls",
    "select",
    "size_control",
    "truncation_control",
]


def form(action: str, *contents: Content, live: bool = True) -> Html:
    """Return a GET form with a button.

    Args:
        action: the page's own path.
        contents: its controls.
        live: whether the script shows the new view while a control is moved.
    """
    button = element("button", "Show", type="submit")
    return element(
        "form",
        *contents,
        button,
        action=action,
        method="get",
        class_="controls",
        data_live=live,
        role="search",
    )


def field(text: str, control: Html, id_: str, hint: str = "") -> Html:
    """Return a control with its label and a hint below it."""
    small = element("small", hint, id=f"{id_}-hint") if hint else None
    return element("div", element("label", text, for_=id_), control, small, class_="field")


def text_field(
    text: str, name: str, value: str, id_: str, hint: str = "", *, pattern: str | None = None
) -> Html:
    """Return a text field."""
    control = element(
        "input",
        type="text",
        name=name,
        value=value,
        id=id_,
        pattern=pattern,
        autocomplete="off",
        spellcheck="false",
        aria_describedby=f"{id_}-hint" if hint else None,
    )
    return field(text, control, id_, hint)


def select(text: str, name: str, id_: str, options: Sequence[tuple[str, str]], current: str) -> Html:
    """Return a list of options, each a value and its text."""
    listed = [element("option", shown, value=value, selected=value == current) for value, shown in options]
    return field(text, element("select", listed, name=name, id=id_), id_)


def checkpoint_control(
    site: Site,
    current: Checkpoint,
    name: str = "checkpoint",
    text: str = "Checkpoint",
    id_: str = "checkpoint-select",
) -> Html:
    """Return the list of all checkpoints, by run."""
    groups = []
    for run in site.catalog.runs:
        if run.reason or not run.checkpoints:
            continue
        options = [
            element(
                "option",
                f"{each.title} · {run.name}" if len(site.catalog.runs) > 1 else each.title,
                value=each.name,
                selected=each.name == current.name,
            )
            for each in reversed(run.checkpoints)
        ]
        groups.append(element("optgroup", options, label=run.name))
    return field(text, element("select", groups, name=name, id=id_, data_run=current.run), id_)


def labels_controls(parameters: Parameters, facts: Facts) -> list[Html]:
    """Return the controls of a grid's rows: a list of labels, one control per block, and rows of the data."""
    controls = []
    if facts.needs_data:
        rows = parameters.text("rows", "0-7", allowed="rows")
        controls.append(text_field("Rows of the data", "rows", rows, "row-input", "such as 0-7 or 1,5"))
    if len(facts.blocks) == 1 and not facts.needs_data:
        count = len(facts.blocks[0].labels)
        default = f"0-{min(count, 10) - 1}"
        value = parameters.text("labels", default, allowed="labels")
        hint = f"0 to {count - 1}, such as {default}, or any"
        controls.append(text_field(_plural(facts.word), "labels", value, "label-select", hint))
        return controls
    for index, block in enumerate(facts.blocks):
        options = [("all", f"all {_plural(block.name).lower()}"), (ANY, "any")]
        options += [(str(number), text) for number, text in enumerate(block.labels)]
        id_ = "label-select" if index == 0 else f"label-select-{index}"
        current = block_choice(parameters, facts, index)
        controls.append(select(block.name.capitalize(), f"block{index}", id_, options, current))
    return controls


def label_controls(
    parameters: Parameters,
    facts: Facts,
    label: Label | None,
    *,
    more: Sequence[tuple[str, str]] = (),
) -> Html:
    """Return the control of one label: a list, or a text field for several blocks or rows of the data.

    Args:
        parameters: the values in the address.
        facts: facts about the generator.
        label: the current label; None if it is one of `more`.
        more: further entries of the list, each a value and its text.
    """
    if label is not None and (facts.needs_data or len(facts.blocks) > 1):
        hint = (
            "r and a row of the data"
            if facts.needs_data
            else " - ".join(block.name for block in facts.blocks)
        )
        return text_field("Label", "label", label.text, "label-select", hint)
    if not facts.blocks:
        return element("input", type="hidden", name="label", value=ANY, id="label-select")
    block = facts.blocks[0]
    options = [(str(number), text) for number, text in enumerate(block.labels)]
    options = [*more, *options, (ANY, "any")]
    current = more[0][0] if label is None else label.text
    return select(block.name.capitalize(), "label", "label-select", options, current)


def truncation_control(truncation: float) -> Html:
    """Return the slider of the truncation."""
    control = element(
        "input",
        type="range",
        name="truncation",
        id="truncation-input",
        min="0",
        max=f"{MOST_TRUNCATION:g}",
        step="0.05",
        value=f"{truncation:g}",
    )
    output = element("output", f"{truncation:g}", for_="truncation-input")
    label = element("label", "Truncation ", output, for_="truncation-input")
    small = element("small", "factor on z: below 1, typical; above, unusual", id="truncation-input-hint")
    return element("div", label, control, small, class_="field")


def size_control(parameters: Parameters, facts: Facts) -> Html | None:
    """Return the text field of the size, for generators that draw any size."""
    if not facts.any_size:
        return None
    value = parameters.text("size", "", allowed="a size")
    native = f"{facts.size[0]}x{facts.size[1]}"
    return text_field("Size", "size", value, "size-input", f"pixels, such as 64 or 96x48; empty: {native}")


def _plural(word: str) -> str:
    text = word.capitalize()
    return f"{text}es" if text.endswith("s") else f"{text}s"
