"""Command line: run the peers on the tasks, judge, and write table, figure and JSON."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path

from bitfront.spaces import UserError

from ...command import returns_exit_code
from ..speed import environment
from .candidates import LOSSES
from .environments import PACKAGES
from .judge import LEVELS, Found, Judge
from .outcome import Box, RunLog, draw, least_costs, reached, table
from .tasks import ATTENTION, PLAIN, RECURRENT, WORST_SHARE, Task
from .ways import TUNED, WAYS

SCRIPTS = {"nsga2, rebuilt": "rebuilt.py", "autoqkeras": "autoqkeras.py", "hgq2": "hgq2_sweep.py"}
"""Peer -> the script that searches, where it isn't bitfront."""
PEERS = (*WAYS, *SCRIPTS)
TASKS = (*PLAIN, *RECURRENT, *ATTENTION)
"""Tasks whose results are kept; any other ready study is one too."""
QKERAS = {"Dense", "Conv2D", "MaxPooling2D", "Flatten", "LSTM", "GRU"}
HGQ2 = {"Dense", "Conv2D", "MaxPooling2D", "Flatten", "GRU", "EinsumDense", "MultiHeadAttention", "Add"}
HGQ2 |= {"LayerNormalization", "BatchNormalization", "GlobalAveragePooling1D", "Activation", "ReLU"}
"""Layers that these peers have, or a stand-in of their own for."""


def fits(peer: str, task: Task) -> bool:
    """Whether a peer has layers for a task's model, and the scripts its one loss."""
    if not SCRIPTS.get(peer):
        return True
    if task.problem.config.task not in LOSSES:
        return False
    if peer == "hgq2":
        return task.layers <= HGQ2
    return peer == "nsga2, rebuilt" or _has_qkeras(task)


def _has_qkeras(task: Task) -> bool:
    return task.chain and task.layers <= QKERAS


def run(task: Task, peer: str, seconds: float, environments: Path) -> list[Found]:
    """Let one peer search one task, and return its candidates as the judge scores them.

    Raises:
        UserError: when the peer's environment is missing, or its script fails.
    """
    if peer not in SCRIPTS:
        from .own import search

        return search(task, peer, seconds)
    if peer == "nsga2, rebuilt" and not _has_qkeras(task):
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
    script = Path(__file__).with_name(SCRIPTS[peer])
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
    judge = Judge(task)
    return judge.scored(out, partial(_hgq2_luts, python, task, out) if peer == "hgq2" else None)


def _hgq2_luts(python: Path, task: Task, out: Path, place: int) -> float | None:
    """Return da4ml's LUTs of a candidate of HGQ2's; None where it can't trace it."""
    script = str(Path(__file__).with_name("hgq2_luts.py"))
    done = subprocess.run(
        [str(python), script, str(task.folder), str(out), str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    (out / f"luts-{place}.log").write_text(done.stdout + done.stderr)
    return float(done.stdout.split()[-1]) if done.returncode == 0 else None


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


@returns_exit_code
def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bitfront.experiments.benchmarks.peers", description="bitfront beside its peers."
    )
    parser.add_argument(
        "--tasks",
        nargs="+",
        default=["jets_mlp", "digits_cnn"],
        help=f"ready studies by name; figures are kept of {', '.join(TASKS)}",
    )
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS), help="which (all)")
    parser.add_argument(
        "--default",
        action="store_true",
        help="of bitfront only what a study without any settings finds, not the ready studies as tuned",
    )
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
        choices=PEERS,
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
    levels: dict[tuple[str, int], list[float]] = {}
    peers = [one for one in options.peers if not (options.default and one in TUNED)]
    if options.seeds < 1 or seconds <= 0:
        raise UserError("--seeds and --minutes must be positive.")
    for name in options.tasks:
        for seed in range(1, options.seeds + 1):
            task = Task(name, seed, options.out.resolve() / f"{name}-{seed}")
            worst.setdefault(name, []).append(task.level(WORST_SHARE))
            levels[name, seed] = [task.level(share) for share in LEVELS]
            for peer in peers:
                if (name, peer, seed) in known:
                    continue
                if not fits(peer, task):
                    continue
                found = run(task, peer, seconds, options.environments)
                run_logs.append(RunLog(name, peer, seed, tuple(found)))
                print(f"{name}, seed {seed}, {peer}: {len(found)} candidates", flush=True)
                told = {"environment": environment(), "courses": [asdict(c) for c in run_logs]}
                (options.out / "peers.json").write_text(json.dumps(told) + "\n")
    run_logs = [c for c in run_logs if (c.task, c.seed) in levels and c.peer in PEERS]
    run_logs.sort(key=lambda c: (options.tasks.index(c.task), PEERS.index(c.peer), c.seed))
    boxes = {n: Box.of([c for c in run_logs if c.task == n], min(worst[n])) for n in options.tasks}
    draw(run_logs, boxes, seconds, options.out / "peers.png")
    print(table(run_logs, boxes, seconds))
    print(reached(run_logs, boxes, seconds))
    print()
    print(least_costs(run_logs, levels))
    print(f"\n{options.seeds} seeds. {environment()}.")


if __name__ == "__main__":
    sys.exit(main())
