"""Run ready studies under a preset and leave what they found beside them: front, figure, figures of every
candidate.

python -m bitfront.experiments.benchmarks.results jets_mlp quickdraw_gru --preset quick

writes `results/PRESET/` of each study's folder: `front.csv` and `front.png` as the report has them, and
`run.json` with the command, commit, versions, seed, times and all that `tables` needs. Uniform widths enter
it once for every choice of the hardware that the study searches, since their score doesn't depend on it: so a
uniform candidate is never costlier than it has to be.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bitfront.experiments.gallery import PRESETS, Study, gallery, ready_study
from bitfront.spaces import FixedPoint

from ..command import returns_exit_code
from .speed import environment

FILE = "run.json"
COSTS = ("lut", "ff", "dsp", "bram18", "latency_ns", "ii_ns")


@dataclass(frozen=True)
class Row:
    """A scored candidate that keeps the limits on resources.

    Attributes:
        kind: `uniform`, or `search` for all others.
        front: whether it is on the study's front.
        name: `8 bit` of a uniform candidate, `trial 12` of another.
        method: `ptq` or `qat`.
        val, test: the metric.
        costs: estimates, by `COSTS`: counts and ns.
        intervals: lowest and highest of 80 % of designs, by the same names.
        hardware: what was chosen of the hardware, where the study searches it.
    """

    kind: str
    front: bool
    name: str
    method: str
    val: float
    test: float
    costs: dict[str, float]
    intervals: dict[str, list[float]]
    hardware: dict[str, str | int]


def run(study: Study, preset: str, studies: Path, out: Path) -> dict[str, Any]:
    """Run a study, or go on with it, and write its results into `out`; return what `run.json` holds.

    Raises:
        UserError: the study's data are missing.
    """
    from rich.console import Console

    from bitfront.search import Evaluator, load_study, run_study, write_report
    from bitfront.search.storage import StudyFolder

    started = time.perf_counter()
    config = load_study(study.file, [f"output={studies}", "tracking.enabled=false"], preset=preset)
    result = run_study(config, study.folder, console=Console(highlight=False))
    total = time.perf_counter() - started
    study_folder = StudyFolder(result.folder)
    evaluator = Evaluator(study_folder.open(config, study.folder))
    members = {e.number for e in result.front}
    # a candidate that training made worse is its own ptq one: once is enough
    different = {e.design: e for e in reversed(result.evaluations) if e.status == "complete"}
    rows = [
        row
        for e in reversed(different.values())
        for row in _rows(evaluator, study_folder, e, front=e.number in members)
    ]
    found = {
        "study": study.name,
        "preset": preset,
        "command": f"python -m bitfront.experiments.benchmarks.results {study.name} --preset {preset}",
        "commit": commit(),
        "seed": config.seed,
        "environment": environment(),
        "device": config.device.part,
        "clock_ns": config.device.clock_ns,
        "metric": evaluator.metric_record.name,
        "source": "estimate",
        "samples": [
            len(getattr(evaluator.problem.data, f"x_{part}")[0]) for part in ("train", "val", "test")
        ],
        "trials": len(result.evaluations),
        "search_s": round(study_folder.spent_seconds(), 1),
        "wall_s": round(total, 1),
        "float": {"val": evaluator.float_score, "test": evaluator.scores.of_float("test")},
        "least": _least(evaluator),
        "candidates": [asdict(row) for row in rows],
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / FILE).write_text(_text(_rounded(found)), encoding="utf-8")
    write_report(result.folder)
    for name in ("front.csv", "front.png"):
        shutil.copyfile(result.folder / name, out / name)
    return found


def _rows(evaluator: Any, study_folder: Any, evaluation: Any, *, front: bool) -> Iterator[Row]:
    """Yield a candidate, a uniform one once for each choice of the hardware, where it keeps the limits."""
    from bitfront.search.quantities import resources_of

    weights = study_folder.weights(evaluation)
    types = {key: FixedPoint.parse(text) for key, text in evaluation.precision.items()}
    test = evaluator.scores.of(types, weights, "test")
    uniform = evaluation.kind == "uniform"
    own = {} if uniform else evaluation.params
    for hardware in _hardware(evaluator, own):
        params = {**evaluation.params, **hardware, "method": evaluation.method}
        cost = evaluator.costs.estimate(evaluator.space.candidate(params), types, weights)
        figures = resources_of(cost)
        if any(excess > 0 for excess in evaluator.costs.cost(types, cost).violations.values()):
            continue
        same = all(evaluation.params[name] == value for name, value in hardware.items())
        yield Row(
            kind=evaluation.kind,
            front=front and same,
            name=f"{_width(evaluation)} bit" if uniform else f"trial {evaluation.number}",
            method=evaluation.method,
            val=evaluation.score,
            test=test,
            costs={key: figures[key] for key in COSTS},
            intervals={key: list(cost.intervals[key]) for key in COSTS if key in cost.intervals},
            hardware=hardware,
        )


def _hardware(evaluator: Any, own: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every choice of the hardware that the study searches, but for what a candidate has of its
    `own`.
    """
    built = [d for d in evaluator.space.dimensions if d.kind not in ("width", "shift", "method", "sparsity")]
    for chosen in itertools.product(*((own[d.name],) if d.name in own else d.choices for d in built)):
        yield dict(zip((d.name for d in built), chosen, strict=True))


