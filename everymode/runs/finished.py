"""Check whether the run to resume is finished, so that none of its files needs to change."""

from __future__ import annotations

from everymode.data.words import counted, listed
from everymode.machine.distributed import World
from everymode.machine.progress import Progress
from everymode.runs.differences import differences, plain_record
from everymode.runs.planning import Plan
from everymode.storage import checkpoint as files
from everymode.storage.run_folder import RunFolder, read_lines

__all__ = ["finished_step"]


def finished_step(plan: Plan, world: World, progress: Progress) -> int | None:
    """Return the last step of the run to resume if it is finished, and print how to continue it; None if it isn't.

    A run is finished if it has more steps than the plan's recipe, or the same number, its status is done, and no
    image or score of the last step is missing. Nothing is written.

    Args:
        plan: plan with the folder of the run.
        world: the processes of the run; the writer looks.
        progress: prints the message.
    """
    assert plan.folder is not None
    step = _finished_step(plan.folder, plan, progress) if world.is_writer else None
    step = world.share(step)
    if not isinstance(step, int):
        return None
    requested, folder = plan.recipe.steps, plan.folder.path
    more = f"to continue it, add --steps {2 * step} (or any number above {step})"
    if requested < step:
        has = f"it has {counted(step, 'step')}, more than the {requested} requested"
    else:
        has = f"it has {step} of {requested} steps"
    found = differences(plain_record(plan.before), plain_record(plan.recipe))
    kept = [f"{each.name} stays {each.before}" for each in found if each.name != "steps"]
    unchanged = f"nothing was changed{f' ({listed(kept)})' if kept else ''}"
    progress.say(f"{folder} is finished: {has}, so {unchanged}; {more}")
    return step


def _finished_step(folder: RunFolder, plan: Plan, progress: Progress) -> int | None:
    newest = files.newest_valid(folder.checkpoints, progress.say)
    step = 0 if newest is None else files.step_of(newest) or 0
    if newest is None or step < plan.recipe.steps:
        return None
    if step > plan.recipe.steps:
        return step
    status = folder.read_status()
    scores = read_lines(folder.metrics)
    scored = any(record.get("step") == step for record in scores)
    complete = folder.sample_picture(step).is_file() and (scored or not plan.recipe.metrics)
    steps = {record.get("step") for record in (*read_lines(folder.log), *scores)}
    drawn = (folder.path / "curves.png").is_file() or len(steps) < 2  # one step makes no curve (save_curves)
    done = status.get("state") == "done" and status.get("step") == step
    return step if done and complete and drawn else None
