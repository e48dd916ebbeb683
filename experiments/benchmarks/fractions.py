"""The metric against the bits behind the point, for several integer widths: one type for all of a network.

python -m bitfront.experiments.benchmarks.fractions top_tagging_gru top_tagging_lstm --seeds 3 --out fractions

This is the figure of Khoda et al. 2023 (arXiv:2207.00559), metric over that of the float model, for `fixed<I
+ F, I>` in every weight and result (results that are never negative use the sign's bit for their fraction),
PTQ and QAT. Weights and results round to nearest and saturate, accumulators are lossless. QAT trains as many
epochs as the study's quick preset gives a candidate and keeps the best by validation, also where that is
worse than PTQ.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bitfront.experiments.gallery import Study, ready_study
from bitfront.spaces import FixedPoint, UserError

from ..command import returns_exit_code
from .results import commit
from .speed import environment

INTEGERS = (4, 6, 8)
"""Bits left of the point, sign included."""
FRACTIONS = (2, 4, 6, 8, 10)
"""Bits behind it."""


@dataclass(frozen=True)
class Score:
    """What one type gave with one seed.

    Attributes:
        study, seed: the ready study; the seed of its float training and of QAT.
        method: `ptq` or `qat`.
        integer, fraction: bits left of the point and behind it.
        test: the test metric.
        relative: the test metric over that of the float model.
    """

    study: str
    seed: int
    method: str
    integer: int
    fraction: int
    test: float
    relative: float


def measure(study: Study, seed: int, integers: Sequence[int], fractions: Sequence[int]) -> Iterator[Score]:
    """Train the float model of one seed, then yield the score of each type, rounded and trained.

    Raises:
        UserError: the study's data are missing.
    """
    from bitfront.hls.precision import uniform_types
    from bitfront.search import Evaluator, load_problem, load_study
    from bitfront.search.problem import train_float

    problem = load_problem(load_study(study.file, [f"seed={seed}"], preset="quick"), study.folder)
    train_float(problem)
    evaluator = Evaluator(problem)
    reference = evaluator.scores.of_float("test")
    for integer in integers:
        for fraction in fractions:
            kind = FixedPoint(integer + fraction, integer, rounding="RND_CONV", overflow="SAT")
            types = uniform_types(evaluator.graph, kind)
            for method in ("ptq", "qat"):
                weights = _trained(evaluator, types, seed) if method == "qat" else None
                test = evaluator.scores.of(types, weights, "test")
                yield Score(study.name, seed, method, integer, fraction, test, test / reference)


def _trained(evaluator: Any, types: Any, seed: int) -> Any:
    """Return the weights of the best epoch by validation, trained from the float model's under these
    types.
    """
    from bitfront.hls import Trainer

    problem, bit_true = evaluator.problem, evaluator.bit_true
    config, data = problem.config.training, problem.data
    trainer = Trainer(
        bit_true,
        data.x_train,
        data.y_train,
        tasks=[output.task for output in problem.outputs.values()],
        batch_size=config.batch_size,
        optimizer=config.optimizer,
    )
    evaluator.scores.of(types, None, "test")  # the float weights, and these types
    rng = np.random.default_rng(seed)
    best, best_value = None, None
    for _ in range(config.epochs):
        trainer.epoch(rng.permutation(len(data.x_train[0])), config.learning_rate)
        value = evaluator.scores.of_outputs(bit_true.predict(data.x_val))
        if best_value is None or evaluator.scores.ranking.better(value, best_value):
            best, best_value = bit_true.weights(), value
    return best


def table(scores: Sequence[Score]) -> str:
    """Return Markdown: a row a study, integer width and fraction; medians, lowest and highest over the seeds.

    The last column says whether QAT won with every seed, with none, or with some.
    """
    lines = ["| study | integer | fraction | PTQ | QAT | QAT better |", "|---|---:|---:|---:|---:|---|"]
    for study, integer, fraction in dict.fromkeys((s.study, s.integer, s.fraction) for s in scores):
        cells = {}
        for method in ("ptq", "qat"):
            rows = [
                s
                for s in scores
                if (s.study, s.integer, s.fraction, s.method) == (study, integer, fraction, method)
            ]
            cells[method] = {s.seed: s.relative for s in rows}
        won = [cells["qat"][seed] > value for seed, value in cells["ptq"].items() if seed in cells["qat"]]
        verdict = "yes" if all(won) else "no" if not any(won) else f"{sum(won)} of {len(won)} seeds"
        spread = [_spread(list(cells[method].values())) for method in ("ptq", "qat")]
        lines.append(f"| {study} | {integer} | {fraction} | {' | '.join(spread)} | {verdict} |")
    return "\n".join(lines)


def _spread(values: Sequence[float]) -> str:
    return f"{np.median(values):.3f} ({min(values):.3f}-{max(values):.3f})"


def draw(scores: Sequence[Score], files: Sequence[Path]) -> None:
    """Draw a panel a study: the ratio to float against the fraction, a colour an integer width, QAT
    dashed.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    studies = list(dict.fromkeys(s.study for s in scores))
    columns = min(2, len(studies))
    rows = -(-len(studies) // columns)
    figure = Figure(figsize=(5.2 * columns, 3.5 * rows), constrained_layout=True)
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, columns, squeeze=False).flat
    colours = ("#1d4ed8", "#c2410c", "#15803d", "#7c3aed")
    for axes, study in zip(panels, studies, strict=False):
        axes.axhline(1.0, color="#5a6372", linewidth=1)
        for integer, colour in zip(sorted({s.integer for s in scores}), colours, strict=False):
            for method, style in (("ptq", "-"), ("qat", "--")):
                own = [s for s in scores if (s.study, s.integer, s.method) == (study, integer, method)]
                places = sorted({s.fraction for s in own})
                values = [[s.relative for s in own if s.fraction == f] for f in places]
                label = f"{method.upper()}, {integer} integer bits"
                axes.plot(
                    places,
                    [np.median(v) for v in values],
                    style,
                    color=colour,
                    marker="o",
                    markersize=3,
                    label=label,
                )
                axes.fill_between(
                    places, [min(v) for v in values], [max(v) for v in values], color=colour, alpha=0.1
                )
        axes.set_title(study)
        axes.set_xlabel("fractional bits")
        axes.set_ylabel("test metric over float")
        axes.grid(color="#e7eaf0")
    for spare in figure.axes[len(studies) :]:
        spare.set_visible(False)
    figure.axes[0].legend(frameon=False, fontsize="small")
    for file in files:
        figure.savefig(file, dpi=130)


