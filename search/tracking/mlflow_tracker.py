"""Studies in MLflow: one parent run a study, one child run a trial.

MLflow takes seconds to import and to create a database, so both wait until a study starts. Everything of a
run goes in one `log_batch`, 20 times cheaper than a call each (600 ms a trial otherwise).
"""

from __future__ import annotations

import getpass
import logging
import os
import re
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config.secrets import redact, shown
from ..measurements.record import SynthesisRecord
from ..trials.evaluation import Evaluation
from . import content
from .protocol import StudyRecord

_log = logging.getLogger("bitfront.tracking")

PARENT_TAG = "mlflow.parentRunId"
CHATTY = ("alembic", "mlflow", "sqlalchemy", "urllib3.connectionpool")
RETRY = 30.0
"""Seconds after which a store that failed is tried again."""
# A server that doesn't answer must not hold up the search, as MLflow's own 7 retries of 120 s would.
ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


def default_uri(output: Path) -> str:
    """Return the tracking URI of a folder of studies: a SQLite file in it."""
    return f"sqlite:///{Path(output).resolve() / 'mlflow.db'}"


@dataclass
class _Child:
    run_id: str
    digest: str
    status: str
    pareto: bool
    ended: bool


class MlflowTracker:
    """Logs a study to an MLflow tracking URI; see `Tracker` for the life of a study.

    Args:
        output: the folder of studies; it holds `mlflow.db` and `mlartifacts` unless `uri` names another
            place.
        uri: tracking URI of another store or of a server; a server keeps the artifacts where it is set up to.
        warn: called once, with one sentence, when the store fails. It is tried again now and then, and at the
            end; trials that it missed are sent when it is back, or by `sync`.
    """

    def __init__(
        self, output: Path, uri: str | None = None, *, warn: Callable[[str], None] = _log.warning
    ) -> None:
        self.output = Path(output)
        self.uri = uri or default_uri(self.output)
        self._warn = warn
        self._broken = False
        self._again = 0.0
        self._missed: deque[Callable[[], None]] = deque()
        self._client: Any = None
        self._study: StudyRecord | None = None
        self._experiment = ""
        self._parent = ""
        self._last_step = -1
        self._children: dict[int, _Child] = {}

    @property
    def parent_run_id(self) -> str | None:
        """Id of the study's run; None before `start`, and where the store failed."""
        return self._parent or None

    @property
    def failed(self) -> bool:
        """Whether the store failed, so that runs are missing from it."""
        return self._broken

    def start(self, study: StudyRecord) -> None:
        """Open the parent run, or reopen the one with the same `study_id`, and learn which trials it has."""
        self._study = study
        self._attempt(lambda: self._start(study))

    def trial(self, evaluation: Evaluation) -> None:
        """Log one finished trial as a child run, unless it is there already.

        A run that an interruption left half-written, or that holds another candidate of the same number, is
        deleted and written anew.
        """
        self._attempt(lambda: self._trial(evaluation), keep=True)

    def progress(self, step: int, values: Mapping[str, float]) -> None:
        """Log figures of the study on the parent run at `step`, unless that step was logged before."""
        self._attempt(lambda: self._progress(step, values))

    def synthesis(self, record: SynthesisRecord) -> None:
        """Add to a trial's run what a synthesis measured, its reports and its log, unless they are there."""
        self._attempt(lambda: self._synthesis(record), keep=True)

    def finish(self, front: Sequence[int], artifacts: Sequence[Path]) -> None:
        """Bring the `pareto` tags up to date, keep `artifacts` and `study.yaml` on the parent, and end it."""
        self._again = 0.0
        self._attempt(lambda: self._finish(front, artifacts))

    def _attempt(self, action: Callable[[], None], *, keep: bool = False) -> None:
        """Run `action`; when the store fails, say so once, and `keep` the action for when it is back."""
        if self._broken and time.monotonic() < self._again:
            if keep:
                self._missed.append(action)
            return
        try:
            client_class()
            with quiet():
                if self._broken:
                    self._catch_up()
                action()
        except Exception as error:  # whatever a store, a driver or a server throws, the search goes on
            if keep:
                self._missed.append(action)
            self._again = time.monotonic() + RETRY
            if self._broken:
                return
            self._broken = True
            _log.debug("MLflow failed with %s", type(error).__name__)
            self._warn(
                f"MLflow at {shown(self.uri)} failed ({first_line(error)}): the search goes on without it "
                "and `bitfront sync` will send what is missing."
            )

    def _catch_up(self) -> None:
        """Begin again with a store that failed before, and send what it missed."""
        assert self._study is not None, "start() comes first"
        self._start(self._study)
        while self._missed:
            self._missed[0]()
            self._missed.popleft()
        self._broken = False

    def _start(self, study: StudyRecord) -> None:
        self._study = study
        if self.uri.startswith("sqlite:///"):
            Path(self.uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        self._client = client_class()(tracking_uri=self.uri)
        self._experiment = self._open_experiment(study.experiment)
        parents = self._runs(
            f"tags.`bitfront.study_id` = '{study.study_id}' AND tags.`bitfront.role` = 'study'"
        )
        run = next(parents, None)
        present: Mapping[str, str] = run.data.params if run is not None else {}
        if run is None:
            tags = {"bitfront.study_id": study.study_id, "bitfront.role": "study", **_context_tags()}
            tags["mlflow.note.content"] = content.note(study.params)
            run = self._client.create_run(self._experiment, run_name=study.name, tags=tags)
        self._parent = run.info.run_id
        if run.info.status != "RUNNING":
            self._client.update_run(self._parent, status="RUNNING")
        params = {content.clean_name(k): str(v)[: content.MAX_VALUE] for k, v in study.params.items()}
        # A param is written once for ever; what changed since, a larger budget say, becomes a tag.
        changed = {f"changed.{k}": v[: content.MAX_TAG] for k, v in params.items() if present.get(k, v) != v}
        self._log(
            self._parent, {k: v for k, v in params.items() if k not in present}, [], {**study.tags, **changed}
        )
        self._last_step = self._steps_logged(run)
        self._children = {}
        for child in self._runs(f"tags.`{PARENT_TAG}` = '{self._parent}'"):
            tags = child.data.tags
            if "bitfront.trial" in tags:
                self._children[int(tags["bitfront.trial"])] = _Child(
                    child.info.run_id,
                    tags.get("bitfront.digest", ""),
                    tags.get("status", ""),
                    tags.get("pareto") == "true",
                    child.info.status in {"FINISHED", "FAILED"},
                )

    def _open_experiment(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            if found.lifecycle_stage != "active":
                self._client.restore_experiment(found.experiment_id)
            return str(found.experiment_id)
        local = self.uri.startswith("sqlite:")
        folder = self.output.resolve() / "mlartifacts" / re.sub(r"[^\w\-.]+", "_", name)
        location = folder.as_uri() if local else None
        # without its kind, MLflow 3.17 shows an experiment as one on language models
        kind = {"mlflow.experimentKind": "custom_model_development"}
        return str(self._client.create_experiment(name, artifact_location=location, tags=kind))

    def _runs(self, condition: str) -> Iterator[Any]:
        token = None
        while True:
            page = self._client.search_runs([self._experiment], condition, max_results=1000, page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    def _steps_logged(self, run: Any) -> int:
        history = self._client.get_metric_history
        steps = [metric.step for key in run.data.metrics for metric in history(run.info.run_id, key)]
        return max(steps, default=-1)

    def _trial(self, evaluation: Evaluation) -> None:
        assert self._study is not None, "start() comes first"
        known = self._children.get(evaluation.number)
        if known is not None:
            if known.ended and (known.digest, known.status) == (evaluation.digest, evaluation.status):
                return
            self._client.delete_run(known.run_id)
        from mlflow.entities import Metric

        # Under a parent-less start a crash would leave an orphan: the tags go in with the run itself.
        tags = (
            content.run_tags(evaluation, self._study.study_id) | {PARENT_TAG: self._parent} | _context_tags()
        )
        started = _now() - int(1000 * sum(evaluation.seconds.values()))
        run = self._client.create_run(
            self._experiment, start_time=started, tags=tags, run_name=content.run_name(evaluation)
        )
        run_id = run.info.run_id
        now = _now()
        metrics = [
            Metric(key, float(value), now, 0) for key, value in content.run_metrics(evaluation).items()
        ]
        metrics += [Metric(key, value, now, epoch) for key, value, epoch in content.run_curves(evaluation)]
        self._log(run_id, content.run_params(evaluation), metrics, {})
        with tempfile.TemporaryDirectory(prefix="bitfront-") as folder:
            content.gather_files(evaluation, self._study.folder, Path(folder))
            if any(Path(folder).iterdir()):
                self._client.log_artifacts(run_id, folder)
        status = "FAILED" if evaluation.status == "failed" else "FINISHED"
        self._client.set_terminated(run_id, status)
        self._children[evaluation.number] = _Child(run_id, evaluation.digest, evaluation.status, False, True)

    def _synthesis(self, record: SynthesisRecord) -> None:
        child = self._children.get(record.number)
        if child is None:
            return
        from mlflow.entities import Metric

        tags = content.synthesis_tags(record)
        if next(iter(tags)) in self._client.get_run(child.run_id).data.tags:
            return
        metrics = [Metric(k, float(v), _now(), 0) for k, v in content.synthesis_metrics(record).items()]
        self._client.log_artifacts(child.run_id, str(record.folder), f"synthesis/{record.folder.name}")
        self._log(child.run_id, {}, metrics, tags)

    def _log(
        self, run_id: str, params: Mapping[str, str], metrics: Sequence[Any], tags: Mapping[str, str]
    ) -> None:
        from mlflow.entities import Param, RunTag

        rows = [Param(key, value) for key, value in params.items()]
        labels = [RunTag(key, value) for key, value in tags.items()]
        size = content.PARAMS_A_BATCH
        batches = [rows[i : i + size] for i in range(0, len(rows), size)] or [[]]
        for position, batch in enumerate(batches):
            last = position == len(batches) - 1
            self._client.log_batch(
                run_id, params=batch, metrics=metrics[:900] if last else (), tags=labels if last else ()
            )
        # a call takes 1,000 entries; only a long training has more
        for start in range(900, len(metrics), 900):
            self._client.log_batch(run_id, metrics=metrics[start : start + 900])

    def _progress(self, step: int, values: Mapping[str, float]) -> None:
        if step <= self._last_step:
            return
        from mlflow.entities import Metric

        now = _now()
        metrics = [Metric(content.clean_name(key), float(value), now, step) for key, value in values.items()]
        self._client.log_batch(self._parent, metrics=metrics)
        self._last_step = step

    def _finish(self, front: Sequence[int], artifacts: Sequence[Path]) -> None:
        assert self._study is not None, "start() comes first"
        from mlflow.entities import Metric

        members = set(front)
        for number, child in self._children.items():
            if child.pareto != (number in members):
                self._client.set_tag(child.run_id, "pareto", str(number in members).lower())
                child.pareto = number in members
        # scored when everything else of them had been logged
        for trial, score in content.test_scores(self._study.folder).items():
            run_id = self._parent if trial is None else getattr(self._children.get(trial), "run_id", None)
            key = "float/test" if trial is None else "score/test"
            if run_id and key not in self._client.get_run(run_id).data.metrics:
                self._client.log_batch(run_id, metrics=[Metric(key, score, _now(), 0)])
        for path in dict.fromkeys([self._study.folder / "study.yaml", *artifacts]):
            if path.is_file():
                self._client.log_artifact(self._parent, str(path))
        numbers = ",".join(str(number) for number in sorted(members))
        self._client.set_tag(self._parent, "bitfront.front", numbers[: content.MAX_TAG])
        self._client.set_terminated(self._parent, "FINISHED")


def client_class() -> type[Any]:
    """Import MLflow (seconds), without telemetry and with short timeouts, and return its client class.

    It sets up its own logging on import, hence never within `quiet`.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    return MlflowClient


@contextmanager
def quiet() -> Iterator[None]:
    """Silence what MLflow and its libraries log meanwhile: migrations, retries, URIs with passwords."""
    before = {name: logging.getLogger(name).level for name in CHATTY}
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


def _context_tags() -> dict[str, str]:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = "unknown"
    return {"mlflow.user": user, "mlflow.source.name": "bitfront", "mlflow.source.type": "LOCAL"}


def _now() -> int:
    return int(time.time() * 1000)


def first_line(error: Exception) -> str:
    """Return what failed, in one line without secrets."""
    lines = redact(str(error)).strip().splitlines()
    text = lines[0] if lines else ""
    return f"{type(error).__name__}: {text[:160]}" if text else type(error).__name__
