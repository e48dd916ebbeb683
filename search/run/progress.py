"""What a person sees while a study runs: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..problem.score_warnings import float_warnings, ties_note, trial_warnings
from ..trials.evaluation import Evaluation
from ..trials.objectives import Objective

if TYPE_CHECKING:
    from rich.console import Console

    from ..evaluator.evaluator import Evaluator
    from ..trials.reference import Reference
    from .result import StudyResult

_log = logging.getLogger(__name__)
Watcher = Callable[[Evaluation, Sequence[Evaluation]], None]
"""Hears of each finished trial, and of the front that it leaves."""
_SHOWN = 12
"""Front members that a live table shows."""


class Progress:
    """Logs what happens, and keeps a live table on a console that is a terminal; one object per run.

    Args:
        console: the one that shows what is logged (see `messages_on`); no table is kept where None.
        watch: hears of each finished trial, whether there is a console or not.
    """

    def __init__(self, console: Console | None = None, watch: Watcher | None = None) -> None:
        self.console = console
        self._watch = watch
        self._live: Any = None
        self._objectives: Sequence[Objective] = ()
        self._began = time.monotonic()

    def start(self, evaluator: Evaluator, reference: Reference, objectives: Sequence[Objective]) -> None:
        """Say what is searched, and open the live table on a terminal."""
        self._objectives = objectives
        self._began = time.monotonic()
        size = evaluator.space.size
        _log.info(
            f"Float model: {reference.metric.label} {evaluator.float_score:.4f} (validation). "
            f"{len(evaluator.space.dimensions)} dimensions, {size:.2g} configurations; "
            f"{reference.device['part']} at {reference.clock_ns:g} ns."
        )
        for text in float_warnings(reference):
            _log.info(f"Warning: {text}")
        if self.console is not None and self.console.is_terminal:
            from rich.live import Live

            self._live = Live(console=self.console, refresh_per_second=4, transient=True)
            self._live.start()

    def stop(self) -> None:
        """Close the live table."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def trial(
        self, evaluation: Evaluation, figures: Mapping[str, float], front: Sequence[Evaluation]
    ) -> None:
        """Show a finished trial."""
        if self._watch is not None:
            self._watch(evaluation, front)
        on_front = evaluation.feasible and any(e.number == evaluation.number for e in front)
        line = self._line(evaluation, figures, on_front=on_front)
        if self._live is None:
            _log.info(line)
        else:
            self._live.update(self._table(line, front))

    def _line(self, e: Evaluation, figures: Mapping[str, float], *, on_front: bool) -> str:
        elapsed = time.monotonic() - self._began
        head = f"{elapsed:6.1f}s trial {e.number:4d} {e.method}{' uniform' if e.kind == 'uniform' else '':8s}"
        if e.status != "complete":
            return f"{head} {e.status}: {e.reason}"
        values = "  ".join(f"{o.label} {format_value(o.value(e))}" for o in self._objectives)
        notes = [text for text, on in (("front", on_front), ("breaks a constraint", not e.feasible)) if on]
        notes += filter(None, [ties_note(e)])
        volume = figures.get("search/hypervolume")
        tail = f"  hv {volume:.3f}" if volume is not None else ""
        return f"{head} {values}{tail}{'  [' + ', '.join(notes) + ']' if notes else ''}"

    def _table(self, line: str, front: Sequence[Evaluation]) -> Any:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table(title="Front so far", title_justify="left")
        for column in ("trial", "method", *(o.title for o in self._objectives)):
            table.add_column(column, justify="right")
        ranked = sorted(front, key=lambda e: tuple(o.loss(e) for o in self._objectives) if e.metrics else ())
        for e in ranked[:_SHOWN]:
            cells = [format_value(o.value(e)) for o in self._objectives] if e.metrics else ["-"]
            table.add_row(str(e.number), e.method, *cells)
        return Group(Text(line), table)

    def summary(self, result: StudyResult, reference: Reference) -> None:
        """Say what came out, beside the float model on the same split, and the next commands."""
        from ..analysis.against_float import against_float, knee_note, knee_warning
        from ..trials.front import PICKS, pick

        counts = {
            s: sum(e.status == s for e in result.evaluations) for s in ("complete", "infeasible", "failed")
        }
        _log.info(
            f"{len(result.evaluations)} trials: {counts['complete']} scored, {counts['infeasible']} stopped "
            f"before scoring by a resource limit, {counts['failed']} failed; {len(result.front)} on the "
            "front."
        )
        if not result.feasible:
            _log.info("No candidate meets every constraint; the nearest ones are in the report.")
            return
        label, tested = reference.metric.label, reference.float_scores.get("test")
        before = f"{reference.float_score:.4f} on validation data"
        _log.info(
            f"Float model: {label} {before if tested is None else f'{tested:.4f} on test data, {before}'}."
        )
        for how in PICKS:
            e = pick(result.evaluations, reference.objectives, how, floor=reference.knee_floor)
            now = against_float(reference, e)
            values = "  ".join(
                f"{o.label} {format_value(o.value(e))}" for o in reference.objectives if not o.is_metric
            )
            gap = f"{now.gap}, validation {e.score:.4f}" if now.split == "test" else now.gap
            _log.info(
                f"  {how:8s} trial {e.number:4d} {e.method}  {label} {now.score:.4f} on {now.split} data "
                f"({gap})  {values}"
            )
            if how == "knee":
                warning = knee_warning(reference, e)
                _log.info(f"           {warning or f'chosen {knee_note(reference)}'}")
        for text in trial_warnings(reference, result.front):
            _log.info(f"Warning: {text}")
        calibrated = max(e.calibrated_on for e in result.evaluations)
        note = f", calibrated on {calibrated} designs" if calibrated else ""
        _log.info(f"Resources are estimates{note}; 80 % intervals are in {result.folder / 'report.html'}.")
        folder = shlex.quote(str(result.folder))
        _log.info(f"Next: bitfront export {folder} --pick knee --out best   (then: bitfront verify best)")


def format_value(value: float) -> str:
    """Return a number as tables show it: four decimals below ten, else whole with thousands."""
    return f"{value:.4f}" if abs(value) < 10 and value != int(value) else f"{value:,.0f}"
