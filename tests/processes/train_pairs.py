"""Train a small game of images with images in a process that may kill itself at a given step."""

from __future__ import annotations

from pathlib import Path

import torch
from train_digits import signal_itself

import everymode

NUMBERS: dict[str, dict[str, object]] = {
    "omni-spade-textures": {
        "data": "textures:samples=24",
        "held_out": "textures:split=test,samples=12",
        "resolution": 16,
        "width": 4,
        "hidden": 8,
        "critic_width": 8,
        "critic_layers": 2,
        "doublings": 2,
    },
    "stargan-shapes": {
        "data": "shapes:labels=color+size,samples=24",
        "resolution": 16,
        "width": 4,
        "critic_width": 4,
        "critic_layers": 2,
        "blocks": 1,
        "discriminator_steps": 2,
    },
    "san-sr-photos": {
        "perceptual": "none",
        "held_out": "",
        "resolution": 32,
        "width": 8,
        "blocks": 1,
        "critic_width": 4,
    },
}
"""Recipe -> what makes it small."""


def train_pairs(name: str, out: Path, data: str = "", kill_at: int = 0) -> None:
    """Train a game for six steps, or resume the one that is there."""
    torch.set_num_threads(1)
    if kill_at:
        signal_itself("SIGKILL", kill_at)
    given = {
        "steps": 6,
        "tick": 2,
        "snapshot": 2,
        "batch_size": 4,
        "watch_samples": 6,
        "augmentation": "translation",
    }
    given |= NUMBERS[name] | ({"data": data} if data else {})
    everymode.train(name, out=out, resume="auto", device="cpu", **given)
