"""A study as an object of a Python session: run it, look at its front, take a candidate from it.

It adds nothing to a search: `run_study` runs it, its folder holds it, and what is shown is read from there.
"""

from __future__ import annotations

import html
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bitfront.spaces import UserError

from .quiet import quiet_tensorflow

quiet_tensorflow()  # before anything here loads it: what it says there would stand in a notebook's first cell

if TYPE_CHECKING:
    import pandas

    from .analysis.view import StudyView
    from .report.figure import Figure
    from .run import StudyResult
    from .trials import Evaluation


class Study:
    """A search for the widths of a model, from its data to a bundle.

    Args:
        model: a Keras model, which counts as trained unless `model_trained=False` is among the settings; or
            what a study file may name.
        data: a mapping with x_train, y_train, x_val, y_val, x_test, y_test, of arrays whose first axis is the
            sample; or what a study file may name.
        task: binary, multiclass or regression; of outputs that differ, a mapping from each output's name.
        device: the part, or one of its aliases; the study file's default where None.
        name: the study's name, and of its folder under `output`; the model's where None.
        base_dir: the folder that files named here are relative to. Where None, the current one, or `output`
            for a study whose model and data are both objects, which can be copied with it then.
        settings: any other key of a study file: `budget={"trials": 60}`, `space={"weights": "2..8"}`.

    Raises:
        UserError: in one sentence that names the key and what is wrong with it.
    """

    def __init__(
        self,
        model: Any,
        data: Any,
        *,
        task: str | Mapping[str, str],
        device: str | Mapping[str, Any] | None = None,
        name: str | None = None,
        base_dir: str | Path | None = None,
        **settings: Any,
    ) -> None:
        from .config import StudyConfig

        given = settings | {"model": model, "data": data, "task": task}
        given["name"] = _folder_name(model) if name is None else name
        if device is not None:
            given["device"] = device
        self.config = StudyConfig(**given)
        objects = not isinstance(model, str | Path) and not isinstance(data, str | Path)
        own = Path(self.config.output) if objects else Path.cwd()
        self._base_dir = own if base_dir is None else Path(base_dir)

    @property
    def folder(self) -> Path:
        """The study's folder, which `bitfront report` and the other commands take too."""
        return Path(self.config.output) / self.config.name

    def run(
        self,
        *,
        trials: int | None = None,
        wall: float | None = None,
        fresh: bool = False,
        progress: bool = True,
    ) -> StudyResult:
        """Run the study, or go on with it; return when its budget is spent, or when it is interrupted.

        A model and arrays in memory are written to `output`/.inputs, so that the study exports, and goes on,
        in another session and on workers too.

        Args:
            trials: other number of trials than the study's budget.
            wall: other wall-clock budget than the study's, in seconds.
            fresh: begin anew; the old folder is kept beside it, numbered.
            progress: show a bar in a notebook, and what the command line shows elsewhere.

        Raises:
            UserError: for anything in the study, the model or the data that can't be used, and when the
                folder holds a study with other settings, model or data.
        """
        from rich.console import Console

        from .inputs import with_inputs_kept
        from .run import run_study

        bar = _Bar(trials or self.config.budget.trials) if progress and _in_notebook() else None
        return run_study(
            with_inputs_kept(self.config, self._base_dir),
            self._base_dir,
            trials=trials,
            wall=wall,
            fresh=fresh,
            console=Console() if progress and bar is None else None,
            watch=bar,
        )

    @property
    def front(self) -> pandas.DataFrame:
        """The front, best metric first, a row a candidate by its trial number.

        `score` is the metric on validation data, `test` on test data where a finished run looked at it;
        resources are in the units that their names end in, and counts elsewhere.

        Raises:
            UserError: when no trial has finished.
        """
        import pandas

        from .quantities import QUANTITIES

        view = self._view()
        ranked = sorted(
            view.front, key=lambda e: tuple(o.loss(e) for o in view.objectives) if e.metrics else ()
        )
        keys = [q.key for q in QUANTITIES.values() if any(q.key in e.resources for e in ranked)]
        scores = [key for key in ("score", "test") if any(key in e.metrics for e in ranked)]
        rows = [
            {"trial": e.number, "kind": e.kind, "method": e.method, "feasible": e.feasible}
            | {key: e.metrics.get(key) for key in scores}
            | {key: e.resources.get(key) for key in keys}
            for e in ranked
        ]
        return pandas.DataFrame(rows).set_index("trial")

    @property
    def best(self) -> PickedCandidate:
        """The candidate with the best metric on validation data within the limits.

        Raises:
            NothingFeasible: when none meets the limits.
        """
        return self.pick("best")

    def pick(self, how: str | int = "knee") -> PickedCandidate:
        """Return one candidate: knee, best, smallest, a trial's number, or limits such as `lut<5000`.

        Raises:
            UserError: when no trial has finished, or none is meant.
            NothingFeasible: when none meets the limits.
        """
        from .trials import pick

        view = self._view()
        reference = view.reference
        chosen = pick(
            list(view.evaluations), view.objectives, str(how), reference.metric, floor=reference.knee_floor
        )
        return PickedCandidate(chosen, self.folder, reference.metric.label)

    def plot(self, cost: str | None = None) -> Figure:
        """Return the figure of the metric against a cost: a notebook shows it, its `write` makes files.

        Args:
            cost: one of the objectives; the first that isn't the metric where None.

        Raises:
            UserError: when no trial has a score, or the cost is no objective of the study.
        """
        from .report.charts import scatter

        view = self._view()
        if not view.scored:
            raise UserError(
                f"{self.folder} has no scored trial to plot: relax the limits, or run more trials."
            )
        by_name = {objective.name: objective for objective in view.costs}
        name = view.costs[0].name if cost is None else cost
        if name not in by_name:
            raise UserError(
                f"{name!r} is no cost that the study searched: choose one of {', '.join(by_name)}."
            )
        return scatter(view, by_name[name])

    def _view(self) -> StudyView:
        from .analysis.view import StudyView

        if not (self.folder / "reference.json").is_file():
            raise UserError(f"The study {self.config.name} has not run yet: call run() first.")
        return StudyView.read(self.folder)

    def __repr__(self) -> str:
        return f"Study({self.config.name!r}, folder={str(self.folder)!r})"

    def _repr_html_(self) -> str:
        """Return the front as a table, or that nothing has run, as a notebook shows it."""
        title = f"<p><b>{html.escape(self.config.name)}</b>"
        try:
            view, front = self._view(), self.front
        except UserError as error:
            return f"{title}: {html.escape(str(error))}</p>"
        metric = f"{view.metric_name} of the float model {view.reference.float_score:.4f}"
        return (
            f"{title}: {len(view.evaluations)} trials, {len(front)} on the front; {html.escape(metric)} on "
            f"validation data.</p>{front.to_html(float_format='{:.5g}'.format)}"
        )


