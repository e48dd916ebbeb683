"""Disturbs running studies in every way that is cheap to arrange, and compares them with an undisturbed one.

    python -m bitfront.experiments.benchmarks.chaos [--kills 50] [--seconds 1800] [--only kills,disk-full,...]

`kills`: SIGKILL of the launcher and of its workers at random moments. `disk-full`: the study's folder on a
tmpfs of a few MiB, which is emptied when the launcher has given up (needs root). `read-only`: the folder is
remounted read-only while the study runs (needs root). `mlflow`: the tracking server is killed and started
again. `postgres`: the database server crashes and comes back under two launchers. Each must end with the
trials of an undisturbed run: none lost, none doubled, one run in MLflow each, no process left. `signals`: the
launcher and its workers are ended by each kind of signal. `damaged`: a bit of each file flips between two
runs. `tmpdir-full`: there is no room for temporary files (needs root). Exit code 1 where one of them doesn't,
or was skipped, or fewer processes were killed than was asked for; `--may-skip` allows scenarios that this
machine has no means for.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from .chaos_endings import damaged_files, signals, temporary_full
from .chaos_faults import disk_full, mlflow_restart, postgres_restart, read_only
from .disturbed_run import DisturbedRun
from .run_log import RunLog

TRIALS_PER_KILL = 10
"""Trials of the study for each kill, so that it still runs at the last one."""

_PATIENT = ("--workers", "2", "--set", "trial.attempts=100")
"""A worker every few seconds is killed: three in a row on one candidate say nothing about the candidate
here.
"""


def kills(disturbed_run: DisturbedRun, rng: random.Random, count: int, seconds: float, start: float) -> str:
    """Kill the launcher and its workers at random moments, then let the study end; return what was done.

    `start` is how long a launcher takes to begin, in seconds. One is killed within five times that, from its
    first moment on; a worker meanwhile every half of it on average, so that some live long enough to
    evaluate.
    """
    launchers = workers = 0
    deadline = time.monotonic() + seconds
    while launchers + workers < count and time.monotonic() < deadline:
        launcher = disturbed_run.launch(*_PATIENT)
        end = time.monotonic() + rng.uniform(0.3, 5 * start)
        while launcher.running and launchers + workers < count:
            left = end - time.monotonic()
            if left <= 0:
                launcher.kill()
                launchers += 1
                break
            time.sleep(min(left, rng.uniform(0, start)))
            alive = launcher.workers()
            if alive and left > 0:
                rng.choice(alive).kill()
                workers += 1
        if launcher.running:  # the kills are used up
            launcher.kill()
            continue
        code = launcher.wait(1)
        if code == 0:
            break
        if code > 0:
            raise RuntimeError(f"a launcher ended by itself: {disturbed_run.said.strip().splitlines()[-1]}")
    progress = disturbed_run.finished
    disturbed_run.finish(*_PATIENT)
    if launchers + workers < count:
        raise RuntimeError(f"{launchers + workers} kills, fewer than {count}: the study or the time ended")
    return f"{launchers} kills of the launcher, {workers} of workers, {progress} trials finished meanwhile"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the scenarios and print a line each; return an exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=50, help="number of SIGKILLs")
    parser.add_argument("--seconds", type=float, default=1800, help="most seconds that the kills may take")
    parser.add_argument("--trials", type=int, default=60, help="trials of the other scenarios' studies")
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    parser.add_argument("--may-skip", action="store_true", help="a skipped scenario is no fault")
    parser.add_argument("--only", default="", help="scenarios, separated by commas; all without it")
    options = parser.parse_args(arguments)
    rng = random.Random(options.seed)  # noqa: S311 - moments, not secrets
    many = max(options.trials, TRIALS_PER_KILL * options.kills)
    scenarios: dict[str, tuple[int, Callable[[DisturbedRun], str]]] = {
        "kills": (
            many,
            lambda disturbed_run: kills(disturbed_run, rng, options.kills, options.seconds, calm.start),
        ),
        "disk-full": (options.trials, disk_full),
        "read-only": (options.trials, read_only),
        "mlflow": (options.trials, mlflow_restart),
        "postgres": (options.trials, postgres_restart),
        "signals": (options.trials, lambda disturbed_run: signals(disturbed_run, rng)),
        "damaged": (options.trials, lambda disturbed_run: damaged_files(disturbed_run, rng)),
        "tmpdir-full": (options.trials, temporary_full),
    }
    place = Path(tempfile.mkdtemp(prefix="bitfront-chaos-"))
    chosen = [name for name in options.only.split(",") if name] or list(scenarios)
    calm = DisturbedRun(place / "calm", max(scenarios[name][0] for name in chosen))
    began = time.monotonic()
    calm.finish()
    expected = RunLog.of(calm.study)
    print(f"undisturbed: {len(expected.trials)} trials in {time.monotonic() - began:.0f} s", flush=True)
    faults = list(expected.faults)
    for name in chosen:
        faults += _scenario(name, place, expected, *scenarios[name], may_skip=options.may_skip)
    if faults:
        print(f"what happened is in {place}")
    else:
        shutil.rmtree(place)
    for fault in faults[:20]:
        print(f"  {fault}")
    print("the same trials everywhere" if not faults else f"{len(faults)} faults")
    return 1 if faults else 0


def _scenario(
    name: str,
    place: Path,
    expected: RunLog,
    trials: int,
    run: Callable[[DisturbedRun], str],
    *,
    may_skip: bool,
) -> list[str]:
    began = time.monotonic()
    disturbed_run = DisturbedRun(place / name, trials)
    try:
        done = run(disturbed_run)
    except (OSError, TimeoutError, RuntimeError) as error:
        print(f"{name}: {error}", flush=True)
        return [f"{name}: {error}"]
    if done.startswith("skipped"):
        print(f"{name}: {done}", flush=True)
        return [] if may_skip else [f"{name}: {done}"]
    faults = [*disturbed_run.run_log().differences(expected.first(trials)), *disturbed_run.left_behind()]
    outcome = "as undisturbed" if not faults else f"{len(faults)} faults"
    print(f"{name}: {done}; {trials} trials {outcome}, {time.monotonic() - began:.0f} s", flush=True)
    return [f"{name}: {fault}" for fault in faults]


if __name__ == "__main__":
    sys.exit(main())
