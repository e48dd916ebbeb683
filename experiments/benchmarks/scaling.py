"""How a search scales: measured with local workers, simulated with more than a machine has.

    python -m bitfront.experiments.benchmarks.scaling [--trials 60] [--epochs 150] [--workers 1,2]
        [--simulate 100,1000]

Measured: candidates per second of a QAT study, each worker with one thread, from the end of the first third
of its trials to the last, so that the workers' start doesn't count. Simulated: the launcher's own loop runs
as it is (asking Optuna, telling it, writing trial folders, computing the front), with evaluations that take
no time here and a drawn time on a virtual clock. What it shows is the launcher's share, and how many workers
it can feed; it says nothing of the network or the file system of a cluster.
"""

from __future__ import annotations

import argparse
import heapq
import math
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from bitfront.search import Evaluation, Evaluator, StudyConfig, hypervolume, load_study, pareto
from bitfront.search.execution import Job, Outcome
from bitfront.search.samplers import SeededSampler, optuna_sampler
from bitfront.search.storage import OptunaStudy, StudyFolder
from bitfront.search.trials import Box, Objective, parse_objectives

from .disturbed_run import DisturbedRun
from .small_study import write_study

MEDIAN_S = 60.0
"""Time of a simulated candidate: a few epochs of a small recurrent network on one core."""
SPREAD = 0.5
"""Standard deviation of its logarithm: three times the median is rare, infeasible ones end at once."""
INFEASIBLE = 0.3
"""Share of candidates that a resource limit ends within a second."""


def measured(workers: int, trials: int, epochs: int) -> float:
    """Return candidates per second with so many local workers."""
    with tempfile.TemporaryDirectory(prefix="bitfront-scaling-") as place:
        disturbed_run = DisturbedRun(Path(place), trials)
        disturbed_run.finish(
            *("--workers", str(workers), "--set", "space.method=qat", "--set", f"training.epochs={epochs}"),
            *("--set", "cache=0", "--set", "tracking.enabled=false", "--set", "cluster.threads=1"),
        )
        times = sorted(
            path.stat().st_mtime for path in (disturbed_run.study / "trials").glob("*/evaluation.json")
        )
        # the first ones waited for TensorFlow, of each worker at its own time
        counted = times[len(times) // 3 :]
        return (len(counted) - 1) / (counted[-1] - counted[0])


@dataclass(frozen=True)
class Simulation:
    """What a simulated run took."""

    workers: int
    trials: int
    launcher_s: float
    """Wall seconds of the launcher's own work."""
    virtual_s: float
    """Seconds until the last trial, had there been such workers."""

    @property
    def a_second(self) -> float:
        """Trials that the launcher can handle in a second."""
        return self.trials / self.launcher_s


def mean_seconds() -> float:
    """Return the mean time of a simulated candidate."""
    return (1 - INFEASIBLE) * MEDIAN_S * math.exp(SPREAD**2 / 2) + INFEASIBLE


def simulated(workers: int, trials: int, sampler: str, seed: int = 1) -> Simulation:
    """Run the launcher's loop with workers that answer on a virtual clock."""
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory(prefix="bitfront-simulation-") as place:
        file = write_study(Path(place))
        config = load_study(
            file, [f"sampler={sampler}", "training.float_epochs=1", f"output={place}/studies"]
        )
        study_folder = StudyFolder(Path(config.output) / config.name)
        study_folder.folder.mkdir(parents=True)
        evaluator, objectives, box = _evaluator(config, Path(place), study_folder)
        template, _ = evaluator.evaluate(0, evaluator.space.uniform(8, "ptq"))
        proposing = SeededSampler(partial(optuna_sampler, sampler), config.seed)
        optuna_study = OptunaStudy(config, study_folder, evaluator.space, objectives, (), proposing)
        running: list[tuple[float, int, Outcome]] = []
        evaluations: list[Evaluation] = []
        clock = busy = 0.0

        def timed(began: float) -> None:
            nonlocal clock, busy
            busy += time.perf_counter() - began
            clock += time.perf_counter() - began

        while True:
            began = time.perf_counter()
            job = optuna_study.ask(trials) if len(running) < workers else None
            timed(began)
            if job is not None:
                outcome, seconds = _answer(job, template, rng)
                heapq.heappush(running, (clock + seconds, job.number, outcome))
                continue
            if not running:
                return Simulation(workers, trials, busy, clock)
            end, _, outcome = heapq.heappop(running)
            clock = max(clock, end)
            began = time.perf_counter()
            study_folder.write_trial(outcome.evaluation, outcome.weights)
            optuna_study.tell(outcome.evaluation)
            evaluations.append(outcome.evaluation)
            hypervolume(pareto(evaluations, objectives), objectives, box)
            timed(began)


def _evaluator(
    config: StudyConfig, base: Path, study_folder: StudyFolder
) -> tuple[Evaluator, tuple[Objective, ...], Box]:
    evaluator = Evaluator(study_folder.open(config, base))
    objectives = parse_objectives(config.objectives, evaluator.metric_record)
    return evaluator, objectives, evaluator.box(objectives)


def _answer(job: Job, template: Evaluation, rng: np.random.Generator) -> tuple[Outcome, float]:
    """Return an invented outcome of the size of a real one, and the time that it takes a worker."""
    bits = sum(v for v in job.params.values() if isinstance(v, int))
    score = 1 - math.exp(-bits / 20) + 0.01 * rng.normal()
    found = replace(
        template,
        number=job.number,
        digest=job.candidate.digest,
        method=job.candidate.method,  # type: ignore[arg-type]
        kind=job.kind,
        params=job.params,
        metrics={"score": score, job.candidate.method: score},
        resources=dict(template.resources) | {"lut": 100.0 * bits},
    )
    if rng.random() < INFEASIBLE:
        reason = "constraint lut: simulated"
        found = replace(found, status="infeasible", metrics={}, reason=reason, constraints={"lut": 0.5})
        return Outcome(found), 1.0
    return Outcome(found), float(MEDIAN_S * math.exp(SPREAD * rng.normal()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, simulate and print a table of each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=60, help="QAT candidates of each measurement")
    parser.add_argument("--epochs", type=int, default=150, help="of training one: a second of one core")
    parser.add_argument("--workers", default="1,2", help="numbers of local workers; empty for none")
    parser.add_argument("--simulate", default="100,1000", help="numbers of simulated workers; empty for none")
    parser.add_argument("--simulated-trials", type=int, default=2000, help="candidates of each simulation")
    parser.add_argument("--sampler", default="tpe", help="of the simulations")
    options = parser.parse_args(arguments)
    base = 0.0
    for count in (int(word) for word in options.workers.split(",") if word):
        rate = measured(count, options.trials, options.epochs)
        base = base or rate
        print(
            f"measured {count} workers: {rate:.3f} candidates a second, {rate / base:.2f} times the first",
            flush=True,
        )
    for count in (int(word) for word in options.simulate.split(",") if word):
        found = simulated(count, options.simulated_trials, options.sampler)
        print(
            f"simulated {count} workers, {found.trials} trials of {mean_seconds():.0f} s on average, "
            f"{options.sampler}: launcher {1000 * found.launcher_s / found.trials:.0f} ms a trial, busy "
            f"{found.launcher_s / found.virtual_s:.0%} of {found.virtual_s:.0f} s; it saturates at "
            f"{found.a_second * mean_seconds():.0f} workers",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
