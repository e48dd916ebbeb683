"""Candidates on a Dask cluster: one task each, whose worker may die at any moment."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bitfront.spaces import UserError

from .job import Job, Outcome, failure, overdue
from .worker import Parcel, StudyPlugin, work

if TYPE_CHECKING:
    from distributed import Client, Future

_log = logging.getLogger(__name__)
_POLL = 1.0
"""Seconds between two looks at the clock and the cluster while nothing comes back."""
_PATIENCE = 60.0
"""Seconds without any worker after which the user is told."""
_RESTART = 60.0
"""Seconds that a nanny may take to bring a worker back."""
_TRIES = 10
"""Attempts at what a worker that dies at the wrong moment breaks."""
_GONE = "The scheduler is gone: start it, and run the same command again; what is finished is kept."


@dataclass
class _Task:
    job: Job
    future: Future
    attempts: int = 1
    worker: str = ""
    began: float | None = None
    log: str = ""


class DaskExecutor:
    """Evaluates jobs on the workers that a Dask scheduler has now.

    A worker that dies gives its job to another; after `attempts` of them the candidate is the suspect and
    fails. A candidate that takes longer than the parcel's limit fails, and its worker is restarted.

    Args:
        client: connected to the scheduler; closed by `close`, with the cluster it started.
        parcel: the study.
        attempts: how often a candidate is tried whose worker dies.
        close: ends the cluster, if it was started for this study.
    """

    shares_process = False

    def __init__(
        self,
        client: Client,
        parcel: Parcel,
        *,
        attempts: int,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self._client, self._parcel, self._attempts = client, parcel, attempts
        self._close_cluster = close
        self._tasks: dict[int, _Task] = {}
        self._done: queue.Queue[tuple[int, Future]] = queue.Queue()
        self._without_workers: float | None = time.monotonic()
        _register(client, parcel)
        client.subscribe_topic(parcel.key, self._started)

    @property
    def slots(self) -> int:
        """One a worker, and some that wait at the scheduler so that no worker waits for the launcher.

        A single worker gets no spare one: its search then equals the one without workers, trial by trial.
        """
        count = max(1, len(self._client.scheduler_info(n_workers=-1)["workers"]))
        return count if count == 1 else count + 1 + count // 10

    def submit(self, job: Job) -> None:
        """Hand a job to the scheduler."""
        self._tasks[job.number] = _Task(job, self._send(job))

    def _send(self, job: Job) -> Future:
        future = self._client.submit(
            work, self._parcel.key, job, key=f"bitfront-{job.number}-{uuid.uuid4().hex[:12]}", pure=False
        )
        future.add_done_callback(lambda done: self._done.put((job.number, done)))
        return future

    def wait(self) -> Outcome:
        """Return the next outcome, from a worker or because a worker was lost."""
        while True:
            try:
                number, future = self._done.get(timeout=_POLL)
            except queue.Empty:
                late = self._look()
                if late is not None:
                    return late
                continue
            task = self._tasks.get(number)
            if task is None or task.future is not future:
                continue  # the leftover of an attempt that was given up
            outcome = self._outcome(task)
            if outcome is not None:
                del self._tasks[number]
                return outcome

    def _outcome(self, task: _Task) -> Outcome | None:
        """Return what a finished task gave; None where it was sent out again."""
        from distributed import KilledWorker

        status = task.future.status
        if status == "finished":
            outcome = task.future.result()
            assert isinstance(outcome, Outcome)
            return outcome
        if status == "error":
            error = task.future.exception()
            if isinstance(error, KilledWorker):
                return self._crashed(task, self._attempts)
            if isinstance(error, UserError):
                raise error
            raise UserError(
                f"A worker can't evaluate ({type(error).__name__}: {str(error)[:300]}): see that it has the "
                "launcher's packages and files."
            )
        # cancelled or lost: the scheduler forgot it, when its connection broke say
        if self._client.status != "running":
            raise UserError(_GONE)
        if task.attempts >= self._attempts:
            return self._crashed(task, task.attempts)
        task.attempts += 1
        task.began = None
        task.future = self._send(task.job)
        return None

    def _crashed(self, task: _Task, times: int) -> Outcome:
        reason = (
            f"crash: its worker ended {times} times while it was evaluated (memory, or a fault in native "
            f"code)"
        )
        log = ""
        if task.log:
            with contextlib.suppress(OSError):
                log = Path(task.log).read_text(encoding="utf-8", errors="replace")
        return failure(task.job, reason, log)

    def _started(self, event: tuple[float, Any]) -> None:
        """Note that a worker has begun a job; called in the client's own thread."""
        message = event[1]
        task = self._tasks.get(message["number"])
        if task is not None:
            task.worker, task.log, task.began = message["worker"], message["log"], time.monotonic()

    def _look(self) -> Outcome | None:
        """Fail a candidate that is over its time, and say when nobody is there to work."""
        if self._client.status != "running":
            raise UserError(_GONE)
        now = time.monotonic()
        present = self._client.scheduler_info(n_workers=-1)["workers"]
        for number, task in self._tasks.items():
            if task.began is None:
                continue
            if task.worker not in present:
                task.began = None  # another worker has it, and has yet to begin
            elif now - task.began > self._parcel.wall:
                del self._tasks[number]
                task.future.cancel(force=True)
                self._restart(task.worker)
                return failure(task.job, overdue(self._parcel.wall))
        if present:
            self._without_workers = now
        elif self._without_workers is not None and now - self._without_workers > _PATIENCE:
            self._without_workers = None
            _log.info("Waiting for workers: the cluster has none at present.")
        return None

    def _restart(self, worker: str) -> None:
        """Have a worker's process ended, whose thread can't be stopped from within; its nanny starts it
        again.
        """

        def restart() -> None:
            with contextlib.suppress(Exception):  # a worker without a nanny ends itself (see `worker.GRACE`)
                self._client.restart_workers([worker], timeout=_RESTART, raise_for_error=False)

        threading.Thread(target=restart, daemon=True).start()

    def close(self) -> None:
        """Take the study off the cluster; end the cluster if it was started for it."""
        with contextlib.suppress(Exception):  # a cluster that broke has nothing to be taken off
            for task in self._tasks.values():
                task.future.cancel(force=True)
            self._client.unsubscribe_topic(self._parcel.key)
            self._client.unregister_worker_plugin(self._parcel.key)
        with contextlib.suppress(Exception):
            self._client.close()
        self._close_cluster()


def _register(client: Client, parcel: Parcel) -> None:
    """Have the scheduler give a study to its workers, and to those that join later.

    A worker that dies meanwhile breaks the call, though the scheduler has the study then.
    """
    for left in reversed(range(_TRIES)):
        try:
            client.register_plugin(StudyPlugin(parcel), name=parcel.key)
            return
        except OSError:  # Dask's broken connections are OSErrors
            if not left or client.status != "running":
                raise
            time.sleep(0.5)
