"""Extend finished runs in several processes, of which the last is slow to read its checkpoint."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from toy_games import ToyRecipe, toy_data

from everymode.machine.distributed import World
from everymode.runs import extending
from everymode.runs.run import Run, train
from everymode.storage import checkpoint as files
from everymode.training import trainer

SETTLING = ToyRecipe(
    precision="float64",
    batch_norm=True,
    settling=0.25,
    settling_lr=0.5,
    steps=8,
    tick=1,
    snapshot=4,
    watch_samples=12,
)
DECAYING = replace(SETTLING, settling=0.0, lr_decay=0.5)


def toy(recipe: ToyRecipe, runs: Path, **options: Any) -> Run:
    return train(recipe, toy_data(), runs, device="cpu", track="none", **options)


def extend(out: Path) -> None:
    """Train two runs, and extend them: from before the generator settled, easing in, and after a decay."""
    torch.set_num_threads(1)
    rank = int(os.environ.get("RANK", "0"))
    close, restore, write = World.close, extending.restore, files.write_checkpoint

    def slow(*arguments: Any) -> None:
        time.sleep(0.2 * rank)
        restore(*arguments)
        (out / f"{rank} restored").touch()

    def writing(*arguments: Any, **options: Any) -> Path:
        waiting = [path.name for path in out.glob("[0-9]*") if path.name == "0 restored"]
        assert not waiting or (out / "1 restored").exists(), "written while another process reads it"
        return write(*arguments, **options)

    trainer.save_curves = lambda *arguments, **options: None
    extending.restore = slow
    files.write_checkpoint = writing
    World.close = lambda world: None  # the processes stay together from one training to the next
    world = World.from_environment()
    settled, decayed = (toy(each, out / "runs").folder for each in (SETTLING, DECAYING))
    eased = out / "runs" / "eased"
    if rank == 0:
        shutil.copytree(settled, eased)
        shutil.rmtree(eased / "checkpoints" / "step-0000006")
    for folder, recipe, steps in ((settled, SETTLING, 12), (eased, SETTLING, 12), (decayed, DECAYING, 16)):
        world.barrier()
        (out / f"{rank} restored").unlink(missing_ok=True)
        world.barrier()
        toy(recipe, out / "runs", resume=folder, steps=steps)
    close(world)
