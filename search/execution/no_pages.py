"""Dask's scheduler and workers without their web pages: these know no password, and every user of the machine
reads them.
"""

from __future__ import annotations

from typing import Any

from distributed import Scheduler, Worker


class _NoPages:
    def start_http_server(self, *_: Any, **__: Any) -> None:
        """Listen nowhere: Dask serves pages on a port even where its dashboard is off."""


class SchedulerWithoutPages(_NoPages, Scheduler):
    """Dask's scheduler, which listens for its clients and workers alone."""


class WorkerWithoutPages(_NoPages, Worker):
    """Dask's worker, which listens for its scheduler and the other workers alone."""
