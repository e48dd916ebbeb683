"""Made the studies of this folder, once, with the code of the commit that README.md names; they are never made anew.

python tests/formats/1/make.py, in the repository's root
"""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from pathlib import Path

from bitfront.hls.synthesis import SynthesisOutcome
from bitfront.search import Workbench, export_bundle, load_study, read_evaluations, run_study, write_report
from bitfront.search.artifacts import golden_inputs, load_float_model
from bitfront.search.designs import study_designs
from bitfront.search.latency import record_latency
from bitfront.search.sensitivity import measure_sensitivity, write_sensitivity
from bitfront.search.store import StudyStore
from bitfront.search.synthesis import write_record
from bitfront.search.tracking import choose
from bitfront.search.tracking.content import run_metrics, run_params

HERE = Path(__file__).resolve().parent
FAILED = 24
"""The trial of the MLP's study that fails, as if TensorFlow had raised."""
_evaluate = Workbench.evaluate


def _failing(bench, number, *args, **options):
    if number == FAILED and "promotion" in options and bench.problem.config.name == "mlp":
        raise RuntimeError("made to fail for this fixture")
    return _evaluate(bench, number, *args, **options)


def make(name: str, trials: int, *, narrower: tuple[str, ...] = ()) -> None:
    os.chdir(HERE / name)
    shutil.rmtree("ran", ignore_errors=True)
    folder = Path("ran") / name
    if narrower:
        run_study(load_study(Path("study.yaml"), narrower), Path(), trials=trials - 14)
    config = load_study(Path("study.yaml"))
    run_study(config, Path(), trials=trials)
    one = next(e for e in read_evaluations(folder) if e.feasible and e.method == "ptq")
    figures = {
        key: float(one.resources[key])
        for key in ("lut", "ff", "dsp", "bram18", "latency_cycles", "ii_cycles")
    }
    outcome = SynthesisOutcome(
        tool="vitis_hls",
        version="2023.2",
        fidelity="csynth",
        seconds=61.5,
        measured={"csynth": figures | {"lut": figures["lut"] + 12}},
        clock_ns=3.5,
    )
    write_record(folder, one.number, one.design, outcome)
    failed = SynthesisOutcome(
        tool="vitis_hls", fidelity="csynth", seconds=7.0, cause="license", line="no license", advice="ask"
    )
    write_record(folder, one.number, one.design, failed)
    choose(folder, one.number)
    record_latency(folder, load_float_model(folder, trust=False), golden_inputs(folder))
    problem = StudyStore(folder).open(config, Path(), _Silent())
    write_sensitivity(folder, list(measure_sensitivity(Workbench(problem))))
    write_report(folder)
    export_bundle(folder, "knee", HERE / "bundles" / name)
    runs = {e.number: {"params": run_params(e), "metrics": run_metrics(e)} for e in read_evaluations(folder)}
    Path("mlflow.json").write_text(json.dumps(runs, indent=1) + "\n")
    designs = study_designs(folder, [one])
    Path("design.json").write_text(json.dumps(designs[one.number].to_json()) + "\n")
    timings = [
        row | {"hardware": "a CPU, 2 cores"} for row in json.loads((folder / "latency.json").read_text())
    ]
    (folder / "latency.json").write_text(json.dumps(timings, indent=1) + "\n")
    for log in folder.glob("trials/*/log.txt"):  # tracebacks
        log.write_text(log.read_text().replace(f"{HERE.parents[2]}/", ""))
    for trace in (*folder.glob(".alone"), *folder.glob(".lock"), Path("__pycache__")):
        shutil.rmtree(trace) if trace.is_dir() else trace.unlink(missing_ok=True)
    for bulky in ("figures", "report.html", "front.png"):
        path = folder / bulky
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def archive() -> None:
    """Put the bundles into one small file: most of them is hls4ml's headers, the same in both."""
    with tarfile.open(HERE / "bundles.tar.xz", "w:xz", preset=9) as file:
        file.add(HERE / "bundles", "bundles", filter=_nobodys)
    shutil.rmtree(HERE / "bundles")


def _nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out who made a file, and when."""
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    return member


class _Silent:
    def say(self, *_):
        pass


if __name__ == "__main__":
    Workbench.evaluate = _failing
    make("mlp", 26)
    make("gru", 24, narrower=("space.weights=4..5",))
    archive()
