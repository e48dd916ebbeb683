"""The tables of the gallery, by one command, from the committed results and from what is estimated and timed
at once.

python -m bitfront.experiments.benchmarks.tables --out tables

writes `tables.md` and `fractions.png`. Tables 1 and 4 are made of what `fractions` and `results` left (their
commands stand in the files), tables 2 and 3 are computed here, in a minute.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bitfront.experiments.gallery import PRESETS

from ..command import returns_exit_code
from . import fractions, hardware_tables, table_one
from .results import read
from .speed import environment

COMMITTED = Path(__file__).with_name("committed")
"""What `fractions` left, a file a study."""
LOSS = 0.005
"""Largest share of the float model's validation metric that a candidate of table 4 may lose."""


def gallery_table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return Markdown: per study the float model, and the fewest LUTs and DSPs of uniform and of searched
    candidates.

    Candidates are chosen by the validation metric, at most `LOSS` below the float model's; the test metric is
    shown. `both` is the ratio among candidates, uniform and searched, whose test metric is within `LOSS` too.
    `most` is the ratio to the fewest of the resource that the space has, whatever the metric then is.
    """
    lines = [
        "| study | float | resource | best uniform | searched | ratio | both | most |",
        "|---|---:|---|---|---|---:|---:|---:|",
    ]
    for name, run in found.items():
        for key in ("lut", "dsp"):
            best, both = _best(run, key), _best(run, key, test_too=True)
            cells = [_cell(best[kind], key) for kind in ("uniform", "search")]
            head = f"| {name} | {run['float']['test']:.4f} |" if key == "lut" else "| | |"
            ratios = [_ratio(best, key), _ratio(both, key), _most(run, best, key)]
            lines.append(f"{head} {key.upper()} | {' | '.join(cells)} | {' | '.join(ratios)} |")
    return "\n".join(lines)


def _best(run: Mapping[str, Any], key: str, *, test_too: bool = False) -> dict[str, Mapping[str, Any] | None]:
    """Return, by kind, the candidate with the fewest of a resource at equal metric; of equals that with the
    fewest LUTs.
    """
    splits = ("val", "test") if test_too else ("val",)
    enough = [row for row in run["candidates"] if all(row[s] >= (1 - LOSS) * run["float"][s] for s in splits)]
    return {
        kind: min(
            (row for row in enough if row["kind"] == kind),
            key=lambda row: (row["costs"][key], row["costs"]["lut"]),
            default=None,
        )
        for kind in ("uniform", "search")
    }


def _cell(row: Mapping[str, Any] | None, key: str) -> str:
    if row is None:
        return "none"
    low, high = row["intervals"][key]
    return (
        f"{row['costs'][key]:,.0f} [{low:,.0f}..{high:,.0f}], {row['name']} {row['method']}, test "
        f"{row['test']:.4f}"
    )


def _ratio(best: Mapping[str, Mapping[str, Any] | None], key: str) -> str:
    uniform, searched = best["uniform"], best["search"]
    if uniform is None or searched is None:
        return "-"
    above, below = uniform["costs"][key], searched["costs"][key]
    if below == 0:
        return "both 0" if above == 0 else "to 0"
    return f"{above / below:.2f}"


def _most(run: Mapping[str, Any], best: Mapping[str, Mapping[str, Any] | None], key: str) -> str:
    """Return the ratio that the space's narrowest candidate would have; a dash where it isn't known or
    nothing is left to save.
    """
    uniform, least = best["uniform"], run.get("least", {}).get(key, 0)
    return f"{uniform['costs'][key] / least:.2f}" if uniform and least else "-"


def summary(found: Mapping[str, Mapping[str, Any]], target: float = 2.0, *, test_too: bool = False) -> str:
    """Return a sentence on how many studies reach `target` times fewer LUTs, or DSPs, than the best
    uniform.
    """
    reached, compared = [], 0
    for name, run in found.items():
        gains = []
        for key in ("lut", "dsp"):
            best = _best(run, key, test_too=test_too)
            uniform, searched = best["uniform"], best["search"]
            if uniform and searched:
                above, below = uniform["costs"][key], searched["costs"][key]
                gains.append(float("inf") if above > 0 == below else above / below if below else 1.0)
        if gains:
            compared += 1
            reached += [name] if max(gains) >= target else []
    names = f": {', '.join(reached)}" if reached else ""
    judged = "on validation and on test data" if test_too else "on validation data"
    return (
        f"{target:g} times fewer LUTs or DSPs at equal metric {judged}: {len(reached)} of {compared} "
        f"studies{names}."
    )


def runs_table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return Markdown: what each study's results were made with."""
    lines = [
        "| study | samples | trials | search (s) | commit |",
        "|---|---|---:|---:|---|",
    ]
    for name, run in found.items():
        samples = " / ".join(f"{n:,}" for n in run["samples"])
        lines.append(f"| {name} | {samples} | {run['trials']} | {run['search_s']:.0f} | `{run['commit']}` |")
    return "\n".join(lines)


