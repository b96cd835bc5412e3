"""Counts of reached and kept attributes, by classifiers that read a level of color."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from picture_generators import painted
from torch import Tensor, nn

from everymode.evaluation.attribute_judges import AttributeJudge, AttributeTally
from everymode.extractors.classifiers import Classifier
from everymode.extractors.extractor import Activations


class Level(nn.Module):
    """Reads the class off the mean of a channel."""

    def __init__(self, channel: int, step: int, classes: int) -> None:
        super().__init__()
        self.channel, self.step, self.classes = channel, step, classes
        self.layers = {"penultimate": 1}

    def forward(self, images: Tensor) -> Activations:
        level = images[:, self.channel].mean((1, 2))
        index = (level / self.step).round().long().clamp(0, self.classes - 1)
        return Activations({"penultimate": level[:, None]}, F.one_hot(index, self.classes).float())


def judge(block: int, title: str, values: tuple[str, ...], network: Level) -> AttributeJudge:
    classifier = Classifier(title, network, (8, 8), 3, len(values), 1.0, 10, f"{block}" * 64, {})
    return AttributeJudge(block, title, values, classifier)


RED = judge(0, "red", ("low", "middle", "high"), Level(0, 120, 3))
GREEN = judge(1, "green", ("dark", "bright"), Level(1, 200, 2))


def flat(red: int, green: int) -> Tensor:
    return torch.tensor([red, green, 0], dtype=torch.uint8)[:, None, None].expand(3, 8, 8)


def test_target_and_kept_attributes_are_counted() -> None:
    tally = AttributeTally([RED, GREEN])
    # asked for red "high": two of three reach it, and one of three loses its green
    images = torch.stack((flat(240, 200), flat(240, 0), flat(0, 0)))
    tally.add(images, 0, torch.tensor([[2, 1], [2, 1], [2, 0]]))
    tally.add(images[:1], 1, torch.tensor([[2, 1]]))
    data = painted(20)
    measured = tally.measured(data, data.labels)
    assert measured["target-accuracy"].value == pytest.approx(3 / 4)
    assert measured["target-accuracy"].details["parts"]["red: high"] == {"value": 2 / 3, "fake": 3}
    assert measured["kept-accuracy"].details["parts"] == {
        "green": {"value": 2 / 3, "fake": 3},
        "red": {"value": 1.0, "fake": 1},
    }
    assert measured["kept-accuracy"].value == pytest.approx(3 / 4)
    assert measured["kept-accuracy"].details["real_pictures"] == 1
    assert not tally.warnings(measured)
    assert tally.warnings(tally.measured(data, data.labels[::-1].copy()))


def test_an_exclusive_attribute_may_change_with_another_one() -> None:
    tally = AttributeTally([GREEN, judge(2, "other", ("dark", "bright"), Level(2, 200, 2))], exclusive=(1, 2))
    tally.add(flat(0, 200)[None], 1, torch.tensor([[0, 1, 0]]))
    measured = tally.measured(painted(4), painted(4).labels[:, [0, 1, 1]])
    assert measured["target-accuracy"].value == 1
    assert "kept-accuracy" not in measured
