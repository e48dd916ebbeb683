"""Opening what a study's `cluster` section describes."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bitfront.spaces import ToolMissing, UserError

from .encryption import security_of
from .job import Executor, InProcess

if TYPE_CHECKING:
    from ..config import ClusterConfig
    from ..evaluator.evaluator import Evaluator

_log = logging.getLogger(__name__)
_LEAST_MEMORY = 2 << 30
"""Bytes: TensorFlow with a small network takes some 700 MB."""
STARTS = 3
"""Times that a local cluster is started before its failure is told."""
_QUEUES = {
    "slurm": ("SLURMCluster", "sbatch"),
    "htcondor": ("HTCondorCluster", "condor_submit"),
    "lsf": ("LSFCluster", "bsub"),
}
"""dask_jobqueue's class, and the program that it submits with."""


def open_executor(evaluator: Evaluator, study_dir: Path) -> Executor:
    """Return who evaluates the study's candidates; a cluster's workers may still be starting.

    Raises:
        UserError: when a scheduler can't be reached or a cluster can't be started.
        ToolMissing: when the package that starts such a cluster isn't installed.
    """
    config = evaluator.problem.config
    if not config.cluster.distributed:
        return InProcess(evaluator, config.trial.wall)
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what goes wrong is said in a sentence
    from distributed import Client

    from .dask_executor import DaskExecutor
    from .worker import Parcel

    cluster = config.cluster
    threads = cluster.threads
    if threads is None and cluster.scheduler is None and cluster.kind == "local":
        threads = max(1, (os.cpu_count() or 1) // cluster.workers)
    key = f"{config.name}-{uuid.uuid4().hex[:8]}"
    security = security_of(cluster)
    started: Any = None
    if cluster.scheduler is None:
        started = start_cluster(cluster, threads, security, attempts=config.trial.attempts, shared=study_dir)
    try:
        client = Client(
            started if started is not None else cluster.scheduler, security=security, timeout="20s"
        )
        executor = DaskExecutor(
            client,
            Parcel.of(key, evaluator, study_dir, threads=threads),
            attempts=config.trial.attempts,
            close=started.close if started is not None else lambda: None,
        )
    except (OSError, TimeoutError, ValueError, TypeError) as error:
        if started is not None:
            with contextlib.suppress(Exception):
                started.close()
        raise UserError(
            f"The Dask scheduler at {cluster.scheduler or started.scheduler_address} can't be used "
            f"({type(error).__name__}: {str(error).splitlines()[0][:200]}): see that it runs, and its "
            f"address and certificates."
        ) from None
    where = (
        f"{cluster.workers} {cluster.kind} workers"
        if started is not None
        else f"the workers of {cluster.scheduler}"
    )
    _log.info(f"Candidates are evaluated by {where}.")
    return executor


def start_cluster(
    config: ClusterConfig, threads: int | None, security: Any, *, attempts: int, shared: Path = Path()
) -> Any:
    """Start the scheduler and the workers that a `cluster` section asks for; return Dask's cluster.

    `shared` is a folder that jobs of a batch system reach; certificates that are made for this run are handed
    to them in it, in files that their owner alone reads.

    Raises:
        UserError: when Dask refuses the arguments.
        ToolMissing: when the package for this kind of cluster isn't installed.
    """
    import dask

    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    if threads:
        environment |= {"TF_NUM_INTRAOP_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    # allowed-failures are deaths after which a task is tried once more; TensorFlow reads its variables once
    dask.config.set(
        {
            "distributed.scheduler.allowed-failures": attempts - 1,
            "distributed.nanny.pre-spawn-environ": environment,
        }
    )
    try:
        if config.kind == "local":
            return _local(config, security)
        if config.kind == "kubernetes":
            return _kubernetes(config, environment)
        return _job_queue(config, environment, threads, security, shared)
    except ImportError as error:
        extra = "kubernetes" if config.kind == "kubernetes" else "jobqueue"
        raise ToolMissing(
            f"cluster.kind {config.kind} needs {error.name}: pip install 'bitfront[{extra}]'."
        ) from None
    except (ValueError, TypeError, OSError, RuntimeError) as error:
        raise UserError(f"cluster: Dask can't start it ({str(error).splitlines()[0][:300]}).") from None


def _local(config: ClusterConfig, security: Any) -> Any:
    from distributed import Nanny, SpecCluster

    from .no_pages import SchedulerWithoutPages, WorkerWithoutPages

    # what distributed.LocalCluster makes, but for the pages
    both = {"host": config.host, "protocol": "tls://", "security": security}
    worker = {
        "cls": Nanny,
        "options": both
        | {
            "nthreads": 1,
            "memory_limit": config.memory or _memory_share(config.workers),
            "silence_logs": logging.CRITICAL,
            "worker_class": WorkerWithoutPages,
        },
    }
    start = functools.partial(
        SpecCluster,
        scheduler={"cls": SchedulerWithoutPages, "options": both | {"port": 0, "dashboard": False}},
        workers=dict.fromkeys(range(config.workers), worker),
        worker=worker,
        security=security,
        silence_logs=logging.CRITICAL,
        name="bitfront",
    )
    for _ in range(STARTS - 1):
        # a worker that is killed, by a machine short of memory say, while it starts makes Dask give up all of
        # them
        with contextlib.suppress(RuntimeError):
            return start()
    return start()


def _job_queue(
    config: ClusterConfig, environment: dict[str, str], threads: int | None, security: Any, shared: Path
) -> Any:
    import dask_jobqueue

    name, program = _QUEUES[config.kind]
    if shutil.which(program) is None:
        raise ToolMissing(
            f"cluster.kind {config.kind} submits jobs with {program}, which isn't on PATH: run this where it "
            f"is."
        )
    cluster = getattr(dask_jobqueue, name)(**job_options(config, environment, threads, security, shared))
    cluster.scale(jobs=config.workers)
    return cluster


def job_options(
    config: ClusterConfig,
    environment: dict[str, str],
    threads: int | None,
    security: Any = None,
    shared: Path = Path(),
) -> dict[str, Any]:
    """Return the arguments of dask_jobqueue's class for a `cluster` section; the user's own come last."""
    from .no_pages import SchedulerWithoutPages

    tls = {"security": security, "protocol": "tls://", "shared_temp_directory": str(shared.resolve())}
    # `dask worker` has no switch that keeps it from listening: its port answers nothing then
    environment = environment | {"DASK_DISTRIBUTED__WORKER__HTTP__ROUTES": "[]"}
    options = {
        # Dask's threads: a worker holds one candidate at a time, TensorFlow has threads of its own
        "cores": 1,
        "processes": 1,
        "memory": config.memory or _LEAST_MEMORY * 2,
        "job_script_prologue": [f"export {key}={value}" for key, value in environment.items()],
        "scheduler_options": {"host": config.host, "dashboard": False},
        "scheduler_cls": SchedulerWithoutPages,
        "worker_extra_args": ["--no-dashboard"],
        **(tls if security is not None else {}),
        **({"job_cpu": threads} if threads and config.kind == "slurm" else {}),
        **({"ncpus": threads} if threads and config.kind == "lsf" else {}),
    }
    return options | config.options


def _kubernetes(config: ClusterConfig, environment: dict[str, str]) -> Any:
    from dask_kubernetes.operator import KubeCluster

    command = ["dask", "worker", "--nthreads", "1", "--no-dashboard"]
    options = {"name": "bitfront", "n_workers": config.workers, "env": environment, "worker_command": command}
    return KubeCluster(**(options | config.options))


def _memory_share(workers: int) -> int:
    """Return the bytes each of so many local workers may use, the launcher having a share too."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(_LEAST_MEMORY, int(0.9 * total / (workers + 1)))
