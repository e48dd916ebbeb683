"""What more time gives a search by default: hypervolume and least costs after budgets of several lengths.

python -m bitfront.experiments.benchmarks.budgets --tasks jets_mlp digits_cnn --minutes 1 3 10 --seeds 3

Each budget is a search of its own, from the same float model, of a study without any settings (the peers'
"bitfront, default"), in CPU minutes; hypervolumes are those of the peers' benchmark, on test data, in one box
a task.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from bitfront.spaces import UserError

from ..command import returns_exit_code
from .peers import RunLog, Task, hypervolumes
from .peers.judge import LEVELS, least
from .peers.outcome import Box, at
from .peers.own import search
from .peers.tasks import WORST_SHARE
from .speed import environment

WAY = "bitfront, default"


def name_of(minutes: float) -> str:
    """Return what a budget is called: `3 min`."""
    return f"{minutes:g} min"


def table(run_logs: Sequence[RunLog], minutes: Sequence[float], worst: dict[str, float]) -> str:
    """Return a Markdown table: a row a task, the hypervolume of each budget, medians over the seeds with the
    spread.
    """
    lines = [f"| task | {' | '.join(map(name_of, minutes))} |", "|---|" + "---:|" * len(minutes)]
    for task in dict.fromkeys(c.task for c in run_logs):
        box = Box.of([c for c in run_logs if c.task == task], worst[task])
        cells = []
        for one in minutes:
            chosen = [c for c in run_logs if (c.task, c.peer) == (task, name_of(one))]
            found = sorted(at(hypervolumes(c, box), 60 * one) for c in chosen)
            cells.append(f"{np.median(found):.3f} ({found[0]:.3f}-{found[-1]:.3f})")
        lines.append(f"| {task} | {' | '.join(cells)} |")
    return "\n".join(lines)


def costs(
    run_logs: Sequence[RunLog], minutes: Sequence[float], levels: dict[tuple[str, int], list[float]]
) -> str:
    """Return a Markdown table: a row a task and score, the least EBOPs of a front's members that reach it."""
    lines = [f"| task, score | {' | '.join(map(name_of, minutes))} |", "|---|" + "---:|" * len(minutes)]
    for task in dict.fromkeys(c.task for c in run_logs):
        for place, share in enumerate(LEVELS):
            cells = []
            for one in minutes:
                chosen = [c for c in run_logs if (c.task, c.peer) == (task, name_of(one))]
                members = [least(c.found, levels[task, c.seed][place]) for c in chosen]
                found = float(np.median([m.ebops if m else np.inf for m in members]))
                cells.append(f"{found:,.0f}" if np.isfinite(found) else "never")
            score = np.median([levels[task, c.seed][place] for c in run_logs if c.task == task])
            lines.append(f"| {task}, {score:.3f} ({100 * share:g} %) | {' | '.join(cells)} |")
    return "\n".join(lines)


@returns_exit_code
def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bitfront.experiments.benchmarks.budgets",
        description="What more time gives a search by default.",
    )
    parser.add_argument(
        "--tasks", nargs="+", default=["jets_mlp", "digits_cnn"], help="ready studies by name"
    )
    parser.add_argument("--minutes", nargs="+", type=float, default=[1, 3, 10], help="CPU minutes (1 3 10)")
    parser.add_argument("--seeds", type=int, default=3, help="float models (3)")
    parser.add_argument("--out", type=Path, default=Path("budgets"), help="folder for what was found")
    options = parser.parse_args(arguments)
    if options.seeds < 1 or min(options.minutes) <= 0:
        raise UserError("--seeds and --minutes must be positive.")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    run_logs: list[RunLog] = []
    worst: dict[str, list[float]] = {}
    levels: dict[tuple[str, int], list[float]] = {}
    for name in options.tasks:
        for seed in range(1, options.seeds + 1):
            task = Task(name, seed, options.out.resolve() / f"{name}-{seed}")
            worst.setdefault(name, []).append(task.level(WORST_SHARE))
            levels[name, seed] = [task.level(share) for share in LEVELS]
            for minutes in options.minutes:
                found = search(task, WAY, 60 * minutes)
                run_logs.append(RunLog(name, name_of(minutes), seed, tuple(found)))
                print(f"{name}, seed {seed}, {name_of(minutes)}: {len(found)} candidates", flush=True)
                told = {"environment": environment(), "courses": [asdict(c) for c in run_logs]}
                (options.out / "budgets.json").write_text(json.dumps(told) + "\n")
    print(table(run_logs, options.minutes, {name: min(scores) for name, scores in worst.items()}))
    print()
    print(costs(run_logs, options.minutes, levels))
    print(f"\n{options.seeds} seeds. {environment()}.")


if __name__ == "__main__":
    sys.exit(main())
