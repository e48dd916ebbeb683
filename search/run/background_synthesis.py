"""Synthesis beside a search: members of the front are synthesised while it runs, and correct its
estimates.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bitfront.hls.estimate import Correction
from bitfront.hls.synthesis import FIDELITIES, STAGES, Fidelity, Limits, Tool, find_tool
from bitfront.spaces import ToolMissing

from ..config import StudyConfig
from ..measurements.corrected import correct, learn
from ..measurements.record import SynthesisRecord, measured_of, read_records
from ..quantities import QUANTITIES, Quantity, measured_name
from ..synthesis.flows import VendorFlow
from ..synthesis.jobs import SynthesisJobs
from ..tracking import Tracker
from ..trials.evaluation import Evaluation
from ..trials.front import pareto, pick
from ..trials.objectives import Objective
from ..trials.reference import Reference

__all__ = ["BackgroundSynthesis", "describe_record", "finalists"]

_log = logging.getLogger(__name__)


def finalists(
    evaluations: Sequence[Evaluation],
    objectives: Sequence[Objective],
    most: int | None = None,
    *,
    floor: float | None = None,
) -> list[Evaluation]:
    """Return the front's feasible members, the knee, the best and the smallest first; at most `most`.

    `floor` is the worst validation metric that the knee should have.
    """
    front = [e for e in pareto(evaluations, objectives) if e.feasible]
    if not front:
        return []
    first = [pick(evaluations, objectives, how, floor=floor).number for how in ("knee", "best", "smallest")]
    order = sorted(front, key=lambda e: (first.index(e.number) if e.number in first else 3, e.number))
    return order[:most]


def describe_record(record: SynthesisRecord, estimated: Mapping[str, float]) -> str:
    """Return one line on a run: figures of its furthest stages beside the estimate, or why it failed."""
    outcome = record.outcome
    parts = []
    for stage, figures in outcome.measured.items():
        cells = [
            f"{q.head} {q.number(figures[q.key])}"
            + (f" (estimate {q.number(estimated[key])})" if (key := _key(q, stage)) in estimated else "")
            for q in QUANTITIES.values()
            if q.in_reports and q.key in figures
        ]
        parts.append(f"{stage}: {', '.join(cells)}")
    if not outcome.ok:
        parts.append(f"failed ({outcome.cause}): {outcome.line.rstrip('.')}. {outcome.advice}")
    return f"Trial {record.number} {outcome.tool}, {outcome.seconds:.0f} s; {'; '.join(parts)}"


def _key(quantity: Quantity, stage: str) -> str:
    """Return the figure of `Evaluation.resources` that a stage's figure is to be compared with."""
    alike = (q.key for q in QUANTITIES.values() if q.estimate == quantity.estimate)
    return next((key for key in alike if measured_name(key, stage) == quantity.estimate), quantity.key)


@dataclass
class BackgroundSynthesis:
    """Follows a running study; without a tool, or at `max_fidelity: estimate`, it only knows earlier
    syntheses.
    """

    study_dir: Path
    config: StudyConfig
    reference: Reference
    tracker: Tracker
    correction: Correction = field(default_factory=lambda: Correction.of([]))
    _records: list[SynthesisRecord] = field(default_factory=list)
    _begun: set[tuple[str, Fidelity]] = field(default_factory=set)
    _jobs: SynthesisJobs | None = None
    _tool: Tool | None = None

    def start(self, evaluations: Iterable[Evaluation]) -> None:
        """Take up what earlier syntheses found, and look for a tool where the study wants one."""
        self._learn(read_records(self.study_dir), evaluations)
        fidelity, section = self.config.max_fidelity, self.config.synthesis
        if fidelity == "estimate":
            return
        try:
            tool = find_tool(self.config.hls.backend, fidelity)
        except ToolMissing as error:
            _log.info(
                f"{error} The study continues with estimates; `bitfront synth {self.study_dir}` can follow."
            )
            return
        self._tool, self._jobs = tool, SynthesisJobs(self.study_dir, section.jobs)
        _log.info(f"Front members are synthesised with {tool.path} while the search runs.")

    def view(self, evaluations: Iterable[Evaluation]) -> list[Evaluation]:
        """Return evaluations as the syntheses so far correct them."""
        if not self._records:
            return list(evaluations)
        limits, clock = self.reference.constraints, self.reference.clock_ns
        return correct(evaluations, self.correction, measured_of(self._records), limits, clock)

    def step(self, evaluations: Mapping[int, Evaluation]) -> None:
        """Take up finished syntheses, and start those that there's room for: the newest of the front
        first.
        """
        if self._jobs is None:
            return
        self._collect(evaluations, patient=False)
        while self._jobs.free:
            front = finalists(self.view(evaluations.values()), self.reference.objectives)
            waiting = [e for e in front if not self._reached(e, "csynth")]
            if not waiting:
                return
            self._submit(max(waiting, key=lambda e: e.number), "csynth")

    def finish(self, evaluations: Mapping[int, Evaluation]) -> None:
        """Follow the finalists as far as the study says, and wait for it."""
        jobs = self._jobs
        if jobs is None:
            return
        fidelity = self.config.max_fidelity
        while True:
            chosen = finalists(
                self.view(evaluations.values()),
                self.reference.objectives,
                self.config.synthesis.finalists,
                floor=self.reference.knee_floor,
            )
            waiting = [e for e in chosen if not self._reached(e, fidelity)]
            if not waiting and not jobs.busy:
                return
            for evaluation in waiting[: jobs.free]:
                self._submit(evaluation, fidelity)
            self._collect(evaluations, patient=True)

    def stop(self) -> None:
        """End what still runs."""
        if self._jobs is not None:
            self._jobs.stop()
            self._jobs = None

    def _submit(self, evaluation: Evaluation, fidelity: Fidelity) -> None:
        assert self._jobs is not None
        assert self._tool is not None
        self._begun.add((evaluation.design, fidelity))
        section = self.config.synthesis
        limits = Limits(section.timeout, section.memory_gib)
        flow = VendorFlow(self.study_dir, self._tool, fidelity, limits)
        self._jobs.submit(evaluation.number, evaluation.design, flow)

    def _reached(self, evaluation: Evaluation, fidelity: Fidelity) -> bool:
        """Whether a candidate was followed so far, or is being, whatever came of it."""
        enough = FIDELITIES[FIDELITIES.index(fidelity) :]
        if any((evaluation.design, one) in self._begun for one in enough):
            return True
        stages = evaluation.measured
        return all(stage in stages for stage in STAGES[fidelity]) or any(
            r.digest == evaluation.design and r.outcome.fidelity in enough for r in self._records
        )

    def _collect(self, evaluations: Mapping[int, Evaluation], *, patient: bool) -> None:
        assert self._jobs is not None
        for record in self._jobs.finished(patient=patient):
            self._learn([*self._records, record], evaluations.values())
            self.tracker.synthesis(record)
            line = describe_record(record, evaluations[record.number].resources)
            after = (
                f"; estimates are calibrated on {self.correction.n} designs"
                if record.outcome.measured
                else ""
            )
            _log.info(line.rstrip(".") + after + ".")

    def _learn(self, records: list[SynthesisRecord], evaluations: Iterable[Evaluation]) -> None:
        self._records = records
        self.correction = learn(evaluations, records)
