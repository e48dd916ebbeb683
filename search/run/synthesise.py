"""Synthesis of a study that has run, on this machine or on another one that has a copy of its folder."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal

from bitfront.hls.rtl import find_rtl_tools
from bitfront.hls.synthesis import STAGES, Fidelity, Limits, find_tool
from bitfront.spaces import NothingFeasible

from ..config import StudyConfig, load_study
from ..measurements.corrected import read_evaluations
from ..measurements.record import SynthesisRecord
from ..synthesis.flows import Flow, RtlFlow, VendorFlow
from ..synthesis.jobs import SynthesisJobs
from ..tracking import MlflowTracker, NullTracker, StudyRecord, Tracker
from ..tracking.sync import ARTIFACTS, tracking_uri
from ..trials.evaluation import Evaluation
from ..trials.reference import Reference
from .background_synthesis import describe_record, finalists

__all__ = ["choose_trials", "synthesise_study", "track"]

_log = logging.getLogger(__name__)


def choose_trials(study_dir: Path, most: int | None) -> list[Evaluation]:
    """Return the front's feasible members as the files have them, knee, best and smallest first; at most
    `most`.

    Raises:
        NothingFeasible: there is none.
    """
    reference = Reference.read(study_dir)
    chosen = finalists(read_evaluations(study_dir), reference.objectives, most, floor=reference.knee_floor)
    if not chosen:
        raise NothingFeasible(
            f"No trial of {study_dir} meets the constraints, so there is nothing to synthesise."
        )
    raw = {e.number: e for e in read_evaluations(study_dir, corrected=False)}
    return [raw[e.number] for e in chosen]


def synthesise_study(
    study_dir: Path,
    *,
    most: int | None = None,
    fidelity: Fidelity | Literal["rtl"] = "csynth",
    jobs: int | None = None,
    timeout_s: float | None = None,
    memory_gib: float | None = None,
    keep: bool = False,
) -> list[SynthesisRecord]:
    """Synthesise the front of a study, at most `most` of it, and return what came of each.

    With the fidelity `rtl`, an open flow (da4ml, Yosys, Verilator) counts and proves the network instead of
    AMD's tools.

    Designs that were followed to `fidelity` before are passed over; one that failed is tried again. Results
    go to the trials' folders and to MLflow, and each is logged. What is not given is as the study file says.

    Raises:
        ToolMissing: no tool for the study's backend is on PATH, or not all programs of the open flow.
        UserError: the folder is no study.
        NothingFeasible: no trial meets the constraints.
    """
    config = load_study(study_dir / "study.yaml")
    section = config.synthesis
    limits = Limits(timeout_s or section.timeout, memory_gib or section.memory_gib)
    flow: Flow = (
        RtlFlow(study_dir, find_rtl_tools(), limits)
        if fidelity == "rtl"
        else VendorFlow(study_dir, find_tool(config.hls.backend, fidelity), fidelity, limits)
    )
    chosen = choose_trials(study_dir, most)
    measured = {e.design: e.measured for e in read_evaluations(study_dir)}
    waiting = [e for e in chosen if not all(stage in measured[e.design] for stage in STAGES[fidelity])]
    for evaluation in chosen:
        if evaluation not in waiting:
            _log.info(f"Trial {evaluation.number} has its {fidelity} already.")
    runs = SynthesisJobs(study_dir, jobs or section.jobs, keep)
    by_number = {e.number: e for e in chosen}
    records: list[SynthesisRecord] = []
    if waiting:
        _log.info(f"{len(waiting)} designs to {fidelity} with {flow.tool_name}, {runs.jobs} at once")
    try:
        while waiting or runs.busy:
            while waiting and runs.free:
                evaluation = waiting.pop(0)
                runs.submit(evaluation.number, evaluation.design, flow)
            for record in runs.finished(patient=True):
                _log.info(describe_record(record, by_number[record.number].resources))
                records.append(record)
    finally:
        runs.stop()
    track(study_dir, config, [(by_number[r.number], r) for r in records])
    return records


def track(
    study_dir: Path,
    config: StudyConfig,
    results: list[tuple[Evaluation, SynthesisRecord]],
) -> None:
    """Send results to where the study is tracked, and write its report anew: corrected estimates move the
    front.
    """
    from ..report import write_report

    if not results:
        return
    reference = Reference.read(study_dir)
    front = [e.number for e in finalists(read_evaluations(study_dir), reference.objectives)]
    write_report(study_dir)
    tracker: Tracker = (
        MlflowTracker(study_dir.parent, tracking_uri(study_dir)) if config.tracking.enabled else NullTracker()
    )
    tracker.start(StudyRecord.of(study_dir))
    for evaluation, record in results:
        tracker.trial(evaluation)
        tracker.synthesis(record)
    tracker.finish(front, [study_dir / name for name in ARTIFACTS])
