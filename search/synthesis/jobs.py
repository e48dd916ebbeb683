"""Syntheses of a study's trials beside each other: projects are written, run, read, and recorded."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from bitfront.hls import BuildError
from bitfront.hls.synthesis import LOG, SynthesisOutcome
from bitfront.spaces import UserError

from ..measurements.record import SynthesisRecord, write_record
from .flows import Flow

__all__ = ["SynthesisJobs"]

_KEPT = (
    LOG,
    "**/syn/report/csynth.xml",
    "**/syn/report/*_csynth.rpt",
    "vivado_synth.rpt",
    "**/sim/report/*_cosim.rpt",
    "stat.json",
)
"""What a run leaves that is kept with the trial; of the text reports, the design's own."""


@dataclass
class SynthesisJobs:
    """At most `jobs` runs at once.

    Projects are written to `STUDY/synthesis/` in the caller's thread (hls4ml is not made for several), and
    removed when they are recorded, unless `keep`.
    """

    study_dir: Path
    jobs: int = 1
    keep: bool = False
    _stop: threading.Event = field(default_factory=threading.Event)
    _running: set[Future[SynthesisRecord]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(self.jobs, thread_name_prefix="synthesis")

    @property
    def free(self) -> int:
        """How many more can start at once."""
        return self.jobs - sum(not one.done() for one in self._running)

    @property
    def busy(self) -> bool:
        """Whether any run is unfinished, or finished and not yet handed out."""
        return bool(self._running)

    def submit(self, number: int, digest: str, flow: Flow) -> None:
        """Write what trial `number` is made of, and let `flow` have it as soon as there is room."""
        folder = (self.study_dir / "synthesis" / f"{number:05d}-{flow.fidelity}").absolute()
        shutil.rmtree(folder, ignore_errors=True)  # what an interrupted run left
        try:
            run = flow.prepare(number, folder)
        except (BuildError, UserError) as error:
            refused = SynthesisOutcome(
                tool=flow.tool_name,
                fidelity=flow.fidelity,
                seconds=0.0,
                cause="export",
                line=str(error),
                advice="The trial could not be written for this tool.",
            )
            self._running.add(self._pool.submit(self._record, folder, number, digest, refused))
            return
        self._running.add(self._pool.submit(lambda: self._record(folder, number, digest, run(self._stop))))

    def _record(self, folder: Path, number: int, digest: str, outcome: SynthesisOutcome) -> SynthesisRecord:
        if self._stop.is_set():  # says nothing of the design
            shutil.rmtree(folder, ignore_errors=True)
            return SynthesisRecord(number=number, digest=digest, folder=folder, outcome=outcome)
        reports = [path for pattern in _KEPT for path in sorted(folder.glob(pattern))]
        whole = [path for path in reports if not path.name.endswith("_csynth.rpt")]
        whole += sorted((path for path in reports if path not in whole), key=lambda p: -p.stat().st_size)[:1]
        record = write_record(self.study_dir, number, digest, outcome, whole)
        if not self.keep:
            shutil.rmtree(folder, ignore_errors=True)
        return record

    def finished(self, *, patient: bool = False) -> list[SynthesisRecord]:
        """Return the records of runs that ended since the last call; with `patient`, wait for one if none
        has.
        """
        if patient and self._running:
            wait(self._running, return_when=FIRST_COMPLETED)
        done = {one for one in self._running if one.done()}
        self._running -= done
        return [one.result() for one in done]

    def stop(self) -> None:
        """End every run with all that it started; nothing of them is recorded."""
        self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._running.clear()
