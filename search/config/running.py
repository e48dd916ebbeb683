"""The sections of a study file that say where and within which bounds candidates are evaluated.

None of them shapes a result: a study goes on under other ones.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from .base import Section, at
from .fields import Bytes, Duration, Integer

JOB_QUEUES = ("slurm", "htcondor", "lsf")
"""Batch systems that dask_jobqueue submits worker jobs to."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class TlsConfig(Section):
    """Certificates for a Dask cluster that is reached over TLS; Dask's own configuration serves as well."""

    ca: str = Field(
        description="file of the authority that signed the certificates, PEM", examples=["dask-ca.pem"]
    )
    cert: str = Field(description="file of this side's certificate, PEM", examples=["dask-cert.pem"])
    key: str = Field(description="file of its private key, PEM", examples=["dask-key.pem"])


class ClusterConfig(Section):
    """Where candidates are evaluated: in the launcher's process, or by workers of a Dask cluster."""

    kind: Literal["local", "slurm", "htcondor", "lsf", "kubernetes"] = Field(
        default="local",
        description="what starts the workers: local starts processes on this machine; slurm, htcondor and "
        "lsf submit jobs (pip install 'bitfront[jobqueue]'); kubernetes asks Dask's operator (pip install "
        "'bitfront[kubernetes]')",
        examples=["slurm"],
    )
    workers: Integer = Field(
        default=0,
        ge=0,
        le=10_000,
        description="number of workers, each of which evaluates one candidate at a time; 0 evaluates in the "
        "launcher's own process, where a candidate that crashes or hangs stops the search until it is run "
        "again",
        examples=[4],
    )
    scheduler: str | None = Field(
        default=None,
        description="address of a Dask scheduler that runs already; its workers are used, as they come and "
        "go",
        examples=["tcp://10.0.0.5:8786"],
    )
    threads: Integer | None = Field(
        default=None,
        ge=1,
        description="CPU threads of TensorFlow a worker; without it, this machine's cores divided among "
        "local workers, and TensorFlow's choice elsewhere",
        examples=[2],
    )
    memory: Bytes | None = Field(
        default=None,
        description="memory a worker may use (MiB, GiB) before it is restarted and its candidate counts as "
        "an attempt; without it, an equal share of nine tenths of this machine's, at least 2 GiB",
        examples=["4GiB"],
    )
    host: str = Field(
        default="127.0.0.1",
        description="address that the scheduler started here listens on; jobs on other machines can't reach "
        "the default",
        examples=["10.0.0.5"],
    )
    tls: TlsConfig | None = Field(
        default=None,
        description="certificates {ca, cert, key}, in place of those that a run makes for the workers it "
        "starts; nothing unencrypted is accepted",
        examples=["{ca: ca.pem, cert: cert.pem, key: key.pem}"],
    )
    options: dict[str, Any] = Field(
        default_factory=dict,
        description="further arguments of dask_jobqueue's SLURMCluster, HTCondorCluster or LSFCluster "
        "(queue, account, walltime, job_extra_directives, ...) or of dask_kubernetes' KubeCluster (image, "
        "namespace, ...)",
        examples=['{queue: short, walltime: "02:00:00"}'],
    )

    @model_validator(mode="after")
    def _consistent(self) -> ClusterConfig:
        if self.scheduler is not None and "://" not in self.scheduler:
            raise at(
                "cluster.scheduler",
                f"= {self.scheduler!r} is no address: write tcp:// or tls://, host and port",
            )
        if self.scheduler is None and self.kind != "local" and not self.workers:
            raise at("cluster.workers", f"is 0: say how many {self.kind} jobs evaluate candidates")
        if self.scheduler is None and self.kind in JOB_QUEUES and self.host in LOOPBACK:
            raise at(
                "cluster.host",
                f"= {self.host!r} can't be reached by {self.kind} jobs: give this machine's address in the "
                f"cluster",
            )
        if self.options and (self.kind == "local" or self.scheduler is not None):
            raise at("cluster.options", f"are for {', '.join(JOB_QUEUES)} and kubernetes: leave them out")
        return self

    @property
    def distributed(self) -> bool:
        """Whether workers evaluate, rather than the launcher's own process."""
        return self.scheduler is not None or self.workers > 0


class TrialConfig(Section):
    """What one candidate may take before it counts as failed, with its reason, and the search goes on."""

    wall: Duration = Field(
        default=3600.0,
        description="longest wall-clock time of one candidate (s, m, h); a worker that is over it is "
        "restarted",
        examples=["10m"],
    )
    attempts: Integer = Field(
        default=3,
        ge=1,
        le=100,
        description="how often a candidate is tried whose evaluation ends its process",
        examples=[2],
    )