def _least(evaluator: Any) -> dict[str, float]:
    """Return the fewest of each cost that the space has: every width at its lowest, whatever the metric then
    is.
    """
    from bitfront.search.quantities import resources_of

    narrow = {
        **evaluator.space.uniform(0, "ptq"),
        **{d.name: d.low for d in evaluator.space.dimensions if d.kind == "width"},
    }
    figures = []
    for hardware in _hardware(evaluator, {}):
        candidate = evaluator.space.candidate({**narrow, **hardware})
        figures.append(resources_of(evaluator.costs.estimate(candidate, evaluator.costs.types(candidate))))
    return {key: min(one[key] for one in figures) for key in COSTS}


def _width(evaluation: Any) -> int:
    """Return the width of a uniform candidate: the widest of its weights and results, where ranges cut it
    off.
    """
    return max(
        value
        for name, value in evaluation.params.items()
        if name.endswith((".weights", ".activations")) and isinstance(value, int)
    )


def _text(found: dict[str, Any]) -> str:
    """Return JSON with a line a candidate."""
    lines = ",\n".join(f"  {json.dumps(row)}" for row in found.pop("candidates"))
    return f'{json.dumps(found, indent=1)[:-2]},\n "candidates": [\n{lines}\n ]\n}}\n'


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list) else value


def commit() -> str:
    """Return the commit of this checkout, with `+` where files differ from it; empty outside of one."""
    git = shutil.which("git")
    if git is None:
        return ""
    place = ["-C", str(Path(__file__).resolve().parent)]
    asked = ([git, *place, "rev-parse", "--short=12", "HEAD"], [git, *place, "status", "--porcelain", "-uno"])
    head, changes = (subprocess.run(words, capture_output=True, text=True, check=False) for words in asked)
    return head.stdout.strip() + ("+" if changes.stdout.strip() else "") if head.returncode == 0 else ""


def read(preset: str) -> dict[str, dict[str, Any]]:
    """Return what is committed of each ready study under a preset, by its name, in the gallery's order."""
    files = {study.name: study.folder / "results" / preset / FILE for study in gallery()}
    return {
        name: json.loads(file.read_text(encoding="utf-8")) for name, file in files.items() if file.is_file()
    }


@returns_exit_code
def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bitfront.experiments.benchmarks.results",
        description="Run ready studies under a preset and write their results beside them.",
    )
    parser.add_argument("studies", nargs="*", help="ready studies (bitfront ls); all of them without one")
    parser.add_argument("--preset", choices=PRESETS, default="quick", help="minutes or hours a study (quick)")
    parser.add_argument("--work", type=Path, default=Path("studies"), help="folder of the studies (studies)")
    parser.add_argument("--out", type=Path, help="write to OUT/STUDY/PRESET instead")
    options = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # all names are looked up before the first search begins
    for study in [ready_study(name) for name in options.studies] or gallery():
        name = study.name
        place = options.out / name if options.out else study.folder / "results"
        found = run(study, options.preset, options.work, place / options.preset)
        print(f"{name}: {found['trials']} trials, {found['wall_s']:.0f} s -> {place / options.preset}")


if __name__ == "__main__":
    sys.exit(main())
