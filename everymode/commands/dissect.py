"""`everymode dissect`: labels that the units of a generator show, as HTML pages."""

from __future__ import annotations

from everymode.commands import dissect_flags as own_flags
from everymode.commands import sample_flags as flags
from everymode.commands.ending import say


def dissect(
    source: flags.Source,
    /,
    *,
    segmenter: own_flags.Segmenter,
    out: own_flags.Out,
    data: own_flags.Data = None,
    label: own_flags.Label = None,
    cluster: flags.Cluster = None,
    conditions: own_flags.Conditions = None,
    layers: own_flags.Layers = None,
    num: own_flags.Num = 1000,
    tail: own_flags.Tail = 0.005,
    iou: own_flags.Iou = 0.04,
    rule: own_flags.Rule = "iou",
    strongest: own_flags.Strongest = 6,
    seed: own_flags.Seed = 0,
    batch_size: flags.BatchSize = 64,
    device: flags.Device = "cpu",
    recipe: flags.CustomRecipe = None,
) -> None:
    """Find out which units of a generator's layers show which label, and write an HTML page per layer.

    The number of interpretable units depends on the tail at least as much as on training, so the numbers at tails from
    0.001 to 0.2 are always printed and plotted.
    """
    from everymode.commands.dissecting import Job, Settings, check_out, requested_conditions
    from everymode.commands.sample import load_generator

    check_out(out)
    generator = load_generator(source, recipe, device)
    requested = requested_conditions(generator, label, cluster, conditions)
    settings = Settings(num, tail, iou, rule, layers, strongest, seed, batch_size)
    job = Job(generator, source, recipe, segmenter, data, settings)
    job.write(out, requested, say)
