"""Command line: run cases and print a table; exit code 1 where one is wrong."""

from __future__ import annotations

import argparse
import fnmatch
import os
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import yaml

from bitfront.spaces import UserError

from ...command import returns_exit_code
from .commands import TIME_LIMIT_S, run_case
from .verdict import Verdict, judge


class Wrong(UserError):
    """Cases that behave wrongly."""

    exit_code: ClassVar[int] = 1


def cases(folder: Path, only: str) -> list[Path]:
    """Return the cases of a folder that a pattern names.

    Raises:
        UserError: when there is none.
    """
    found = sorted(p.parent for p in folder.glob("*/study.yaml") if fnmatch.fnmatchcase(p.parent.name, only))
    if not found:
        raise UserError(
            f"{folder} holds no case that {only!r} names: give a folder of folders with study.yaml."
        )
    return found


def one(case: Path, limit_s: float) -> Verdict:
    """Run one case in a copy of its folder."""
    with tempfile.TemporaryDirectory(prefix="bitfront-case-") as place:
        copy = Path(place) / case.name
        shutil.copytree(case, copy)
        return judge(case.name, copy, run_case(copy, limit_s=limit_s))


def row(verdict: Verdict, expected: str | None) -> str:
    """Return a case's line of the table, in Markdown."""
    scores = ["" if s is None else f"{s:.5g}" for s in (verdict.float_score, verdict.keras_score)]
    note = verdict.note if len(verdict.note) <= 240 else verdict.note[:237] + "..."
    mark = f" (expected {expected})" if expected and expected != verdict.ended else ""
    cells = [verdict.case, verdict.ended + mark, *scores, f"{verdict.seconds:.0f}", note.replace("|", "\\|")]
    return f"| {' | '.join(cells)} |"


@returns_exit_code
def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bitfront.experiments.benchmarks.cases",
        description="Run every case of a folder as its user would, and judge.",
    )
    parser.add_argument("folder", type=Path, nargs="?", help="folder of cases ($BITFRONT_SHARED/cases)")
    parser.add_argument("--only", default="*", help="pattern of the cases' names")
    parser.add_argument("--jobs", type=int, default=1, help="cases at a time (1)")
    parser.add_argument(
        "--limit", type=float, default=TIME_LIMIT_S, help=f"most seconds a command ({TIME_LIMIT_S})"
    )
    parser.add_argument(
        "--expect", type=Path, help="YAML: case -> PASS or refused, what else counts as wrong"
    )
    options = parser.parse_args(arguments)
    shared = os.environ.get("BITFRONT_SHARED", "../shared")
    found = cases(options.folder or Path(shared) / "cases", options.only)
    expected = yaml.safe_load(options.expect.read_text(encoding="utf-8")) if options.expect else {}
    print(
        "| case | verdict | float score | Keras's own | seconds | said |\n|---|---|---:|---:|---:|---|",
        flush=True,
    )
    wrong = 0
    with ThreadPoolExecutor(options.jobs) as pool:
        for verdict in pool.map(lambda case: one(case, options.limit), found):
            wanted = expected.get(verdict.case)
            wrong += not verdict.right or (wanted is not None and wanted != verdict.ended)
            print(row(verdict, wanted), flush=True)
    print(f"\n{len(found)} cases, {wrong} wrong.")
    if wrong:
        raise Wrong(f"{wrong} of {len(found)} cases are wrong: the table says which.")


if __name__ == "__main__":
    sys.exit(main())