@returns_exit_code
def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bitfront.experiments.benchmarks.fractions",
        description="The metric over that of the float model against fractional bits, by PTQ and by QAT.",
    )
    parser.add_argument("studies", nargs="+", help="ready studies (bitfront ls)")
    parser.add_argument("--seeds", type=int, default=3, help="float models (3)")
    parser.add_argument(
        "--integers", type=int, nargs="+", default=list(INTEGERS), help="integer bits (4 6 8)"
    )
    parser.add_argument(
        "--fractions", type=int, nargs="+", default=list(FRACTIONS), help="bits behind (2 4 6 8 10)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("fractions"), help="folder; studies that are in it are kept"
    )
    options = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if options.seeds < 1:
        raise UserError("--seeds must be 1 or more.")
    studies = [ready_study(name) for name in options.studies]
    options.out.mkdir(parents=True, exist_ok=True)
    for study in studies:
        scores = [
            score
            for seed in range(1, options.seeds + 1)
            for score in measure(study, seed, options.integers, options.fractions)
        ]
        words = f"{study.name} --seeds {options.seeds} --integers {' '.join(map(str, options.integers))}"
        about = {
            "command": f"python -m bitfront.experiments.benchmarks.fractions {words} --fractions "
            + " ".join(map(str, options.fractions)),
            "commit": commit(),
            "environment": environment(),
            "scores": [asdict(s) for s in scores],
        }
        (options.out / f"fractions_{study.name}.json").write_text(json.dumps(about) + "\n", encoding="utf-8")
        print(table(scores), flush=True)


if __name__ == "__main__":
    sys.exit(main())