@dataclass(frozen=True)
class PickedCandidate:
    """One candidate of a study: what it scored, what it costs, and the way to its bundle."""

    evaluation: Evaluation
    """All that is known of it."""
    folder: Path
    """The study's folder."""
    metric: str
    """The metric's name, as figures show it."""

    @property
    def number(self) -> int:
        """Trial number in the study, from 0."""
        return self.evaluation.number

    @property
    def score(self) -> float:
        """The metric on validation data."""
        return self.evaluation.score

    @property
    def resources(self) -> Mapping[str, float]:
        """What it costs, by the keys of `quantities.QUANTITIES`."""
        return self.evaluation.resources

    @property
    def precision(self) -> Mapping[str, str]:
        """Type of each tensor in network order: `{"lstm/weight": "fixed<8,3,RND_CONV,SAT>"}`."""
        return self.evaluation.precision

    def export(self, path: str | Path) -> Path:
        """Write the candidate's bundle to a new folder and return it; the firmware is checked on the way.

        Raises:
            UserError: when `path` is in use.
            BuildError: when hls4ml or g++ fails, or the firmware differs from the bit-true model.
            ToolMissing: when g++ is not installed.
        """
        from .bundle import export_bundle

        return export_bundle(self.folder, str(self.number), Path(path))

    def _repr_html_(self) -> str:
        """Return score, costs and types as a notebook shows them."""
        from .quantities import QUANTITIES

        known = {q.key: q for q in QUANTITIES.values()}
        costs = [(known[k].title, known[k].number(v)) for k, v in self.resources.items() if k in known]
        rows = [(f"{self.metric} (validation)", f"{self.score:.4f}"), *costs, *self.precision.items()]
        body = "".join(f"<tr><th>{html.escape(a)}</th><td>{html.escape(b)}</td></tr>" for a, b in rows)
        return f"<p><b>Trial {self.number}</b>, {self.evaluation.method}</p><table>{body}</table>"


class _Bar:
    """A bar in a notebook's cell, drawn anew after each trial: hundreds of lines would hide what follows."""

    def __init__(self, trials: int | None) -> None:
        self._trials, self._began = trials, time.monotonic()
        self._handle: Any = None

    def __call__(self, evaluation: Evaluation, front: Sequence[Evaluation]) -> None:
        from IPython.display import HTML, display

        drawn = HTML(
            bar_html(evaluation.number + 1, self._trials, time.monotonic() - self._began, len(front))
        )
        if self._handle is None:
            self._handle = display(drawn, display_id=True)
        else:
            self._handle.update(drawn)


def bar_html(done: int, trials: int | None, seconds: float, front: int) -> str:
    """Return a bar with its caption: trials so far, of how many where that is known, and seconds."""
    of = "" if trials is None else f" of {trials}"
    value = "" if trials is None else f' max="{trials}" value="{min(done, trials)}"'
    return f"<progress{value}></progress> trial {done}{of}, {front} on the front, {seconds:.0f} s"


def _in_notebook() -> bool:
    """Whether this session is a notebook's kernel, which alone has one."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


def _folder_name(model: Any) -> str:
    """Return a folder's name for a model: its own, or that of its file, with '-' for what can't be in one."""
    name = getattr(model, "name", None) or (Path(model).stem if isinstance(model, str | Path) else "study")
    return re.sub(r"[^A-Za-z0-9._-]+", "-", str(name)).strip("-._")[:100] or "study"
