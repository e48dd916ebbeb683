"""Command line: run the peers on the tasks, judge, and write table, figure and JSON."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from bitfront.spaces import UserError

from ...command import returns_exit_code
from ..speed import environment
from .environments import PACKAGES
from .judge import Found, Judge
from .outcome import Box, RunLog, draw, reached, table
from .tasks import ATTENTION, PLAIN, RECURRENT, WORST_SHARE, Task

PEERS = {
    "bitfront": "",
    "bitfront, no path": "",
    "random": "",
    "nsga2, rebuilt": "rebuilt.py",
    "autoqkeras": "autoqkeras.py",
    "hgq2": "hgq2_sweep.py",
}
"""Peer -> the script that searches, where it isn't bitfront."""
TASKS = (*PLAIN, *RECURRENT, *ATTENTION)
REBUILT = {"autoqkeras": (*PLAIN, *RECURRENT), "hgq2": (*PLAIN, "top_tagging_gru", *ATTENTION)}
"""Tasks whose models these peers have layers for: QKeras no attention, HGQ2 no LSTM."""


def run(task: Task, peer: str, seconds: float, environments: Path) -> list[Found]:
    """Let one peer search one task, and return its candidates as the judge scores them.

    Raises:
        UserError: when the peer's environment is missing, or its script fails.
    """
    if not PEERS[peer]:
        from .own import search

        return search(task, peer, seconds)
    if peer == "nsga2, rebuilt" and task.name in ATTENTION:
        from .retraced import search as retraced

        return retraced(task, seconds)
    name = {"autoqkeras": "autoqkeras", "hgq2": "hgq2"}.get(peer)
    python = environments.resolve() / name / "bin" / "python" if name else Path(sys.executable)
    if not python.exists():
        raise UserError(
            f"{python} is missing: python -m bitfront.experiments.benchmarks.peers.environments "
            f"{environments}."
        )
    out = task.folder / peer.replace(", ", "-")
    script = Path(__file__).with_name(PEERS[peer])
    log = task.folder / f"{script.stem}.log"
    with log.open("w") as file:
        done = subprocess.run(
            [str(python), str(script), str(task.write()), str(out), "--seconds", str(seconds)],
            stdout=file,
            stderr=file,
            check=False,
        )
    if done.returncode:
        raise UserError(f"{peer} ended with {done.returncode} on {task.name}: see {log}.")
    return Judge(task).scored(out)


def earlier(file: Path) -> list[RunLog]:
    """Return the courses that a run left in its `peers.json`; none where there is no such file.

    Raises:
        UserError: when the file can't be read.
    """
    if not file.exists():
        return []
    try:
        rows = json.loads(file.read_text())["courses"]
        return [RunLog(**{**row, "found": tuple(Found(**one) for one in row["found"])}) for row in rows]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"{file} can't be read ({error}): delete it, or choose another --out.") from error


def worst_of(task: Task) -> float:
    """Return the test metric from which on a candidate counts."""
    evaluator = task.evaluator
    return evaluator.scores.blind() + WORST_SHARE * (
        evaluator.scores.of_float("test") - evaluator.scores.blind()
    )


@returns_exit_code
def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bitfront.experiments.benchmarks.peers", description="bitfront beside its peers."
    )
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=["jets_mlp", "digits_cnn"])
    parser.add_argument("--peers", nargs="+", choices=list(PEERS), default=list(PEERS), help="which (all)")
    parser.add_argument("--seeds", type=int, default=3, help="float models, each searched by every peer (3)")
    parser.add_argument(
        "--minutes", type=float, default=4.0, help="CPU minutes of each search, wall-clock on a free core (4)"
    )
    parser.add_argument(
        "--environments", type=Path, default=Path("peers-environments"), help=f"holds {', '.join(PACKAGES)}"
    )
    parser.add_argument(
        "--again",
        nargs="+",
        choices=list(PEERS),
        default=[],
        help="peers to run again, though --out has them",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("peers"), help="folder for the results; those there are kept"
    )
    options = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    seconds = 60 * options.minutes
    run_logs = [c for c in earlier(options.out / "peers.json") if c.peer not in options.again]
    known = {(c.task, c.peer, c.seed) for c in run_logs}
    worst: dict[str, list[float]] = {}
    if options.seeds < 1 or seconds <= 0:
        raise UserError("--seeds and --minutes must be positive.")
    for name in options.tasks:
        for seed in range(1, options.seeds + 1):
            task = Task(name, seed, options.out.resolve() / f"{name}-{seed}")
            worst.setdefault(name, []).append(worst_of(task))
            for peer in options.peers:
                if (name, peer, seed) in known:
                    continue
                if name not in REBUILT.get(peer, TASKS):
                    continue
                found = run(task, peer, seconds, options.environments)
                run_logs.append(RunLog(name, peer, seed, tuple(found)))
                print(f"{name}, seed {seed}, {peer}: {len(found)} candidates", flush=True)
                told = {"environment": environment(), "courses": [asdict(c) for c in run_logs]}
                (options.out / "peers.json").write_text(json.dumps(told) + "\n")
    run_logs = [c for c in run_logs if c.task in options.tasks]
    run_logs.sort(key=lambda c: (options.tasks.index(c.task), list(PEERS).index(c.peer), c.seed))
    boxes = {n: Box.of([c for c in run_logs if c.task == n], min(worst[n])) for n in options.tasks}
    draw(run_logs, boxes, seconds, options.out / "peers.png")
    print(table(run_logs, boxes, seconds))
    print(reached(run_logs, boxes, seconds))
    print(f"\n{options.seeds} seeds. {environment()}.")


if __name__ == "__main__":
    sys.exit(main())
