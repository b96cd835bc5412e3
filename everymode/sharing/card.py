"""Model card of a shared generator: README.md with the front matter of the Hugging Face hub."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from everymode.sharing.licenses import license_lines
from everymode.sharing.origin import maker, origin_section
from everymode.sharing.scores import score_section
from everymode.sharing.text import markdown, one_line, quoted
from everymode.version import __version__

if TYPE_CHECKING:
    from everymode.sampling.generator import Generator

__all__ = ["LIBRARY_LINE", "model_card"]

LIBRARY_LINE = "library_name: everymode"
"""Line of the front matter by which a card of everymode is recognized."""
MOST_NAMES, LONGEST_NAME = 50, 60
_TAKES = {
    "maps": "label maps",
    "pictures": "pictures of lower resolution",
    "attributes": "pictures and the attributes that they are to have",
}


def model_card(
    generator: Generator, config: Mapping[str, Any], picture: str, *, repository: str | None = None
) -> str:
    """Return the text of README.md.

    Names of the user are escaped: they can't become Markdown, HTML or YAML.

    Args:
        generator: the generator.
        config: its shared config.
        picture: description of samples.png; "" = there is none.
        repository: owner/name on the hub; None = not known.
    """
    name = _name(config)
    sections = [
        f"# {markdown(name)}",
        _drawn(generator, config),
        *(["## Samples", f"![Samples](samples.png)\n\n{picture}"] if picture else []),
        "## Data",
        _data(config),
        "## Scores",
        score_section(config.get("scores") or ()),
        "## Use",
        _use(generator, config, repository),
        *(
            ["## Origin", origin_section(config)]
            if config.get("imported")
            else ["## Training", _training(generator, config)]
        ),
        "## Limits",
        _limits(generator, config, picture),
    ]
    return _front_matter(generator, config) + "\n" + "\n\n".join(sections) + "\n"


def _front_matter(generator: Generator, config: Mapping[str, Any]) -> str:
    lines = ["---", *license_lines(config.get("license")), LIBRARY_LINE]
    if generator.labels.needs_examples:
        lines.append("pipeline_tag: image-to-image")
    elif len(_shape(config)) == 3:
        lines.append("pipeline_tag: unconditional-image-generation")
    parts = _parts(config)
    kinds = ("networks",) if config.get("imported") else ("networks", "loss")
    tags = ["gan", "everymode", *(parts[kind] for kind in kinds if parts.get(kind, "none") != "none")]
    lines += ["tags:", *(f"- {quoted(tag, LONGEST_NAME)}" for tag in dict.fromkeys(tags))]
    return "\n".join([*lines, "---", ""])


def _drawn(generator: Generator, config: Mapping[str, Any]) -> str:
    """Return the paragraph on what the generator draws."""
    shape = _shape(config)
    what = "Points in the plane"
    if len(shape) != 1:
        channels = {1: "gray", 3: "color", 4: "color and transparency"}.get(shape[0], f"{shape[0]} channels")
        what = f"Images of {shape[1]}x{shape[2]} pixels ({channels})" if len(shape) == 3 else "Samples"
    if generator.labels.needs_examples:
        given = _TAKES.get(_parts(config).get("labels", ""), "pictures or label maps")
        return f"{what}, generated from {given} by a GAN {maker(config)}." + _classes(config)
    sizes = generator.num_labels if isinstance(generator.num_labels, tuple) else (generator.num_labels,)
    text = f"{what}, generated from random latent codes by a GAN {maker(config)}"
    if not sizes[0]:
        return f"{text}. It has no labels."
    kind = "classes" if generator.labels.names_classes else "labels that were found in training (not classes)"
    return f"{text}, for {' + '.join(f'{size:,}' for size in sizes)} {kind}." + (
        _classes(config) if generator.labels.names_classes else ""
    )


def _classes(config: Mapping[str, Any]) -> str:
    """Return the sentences that list the class names, one for each label block."""
    data = config.get("data", {})
    blocks = data.get("label_blocks") or [data.get("classes") or []]
    titles = data.get("block_names") or []
    sentences = []
    for number, block in enumerate(blocks):
        if not block:
            continue
        title = markdown(str(titles[number]), LONGEST_NAME) if len(titles) == len(blocks) else "Classes"
        shown = ", ".join(markdown(str(name), LONGEST_NAME) for name in block[:MOST_NAMES])
        more = f" and {len(block) - MOST_NAMES:,} more" if len(block) > MOST_NAMES else ""
        sentences.append(f"\n\n{title}: {shown}{more}.")
    return "".join(sentences)


def _data(config: Mapping[str, Any]) -> str:
    data = config.get("data", {})
    name = data.get("name")
    parts = [
        f"Training data: {markdown(str(name))}."
        if name
        else "The training data was not named by whoever shared this."
    ]
    if isinstance(data.get("num_images"), int):
        parts.append(f"It has {data['num_images']:,} examples.")
    if data.get("fingerprint"):
        parts.append(f"Fingerprint: `{_code(data['fingerprint'])}`.")
    license_name = config.get("license")
    stated = (
        f"License of these weights: {markdown(str(license_name))}."
        if license_name
        else "No license was named."
    )
    return f"{' '.join(parts)}\n\n{stated}"


def _use(generator: Generator, config: Mapping[str, Any], repository: str | None) -> str:
    source = f"hub:{repository}" if repository else "FOLDER"
    own = "own" in config.get("recipe", {}) or any(
        "own" in part for part in config.get("recipe", {}).get("parts", {}).values()
    )
    arguments = f'"{source}"' + (", recipe=RECIPE" if own else "")
    lines = ["```python", "import everymode", "", f"generator = everymode.load({arguments})"]
    simple = [name for name in generator.classes if re.fullmatch(r"[A-Za-z][A-Za-z0-9_ -]{0,30}", name)]
    if generator.labels.needs_examples:
        lines += ["images = generator.translate(condition)  # see Generator.translate"]
    elif len(_shape(config)) == 3:
        lines += [
            "images = generator.sample(16, seed=0)  # [16, channels, height, width] in [-1, 1]",
            'everymode.save_grid(images, "grid.png")',
        ]
        if simple and isinstance(generator.num_labels, int):
            lines.append(f'images = generator.sample(16, label="{simple[0]}", seed=0)  # one class')
    else:
        lines += ["points = generator.sample(1000, seed=0)"]
    lines.append("```")
    text = "\n".join(lines)
    text += f"\n\nThis needs the Python package everymode, version {markdown(__version__)} or newer."
    if repository:
        text += " Add `@` and a commit hash to the name to get the same weights every time."
    if own:
        text += (
            "\n\n`RECIPE` is the custom recipe that built the generator; its code is not part of this folder."
        )
    return text


def _training(generator: Generator, config: Mapping[str, Any]) -> str:
    numbers = config.get("recipe", {}).get("numbers", {})
    facts = {
        "recipe": _name(config),
        **{kind: name for kind, name in _parts(config).items() if name},
        "steps": config.get("step"),
        "batch size": numbers.get("batch_size"),
        "seed": numbers.get("seed"),
        "parameters": f"{sum(each.numel() for each in generator.network.parameters()):,}",
        "everymode": config.get("everymode", __version__),
        **{name: version for name, version in config.get("versions", {}).items() if name == "torch"},
    }
    rows = [f"| {title} | {markdown(str(fact))} |" for title, fact in facts.items() if fact is not None]
    return "\n".join(["| | |", "|---|---|", *rows])


def _limits(generator: Generator, config: Mapping[str, Any], picture: str) -> str:
    limits = [
        "It shows what its training data shows, with their biases, and nothing else.",
        "Whether it copies single training images is not recorded here.",
    ]
    if not config.get("scores"):
        limits.append("No scores were measured with these weights, so their quality is not known.")
    if not generator.labels.names_classes and generator.num_labels:
        limits.append("Its labels were found in training: they have no names and may mix classes.")
    if not picture:
        needs = generator.labels.needs_examples
        limits.append(
            "There is no picture of samples: it needs input pictures or label maps."
            if needs
            else "There is no picture of samples: some of its outputs are not finite numbers."
        )
    return "\n".join(f"- {limit}" for limit in limits)


def _name(config: Mapping[str, Any]) -> str:
    name = config.get("recipe", {}).get("numbers", {}).get("name")
    return one_line(str(name)) if name else "Generator"


def _parts(config: Mapping[str, Any]) -> dict[str, str]:
    """Return kind -> name of the recipe's parts."""
    parts = config.get("recipe", {}).get("parts", {})
    return {kind: str(part.get("name") or part.get("own", "")) for kind, part in parts.items()}


def _shape(config: Mapping[str, Any]) -> Sequence[int]:
    """Return [C, H, W] of the images, [2] for points, or [] if it is not known."""
    shape = config.get("data", {}).get("image_shape")
    if isinstance(shape, list) and len(shape) in (1, 3) and all(isinstance(side, int) for side in shape):
        return shape
    return []


def _code(text: object) -> str:
    return one_line(str(text), LONGEST_NAME).replace("`", "'")
