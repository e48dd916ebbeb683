"""Ends that a study is told of, files that are damaged between two of its runs, and no room for temporary
files.
"""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

from .chaos_faults import fill, tmpfs
from .disturbed_run import DisturbedRun

_ENDINGS = {
    "Ctrl-C": (signal.SIGINT,),
    "Ctrl-C twice": (signal.SIGINT, signal.SIGINT),
    "SIGTERM": (signal.SIGTERM,),
    "SIGHUP": (signal.SIGHUP,),
    "SIGHUP and SIGTERM": (signal.SIGHUP, signal.SIGTERM),
}
_MADE_AGAIN = ("golden.npz", "float.keras", "float_weights.npz")
_REFUSED = ("identity.json", "reference.json", "trials/00002/evaluation.json")


def signals(disturbed_run: DisturbedRun, rng: random.Random) -> str:
    """End the launcher and its two workers by each kind of signal, at random moments of their work.

    The one signal of a batch system or a terminal gives a report; every end leaves exit code 130 (a second
    signal may end the process itself) and no process.
    """
    share = disturbed_run.trials // (len(_ENDINGS) + 1)
    for number, (name, sent) in enumerate(_ENDINGS.items(), 1):
        page = disturbed_run.study / "report.html"
        page.unlink(missing_ok=True)
        launcher = disturbed_run.launch("--workers", "2")
        disturbed_run.wait_for(number * share, launcher)
        time.sleep(rng.uniform(0, 1))
        for one in sent:
            launcher.send(one, group=one == signal.SIGINT)  # a terminal tells the whole group
            time.sleep(rng.uniform(0.05, 0.5))
        code = launcher.wait(300)
        if code not in (130, *((-one for one in sent) if len(sent) > 1 else ())):
            raise RuntimeError(f"{name}: the launcher ended with {code}")
        if len(sent) == 1 and not page.exists():
            raise RuntimeError(f"{name}: no report was written")
        left = disturbed_run.left_behind()
        if left:
            raise RuntimeError(f"{name}: {left[0]}")
    disturbed_run.finish("--workers", "2")
    return f"{', '.join(_ENDINGS)} while two workers evaluated"


def damaged_files(disturbed_run: DisturbedRun, rng: random.Random) -> str:
    """Flip a bit of each file between two runs: it is made again, or the run refuses it by name."""
    launcher = disturbed_run.launch()
    disturbed_run.wait_for(disturbed_run.trials // 3, launcher)
    launcher.kill()
    for name in (*_MADE_AGAIN, *_REFUSED):
        path = disturbed_run.study / name
        whole = path.read_bytes()
        path.write_bytes(_flipped(whole, rng))
        before = len(disturbed_run.said)
        again = disturbed_run.launch()
        if name in _MADE_AGAIN:
            disturbed_run.wait_for(min(disturbed_run.finished + 1, disturbed_run.trials), again)
            again.kill()
        else:
            code = again.wait(300)
            path.write_bytes(whole)
            if code != 2:
                raise RuntimeError(f"{name}: a launcher that met it damaged ended with {code}")
        if name not in disturbed_run.said[before:]:
            raise RuntimeError(f"{name}: nobody was told that it is damaged")
    disturbed_run.finish()
    return f"{', '.join(_MADE_AGAIN)} made again, {', '.join(_REFUSED)} refused"


def _flipped(stored: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(stored))
    return stored[:at] + bytes([stored[at] ^ 1 << rng.randrange(8)]) + stored[at + 1 :]


def temporary_full(disturbed_run: DisturbedRun) -> str:
    """Leave no room for temporary files at the start and while the study runs, then free it."""
    try:
        with tmpfs(disturbed_run.folder / "temporary", 4) as place:
            disturbed_run.environment["TMPDIR"] = str(place)
            ballast = Path(place) / "ballast"
            for moment in (0, disturbed_run.trials // 3):
                if moment:
                    launcher = disturbed_run.launch()
                    disturbed_run.wait_for(moment, launcher)
                    fill(ballast)
                else:
                    fill(ballast)
                    launcher = disturbed_run.launch()
                code = launcher.wait(600)
                ballast.unlink()
                if code not in (0, 2):
                    raise RuntimeError(f"the launcher ended with {code} without room for temporary files")
            disturbed_run.finish()
    except PermissionError:
        return "skipped, this user can't mount a tmpfs"
    finally:
        disturbed_run.environment.clear()
    return "no room for temporary files, at the start and meanwhile"
