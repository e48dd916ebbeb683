"""Damages every file of a finished study in every way, and gives each to every command that might read it.

    python -m bitfront.experiments.benchmarks.damaged [--every 1] [--seed 1]

Kinds of damage: empty, cut at every tenth, one bit flipped (three places), swapped with another trial's or
another file of its kind. A case is wrong where the command ends with an undocumented exit code, a traceback
or a crash log, takes longer than two minutes, says more than a sentence, or is silent about a damaged file
that it reads. `--every N` takes each N-th case, beginning with the seed's. Exit code 1 where a case is wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType

from .small_study import write_study

LIMIT = 120
"""Seconds that a command may take."""
DOCUMENTED = (0, 2, 3, 4)
_TRIALS = 6
_EXTRA = "tracking: {enabled: false}\nbudget: {trials: 6}\n"
_OF_A_STUDY = (
    "identity.json",
    "reference.json",
    "study.yaml",
    "float.keras",
    "float_weights.npz",
    "golden.npz",
    "test_scores.json",
    "latency.json",
    "journal.log",
    "manifest.sha256",
)
_OF_A_TRIAL = ("evaluation.json", "weights.npz", "precision.json", "layers.csv")
_ALWAYS = ("reference.json", "evaluation.json")
READS: dict[str, tuple[str, ...]] = {
    "show": _ALWAYS,
    "report": (*_ALWAYS, "test_scores.json", "latency.json"),
    "export": (*_ALWAYS, "float.keras", "golden.npz", "study.yaml", "weights.npz"),
    "run": (*_ALWAYS, "identity.json", "float.keras", "float_weights.npz", "golden.npz", "test_scores.json"),
    "doctor": (*_OF_A_STUDY[:-2], *_OF_A_TRIAL),
}
"""What each command must tell of. A journal repairs itself, and a flipped bit in the list of digests damages
one digest, of which every file that it names then tells.
"""


def damages(other: bytes) -> dict[str, Callable[[bytes], bytes]]:
    """Return every kind of damage by name; `other` is the file that takes its place when it is swapped."""

    def cut(tenths: int) -> Callable[[bytes], bytes]:
        return lambda stored: stored[: len(stored) * tenths // 10]

    def flip(share: float) -> Callable[[bytes], bytes]:
        def flipped(stored: bytes) -> bytes:
            at = int(share * (len(stored) - 1))
            return stored[:at] + bytes([stored[at] ^ 4]) + stored[at + 1 :]

        return flipped

    return (
        {"empty": lambda _: b""}
        | {f"cut at {tenths}/10": cut(tenths) for tenths in range(1, 10)}
        | {f"flipped at {share:.0%}": flip(share) for share in (0.02, 0.5, 0.98)}
        | {"swapped": lambda _: other}
    )


def cases(study: Path, trained: int, second: int) -> Iterator[tuple[str, str, bytes]]:
    """Yield file, kind of damage and damaged content."""
    trial, neighbour = f"trials/{trained:05d}", f"trials/{second:05d}"
    pairs = [(f"{trial}/{name}", f"{neighbour}/{name}") for name in _OF_A_TRIAL]
    kinds = [name for name in _OF_A_STUDY if (study / name).exists()]
    pairs += [
        (one, next((o for o in kinds if o != one and Path(o).suffix == Path(one).suffix), kinds[0]))
        for one in kinds
    ]
    for name, other in pairs:
        stored = (study / name).read_bytes()
        for kind, damage in damages((study / other).read_bytes()).items():
            if (damaged := damage(stored)) != stored:
                yield name, kind, damaged


class _TooLongError(BaseException):
    """A command is over its time."""


def _over(number: int, frame: FrameType | None) -> None:
    raise _TooLongError


def ends(words: Sequence[str]) -> tuple[int | str, str]:
    """Run the command line in this process; return its exit code, or `hang`, and what it printed."""
    from bitfront.search.cli import main

    said = io.StringIO()
    kept = sys.argv
    sys.argv = ["bitfront", *words]
    before = signal.signal(signal.SIGALRM, _over)
    signal.alarm(LIMIT)
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            main()
    except SystemExit as ended:
        return int(ended.code or 0), said.getvalue()
    except _TooLongError:
        return "hang", said.getvalue()
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        sys.argv = kept
    return 0, said.getvalue()


def judged(command: str, name: str, code: int | str, said: str) -> str:
    """Return what is wrong with how a command took a damaged file; nothing where it is right."""
    if code == "hang":
        return "hang"
    if code not in DOCUMENTED:
        return f"exit code {code}"
    if "Traceback" in said or "something unexpected" in said:
        return "traceback"
    told = [line for line in said.splitlines() if line.startswith("bitfront: ")]
    if code and len(told) != 1:
        return "no sentence"
    base = Path(name).name
    if base in READS[command] and base not in said and Path(name).parent.name not in said:
        return "silence"
    return ""


def commands(study: Path, file: Path, trained: int) -> dict[str, list[str]]:
    """Return the words of each command for a study."""
    return {
        "show": ["show", str(study)],
        "doctor": ["doctor", str(study)],
        "report": ["report", str(study)],
        "export": [
            "export", str(study), "--pick", str(trained), "--out", str(study / "out"), "--no-register"
        ],
        "run": ["run", str(file), "--set", f"output={study.parent}"],
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases and print their counts; return an exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--every", type=int, default=1, help="take each N-th case")
    parser.add_argument("--seed", type=int, default=0, help="the first of them")
    options = parser.parse_args(arguments)
    from bitfront.search import read_evaluations

    wrong: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="bitfront-damaged-") as place:
        file = write_study(Path(place), _EXTRA)
        whole = Path(place) / "whole" / "small"
        code, said = ends(["run", str(file), "--set", f"output={whole.parent}"])
        if code not in (0, 3):
            print(f"the study can't be run: {said}")
            return 1
        trials = [e.number for e in read_evaluations(whole) if e.has_weights and e.status == "complete"]
        number = 0
        for name, kind, damaged in cases(whole, *trials[:2]):
            for command in READS:
                number += 1
                if (number + options.seed) % options.every:
                    continue
                if command == "export" and Path(name).name not in READS["export"]:
                    continue  # an export of sound files, half a minute each
                shutil.rmtree(Path(place) / "copy", ignore_errors=True)
                study = Path(shutil.copytree(whole, Path(place) / "copy" / "small"))
                (study / name).write_bytes(damaged)
                code, said = ends(commands(study, file, trials[0])[command])
                fault = judged(command, name, code, said)
                codes[str(code)] += 1
                if fault:
                    wrong[fault] += 1
                    print(f"{command} of {name}, {kind}: {fault}; {said.strip()[-300:]!r}", flush=True)
    ended = ", ".join(f"{count} with {code}" for code, count in sorted(codes.items()))
    print(f"{sum(codes.values())} cases: {ended}")
    print(f"wrong: {sum(wrong.values())}" + (f" ({dict(wrong)})" if wrong else ""))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
