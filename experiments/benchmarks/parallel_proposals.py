"""What many workers cost a search in hypervolume: proposals that don't know how those under way will end.

    python -m bitfront.experiments.benchmarks.parallel_proposals [--workers 1 2 8 64] [--trials 128 256]
        [--seeds 5] [--truth exhaustive/truth.json]

The study is asynchronous and simulated: a worker that is free gets the next proposal at once, whatever the
others are at, and each candidate takes a random time (see `scaling`). Scores and costs come from a formula,
or from the table that `exhaustive` trained. 200 rounded candidates are known before, as after screening. With
one worker every proposal knows all that came before it; with 64 the first 64 know nothing but what was
rounded.
"""

from __future__ import annotations

import argparse
import heapq
import json
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from bitfront.search import Evaluation
from bitfront.search.samplers import Surrogate, SurrogateSampler, suggest
from bitfront.search.trials import Box, Metric, Objective, dominated, parse_objectives
from bitfront.spaces import Dimension, Params, Space, UserError

from ..command import returns_exit_code
from .scaling import SPREAD
from .speed import environment

SCREENED = 200
"""Rounded candidates that are known before."""
METRIC = Metric("accuracy", "maximize", 1.0)


@dataclass(frozen=True)
class Benchmark:
    """A space and what each of its candidates gives: score, EBOPs and score without training."""

    space: Space
    of: Callable[[Params], tuple[float, float, float]]
    box: Box

    @cached_property
    def objectives(self) -> tuple[Objective, ...]:
        """Of a search in it."""
        return parse_objectives(("metric", "ebops"), METRIC)

    def evaluation(self, number: int, params: Params, *, trained: bool = True) -> Evaluation:
        """Return a candidate's evaluation, trained or rounded."""
        score, ebops, rounded = self.of(params)
        told = (
            {"ptq": rounded, "qat": score, "score": score} if trained else {"ptq": rounded, "score": rounded}
        )
        return Evaluation(
            number=number,
            digest=str(sorted(params.items())),
            method="qat" if trained else "ptq",
            status="complete",
            params=dict(params),
            metrics=told,
            resources={"ebops": ebops},
        )

    def random(self, rng: np.random.Generator) -> Params:
        """Return a candidate."""
        return {d.name: int(rng.integers(d.low, d.high + 1)) for d in self.space.dimensions}

    def volume(self, found: Sequence[Evaluation]) -> float:
        """Return the hypervolume of these candidates on the box's scale."""
        scores, costs = self.objectives
        rows = [[scores.scaled(e.score), costs.scaled(e.resources["ebops"])] for e in found]
        return dominated(self.box.normalise(np.array(rows)))


def formula(layers: int = 4) -> Benchmark:
    """Return a network that doesn't exist: each layer's widths cost their product, and lose what noise of
    their steps loses, more where both are coarse; training wins back half, and its luck is the candidate's.
    """
    names = [f"{kind}{layer}" for layer in range(layers) for kind in ("weight", "result")]
    space = Space(
        dimensions=tuple(Dimension(name=n, kind="width", targets=(f"d/{n}",), low=2, high=8) for n in names)
    )
    matters = np.random.default_rng(1).lognormal(-0.5, 1.0, (layers, 2))
    sizes = 2.0 ** np.arange(layers + 4, 4, -1)

    def of(params: Params) -> tuple[float, float, float]:
        widths = np.array([int(params[n]) for n in names], float).reshape(layers, 2)
        noise = (matters * 4.0**-widths).sum() * 4 + (matters.prod(1) * 2.0 ** -widths.sum(1)).sum()
        luck = np.random.default_rng(int(widths.ravel() @ 9 ** np.arange(2 * layers))).normal()
        loss = noise / (1 + noise)
        score = 0.95 - 0.7 * loss * (0.5 + 0.1 * np.tanh(luck)) + 0.001 * luck
        return float(score), float((sizes * widths.prod(1)).sum()), float(0.95 - 0.7 * loss)

    most = float((sizes * 64).sum())
    return Benchmark(space, of, Box((-0.95, 0.0), (-0.5, float(np.log2(1 + most)))))


