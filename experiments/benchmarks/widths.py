"""How a model fares at uniform widths, rounded and trained, and what a search of mixed widths finds beside
it.

python -m bitfront.experiments.benchmarks.widths gw_transformer --seeds 3 --trials 60 --out widths

For every seed: the float model is trained, a search runs over mixed widths, and every uniform width from 4 to
16 bits is scored by PTQ and by QAT, which has the epochs of the study's gradient width search too, as its
searched candidates have. Everything is ranked on validation data and reported on test data. Tables and what
lies inside a layer keep the study's widths.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bitfront.experiments.gallery import ready_study
from bitfront.spaces import FixedPoint, UserError

from ..command import returns_exit_code
from .speed import environment

WIDTHS = tuple(range(4, 17))
RANGES = ("weights=2..16", "activations=3..16", "input=4..16")


@dataclass(frozen=True)
class Point:
    """A candidate of one seed.

    Attributes:
        seed: of training and search.
        kind: `ptq` or `qat` at a uniform width; `front` for a member of the searched front.
        width: the uniform width, in bits; of a front's member the width at which a uniform model has its
            EBOPs.
        val, test: the metric.
        relative: test metric over that of the float model.
        lut, latency_ns: estimated.
    """

    seed: int
    kind: str
    width: float
    val: float
    test: float
    relative: float
    lut: float
    latency_ns: float


def measure(name: str, seed: int, out: Path, trials: int) -> list[Point]:
    """Return the points of one seed; the search is left as a study in `out`, and goes on from there when
    repeated.

    Raises:
        UserError: there is no such ready study, or its data are missing.
    """
    from rich.console import Console

    from bitfront.search import Evaluator, load_study, run_study
    from bitfront.search.evaluator import Plan, Start
    from bitfront.search.storage import StudyFolder
    from bitfront.search.warm_start import narrowed_together

    study = ready_study(name)
    asked = [f"name={name}_seed_{seed}", f"seed={seed}", f"output={out}", f"budget.trials={trials}"]
    asked += ["budget.wall=24h", "tracking.enabled=false", *(f"space.{text}" for text in RANGES)]
    config = load_study(study.file, asked)
    result = run_study(config, study.folder, console=Console(highlight=False))
    study_folder = StudyFolder(result.folder)
    evaluator = Evaluator(study_folder.open(config, study.folder))
    plan = evaluator.plan = Plan.read(result.folder) or evaluator.plan
    float_score = evaluator.scores.of_float("test")
    points, ebops = [], []
    trained = [evaluator.space.uniform(width, "qat") for width in reversed(WIDTHS)]
    passed = list(narrowed_together(evaluator, trained, plan.gradient_epochs))[::-1]
    for width, one in zip(WIDTHS, passed, strict=True):
        start = Start("uniform", one.weights, epochs=one.epochs) if one.weights else None
        for method in ("ptq", "qat"):
            begun = start if method == "qat" else None
            evaluation, weights = evaluator.evaluate(
                0, evaluator.space.uniform(width, method), "uniform", start=begun
            )
            if evaluation.status != "complete":
                continue
            test = evaluator.scores.of(_types(evaluation), weights, "test")
            points.append(_point(seed, method, width, evaluation, test, float_score))
            if method == "ptq":
                ebops.append((evaluation.resources["ebops"], width))
    costs, widths = zip(*sorted(ebops), strict=True)
    for member in result.front:
        weights = study_folder.weights(member)
        test = evaluator.scores.of(_types(member), weights, "test")
        equal = float(np.interp(member.resources["ebops"], costs, widths))
        points.append(_point(seed, "front", equal, member, test, float_score))
    return points


def _types(evaluation: Any) -> dict[str, FixedPoint]:
    return {key: FixedPoint.parse(text) for key, text in evaluation.precision.items()}


def _point(seed: int, kind: str, width: float, evaluation: Any, test: float, float_score: float) -> Point:
    cost = evaluation.resources
    return Point(
        seed, kind, width, evaluation.score, test, test / float_score, cost["lut"], cost["latency_ns"]
    )


def table(points: Sequence[Point]) -> str:
    """Return the Markdown table: per width the test metric of PTQ and QAT, and the front's best at no more
    LUTs.

    Medians over the seeds, lowest and highest in brackets. The front's member is chosen by its validation
    metric.
    """
    lines = ["| bits | LUT | PTQ | QAT | front, no more LUT than that |", "|---:|---:|---:|---:|---:|"]
    seeds = sorted({p.seed for p in points})
    for width in sorted({p.width for p in points if p.kind == "ptq"}):
        uniform = [p for p in points if p.width == width and p.kind in {"ptq", "qat"}]
        lut = float(np.median([p.lut for p in uniform]))
        best = []
        for seed in seeds:
            limit = min((p.lut for p in uniform if p.seed == seed), default=0.0)
            within = [p for p in points if p.kind == "front" and p.seed == seed and p.lut <= limit]
            if within:
                best.append(max(within, key=lambda p: p.val).test)
        cells = [_spread(p.test for p in uniform if p.kind == kind) for kind in ("ptq", "qat")]
        lines.append(f"| {width:g} | {lut:,.0f} | {' | '.join(cells)} | {_spread(best)} |")
    return "\n".join(lines)


def _spread(values: Iterable[float]) -> str:
    found = sorted(values)
    if not found:
        return "none"
    return f"{np.median(found):.4f} ({found[0]:.4f}-{found[-1]:.4f})"


def draw(points: Sequence[Point], title: str, files: Sequence[Path]) -> None:
    """Draw the test metric relative to the float model's against width, the searched front among it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.6), constrained_layout=True)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.axhline(1.0, color="#5a6372", linewidth=1, label="reference: float")
    for kind, label, colour in (("ptq", "PTQ", "#c2410c"), ("qat", "QAT", "#1d4ed8")):
        chosen = [p for p in points if p.kind == kind]
        widths = sorted({p.width for p in chosen})
        rows = [[p.relative for p in chosen if p.width == w] for w in widths]
        axes.plot(widths, [np.median(r) for r in rows], color=colour, marker="o", markersize=4, label=label)
        axes.fill_between(widths, [min(r) for r in rows], [max(r) for r in rows], color=colour, alpha=0.15)
    front = [p for p in points if p.kind == "front"]
    axes.scatter(
        [p.width for p in front],
        [p.relative for p in front],
        marker="*",
        s=60,
        color="#15803d",
        label="searched front, at the width of equal EBOPs",
        zorder=3,
    )
    axes.set_xlabel("uniform width (bits)")
    axes.set_ylabel("test metric relative to float")
    axes.set_ylim(max(0.5, min(p.relative for p in points) - 0.01), max(p.relative for p in points) + 0.01)
    axes.set_title(title)
    axes.grid(color="#e7eaf0")
    axes.legend(frameon=False)
    for file in files:
        figure.savefig(file, dpi=160)


@returns_exit_code
def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bitfront.experiments.benchmarks.widths",
        description="Uniform widths by PTQ and QAT, with the searched mixed-precision front: table and "
        "figure.",
    )
    parser.add_argument("study", help="a ready study's name (bitfront ls)")
    parser.add_argument(
        "--seeds", type=int, default=3, help="float models, each with a search of its own (3)"
    )
    parser.add_argument("--trials", type=int, default=60, help="candidates of each search (60)")
    parser.add_argument("--out", type=Path, default=Path("widths"), help="folder for the results")
    options = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if min(options.seeds, options.trials) < 1:
        raise UserError("--seeds and --trials must be 1 or more.")
    points: list[Point] = []
    for seed in range(1, options.seeds + 1):
        points += measure(options.study, seed, options.out / "studies", options.trials)
        found = {
            "study": options.study,
            "environment": environment(),
            "points": [asdict(p) for p in points],
        }
        (options.out / "widths.json").write_text(json.dumps(found, indent=1) + "\n")
    files = [options.out / "widths.png", options.out / "widths.pdf"]
    draw(points, options.study, files)
    print(f"{table(points)}\n\n{options.seeds} seeds, {options.trials} trials each. {environment()}.")


if __name__ == "__main__":
    sys.exit(main())
