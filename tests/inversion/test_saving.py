"""Stored encoders: the same outputs for every kind of classes, and files that don't belong together."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from everymode.inversion import ClassLogits, Encoder, UnitRows, load_encoder, save_encoder
from everymode.inversion.classes import ClassTarget

KINDS: dict[str, ClassTarget | None] = {
    "none": None,
    "logits": ClassLogits(3),
    "blocks": ClassLogits((3, 2)),
    "rows": UnitRows(torch.arange(8.0).view(4, 2) + 1),
}


def encoder(classes: ClassTarget | None) -> Encoder:
    torch.manual_seed(0)
    made = Encoder((0, 2), [(4, 2, 3), (5, 4, 6)], channels=3, latent_dim=6, classes=classes, width=7)
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()  # pyright: ignore[reportOptionalMemberAccess]
    made.facts = {"steps": 5, "latent_cosine": 0.25}
    return made.eval()


@pytest.mark.parametrize("kind", KINDS)
def test_a_stored_encoder_gives_the_same_outputs(kind: str, tmp_path: Path) -> None:
    made = encoder(KINDS[kind])
    loaded, generator = load_encoder(save_encoder(made, tmp_path / "a" / "e.safetensors", generator="hash"))
    assert generator == "hash" and loaded.facts == made.facts and loaded.layers == (0, 2)
    assert not loaded.training and not any(each.requires_grad for each in loaded.parameters())
    x = torch.randn(2, 3, 8, 12)
    one, two = made(x), loaded(x)
    assert torch.equal(one.z, two.z) and all(map(torch.equal, one.layers, two.layers))
    assert (one.label is None and two.label is None) or torch.equal(one.label, two.label)


def test_files_that_do_not_belong_together_are_rejected(tmp_path: Path) -> None:
    one = save_encoder(encoder(None), tmp_path / "one.safetensors")
    two = save_encoder(encoder(ClassLogits(3)), tmp_path / "two.safetensors")
    one.write_bytes(two.read_bytes())
    with pytest.raises(ValueError, match="don't belong together"):
        load_encoder(one)
    two.with_suffix(".json").write_text("{")
    with pytest.raises(ValueError, match=r"two\.json is damaged"):
        load_encoder(two)
    two.with_suffix(".json").unlink()
    with pytest.raises(FileNotFoundError, match=r"two\.json"):
        load_encoder(two)
    with pytest.raises(ValueError, match=r"a \.safetensors file"):
        save_encoder(encoder(None), tmp_path / "e.pt")
