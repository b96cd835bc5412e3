"""Two-minute demo: train `omni-gan-digits` on real handwritten digits, save its samples, and score them.

    python -m experiments.demo [--seed 0] [--out runs]

Two scores, both at 8x8 pixels as scikit-learn publishes the digits:
agreement: share of samples that a support vector classifier, fitted on 500 digits that the GAN was not trained on,
assigns to the requested class; variety: mean pairwise Euclidean distance within a class, divided by that of the real
digits (1 = equally varied; 0 = one prototype).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from textwrap import indent

import everymode
from everymode.evaluation import evaluate
from experiments.harness.digit_reader import score

SAMPLES = 1000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0, help="random seed (default: 0)")
    parser.add_argument("--out", type=Path, default=Path("runs"), help="folder of runs (default: runs)")
    options = parser.parse_args()
    began = time.perf_counter()
    run = everymode.train("omni-gan-digits", out=options.out, seed=options.seed)
    seconds = time.perf_counter() - began
    scores = score(run.generator(), samples=SAMPLES)
    print(
        "scoring against the training digits (trains a small classifier of digits, whose features are used, once)"
    )
    card = evaluate(run.folder, "digits:train", num=SAMPLES)
    card_file = card.save(run.folder / "evaluations" / "demo.json")
    command = os.path.relpath(Path(sys.executable).with_name("everymode"))
    picture = max((run.folder / "samples").glob("*.png"))
    print(f"""
  trained for                                   {seconds:6.1f} s   ({run.steps} steps)
  agreement with the requested digit            {scores.agreement:6.1%}   (by a classifier fitted on 500 other digits)
  the classifier on the GAN's training digits   {scores.agreement_on_real:6.1%}
  variety within a class, real digits = 1       {scores.variety:6.2f}

{indent(card.table(), "  ")}

  ten digits, one row each: {picture}
  score card:               {card_file}
  curves:                   {run.folder / "curves.png"}
  sample more:              {command} sample {run.folder} --label 7 --seeds 0-9""")


if __name__ == "__main__":
    main()