def trained_table(file: Path) -> Benchmark:
    """Return the table that `exhaustive` trained.

    Raises:
        UserError: when the file can't be read.
    """
    try:
        rows = json.loads(file.read_text())
        known: Mapping[str, tuple[float, float, float]] = {k: (r[0], r[1], r[2]) for k, r in rows.items()}
        names = sorted(json.loads(next(iter(known))))
        values = {n: [json.loads(key)[n] for key in known] for n in names}
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UserError(f"{file} can't be read ({error}): `benchmarks.exhaustive` makes it.") from error
    space = Space(
        dimensions=tuple(
            Dimension(name=n, kind="width", targets=(n,), low=min(v), high=max(v)) for n, v in values.items()
        )
    )
    scores, costs, _ = (np.array(column) for column in zip(*known.values(), strict=True))
    box = Box(
        (-float(scores.max()), float(np.log2(1 + costs.min()))),
        (-float(scores.min()), float(np.log2(1 + costs.max()))),
    )
    return Benchmark(space, lambda params: known[json.dumps(dict(sorted(params.items())))], box)


def simulated(benchmark: Benchmark, workers: int, trials: Sequence[int], seed: int) -> list[float]:
    """Return the hypervolume after so many finished trials, each, of a search with so many workers."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rng = np.random.default_rng([seed, workers])
    known = np.random.default_rng(seed)
    rounded = [benchmark.evaluation(n, benchmark.random(known), trained=False) for n in range(SCREENED)]
    surrogate = Surrogate(
        benchmark.space, benchmark.objectives, benchmark.box, float_score=0.95, rounded=rounded
    )
    finished: dict[int, Evaluation] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lengths at their bounds
        study = optuna.create_study(
            directions=["maximize", "minimize"], sampler=SurrogateSampler(surrogate, seed, finished)
        )
        running: list[tuple[float, int, optuna.Trial, Evaluation]] = []
        clock, begun, volumes = 0.0, 0, []
        while len(finished) < max(trials):
            while len(running) < workers and begun < max(trials):
                trial = study.ask()
                found = benchmark.evaluation(trial.number, suggest(trial, benchmark.space))
                heapq.heappush(running, (clock + rng.lognormal(0.0, SPREAD), trial.number, trial, found))
                begun += 1
            clock, number, trial, found = heapq.heappop(running)
            study.tell(trial, [found.score, found.resources["ebops"]])
            finished[number] = found
            if len(finished) in trials:
                volumes.append(benchmark.volume(list(finished.values())))
    return volumes


def table(volumes: Mapping[int, Sequence[Sequence[float]]], trials: Sequence[int]) -> str:
    """Return a Markdown table: mean hypervolume over the seeds, and as a share of one worker's."""
    lines = [f"| workers | {' | '.join(f'{n} trials' for n in trials)} |", "|---:|" + "---:|" * len(trials)]
    alone = np.mean(next(iter(volumes.values())), axis=0)
    for workers, rows in volumes.items():
        means = np.mean(rows, axis=0)
        cells = [f"{mean:.4f} ({100 * mean / one:.1f} %)" for mean, one in zip(means, alone, strict=True)]
        lines.append(f"| {workers} | {' | '.join(cells)} |")
    return "\n".join(lines)


@returns_exit_code
def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bitfront.experiments.benchmarks.parallel_proposals",
        description="What many workers cost a search in hypervolume.",
    )
    parser.add_argument(
        "--workers", type=int, nargs="+", default=[1, 2, 8, 64], help="the first is compared with"
    )
    parser.add_argument("--trials", type=int, nargs="+", default=[128, 256])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--truth", type=Path, help="table of `exhaustive`; a formula without it")
    options = parser.parse_args(arguments)
    if min(*options.workers, *options.trials, options.seeds) < 1:
        raise UserError("--workers, --trials and --seeds must be positive.")
    benchmark = trained_table(options.truth) if options.truth else formula()
    trials = sorted(options.trials)
    volumes = {
        workers: [simulated(benchmark, workers, trials, seed) for seed in range(options.seeds)]
        for workers in options.workers
    }
    print(f"{table(volumes, trials)}\n\n{options.seeds} seeds. {environment()}.")


if __name__ == "__main__":
    sys.exit(main())