def read_fractions(folder: Path = COMMITTED) -> tuple[list[fractions.Score], list[str]]:
    """Return the scores that `fractions` left, and its commands."""
    files = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("fractions_*.json"))]
    return [fractions.Score(**row) for one in files for row in one["scores"]], [
        one["command"] for one in files
    ]


@returns_exit_code
def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bitfront.experiments.benchmarks.tables",
        description="Write the gallery's four tables and the figure of fractional bits.",
    )
    parser.add_argument(
        "--preset", choices=PRESETS, default="quick", help="whose results table 4 is of (quick)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("tables"), help="folder for tables.md and fractions.png"
    )
    options = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "tables.md").write_text(page(options.preset, options.out), encoding="utf-8")
    print(f"Wrote {options.out / 'tables.md'}")


def page(preset: str, out: Path) -> str:
    """Return the page of all tables; the figure goes into `out`."""
    scores, commands = read_fractions()
    found = read(preset)
    parts = [
        "# The gallery in four tables",
        _block([f"python -m bitfront.experiments.benchmarks.tables --preset {preset}"]),
    ]
    parts += [
        "Every resource and latency of an FPGA here is an estimate, with the interval that holds 80 % of "
        "designs, unless its source says otherwise.",
        f"{environment()}.",
    ]
    parts.append("## 1. The metric over that of the float model, against fractional bits")
    if scores:
        fractions.draw(scores, [out / "fractions.png"])
        parts += [
            "One `fixed<integer + fraction, integer>` for all weights and results, test metric; medians over "
            "the seeds, lowest and highest in brackets. QAT trains further than the float model did, so that "
            "it gains a little where rounding costs nothing; what it gains beyond the row of most fractional "
            "bits is due to the rounding.",
            "![Test metric over float against fractional bits](fractions.png)",
            fractions.table(scores),
            _block(commands),
        ]
    else:
        parts.append("No results of `fractions` are here.")
    for title, paragraphs in (hardware_tables.section(), table_one.section()):
        parts += [f"## {title}", *paragraphs]
    parts.append("## 4. Float, best uniform and searched, of all studies")
    parts += [
        f"Fewest LUTs and DSPs at a validation metric of at least {100 * (1 - LOSS):g} % of the float "
        f"model's, test metric shown; one search a study, seed 1, preset {preset}. Uniform candidates (2 to "
        "12 bits, PTQ and QAT) may take any strategy and reuse factor that the study searches; what is "
        "inside their layers (tables, statistics) has the widest type, as hls4ml's defaults have. Where the "
        "metric is an accuracy over some hundred samples, half a percent is two or three of them: the test "
        "metric says how far the choice by validation carries, and `both` is the ratio among candidates, "
        "uniform and searched, that keep it there too. `most` is the ratio that the narrowest candidate of "
        "the space would have with the float weights, whatever its metric: only weights that training makes "
        "zero pass it.",
        gallery_table(found),
        summary(found),
        summary(found, test_too=True),
        "What made them; seconds are wall-clock, whatever else ran on the machine, and a budget of them ends "
        "a search.",
        runs_table(found),
        _block([run["command"] for run in found.values()]),
    ]
    return "\n\n".join(parts) + "\n"


def _block(commands: Sequence[str]) -> str:
    return "\n".join(["```bash", *commands, "```"])


if __name__ == "__main__":
    sys.exit(main())
