"""What clipping by least squared error is worth: scores of uniform precisions under both rules for integer
bits.

python -m bitfront.experiments.benchmarks.integer_bits
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from bitfront.experiments.gallery import Study, gallery

from ..command import returns_exit_code

STUDIES = ("jets_mlp", "digits_cnn", "top_tagging_lstm")
RULES = ("calibrate", "mse")
CANDIDATES = (("ptq", 3), ("ptq", 4), ("ptq", 6), ("ptq", 8), ("qat", 3), ("qat", 4))
"""Method and width, in bits, of weights, results and inputs."""


def scores(study: Study) -> Iterator[tuple[str, list[float]]]:
    """Train the float model, then yield (row of the table, float score and score of each candidate) for each
    rule.
    """
    from bitfront.search import Evaluator, load_problem, load_study
    from bitfront.search.problem import train_float

    widths = ["space.weights=2..12", "space.activations=2..12", "space.input=2..12", "constraints={}"]
    problem: Any = load_problem(load_study(study.file, widths), study.folder)
    train_float(problem)
    for rule in RULES:
        config = load_study(study.file, [*widths, f"space.integer_bits={rule}"])
        evaluator = Evaluator(replace(problem, config=config))
        found = [
            evaluator.evaluate(0, evaluator.space.uniform(width, method))[0].score
            for method, width in CANDIDATES
        ]
        yield f"{study.name}, `{rule}`", [evaluator.float_score, *found]


@returns_exit_code
def main(arguments: list[str] | None = None) -> None:
    """Command line: print one table, a row a study and rule."""
    parser = argparse.ArgumentParser(
        prog="python -m bitfront.experiments.benchmarks.integer_bits",
        description="Score uniform precisions with integer bits from the largest value and by least squared "
        "error.",
    )
    parser.add_argument("--study", action="append", choices=STUDIES, help="only this study; may be repeated")
    options = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    known = {study.name: study for study in gallery()}
    heads = ["float", *(f"{method} {width} bit" for method, width in CANDIDATES)]
    print("|  |" + "".join(f" {head} |" for head in heads))
    print("| --- |" + " ---: |" * len(heads))
    for name in options.study or STUDIES:
        for row, found in scores(known[name]):
            print(f"| {row} |" + "".join(f" {score:.4f} |" for score in found), flush=True)


if __name__ == "__main__":
    sys.exit(main())
