"""Workers evaluate what the launcher asks for, come and go, and what goes wrong on them is an outcome."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
import time

import psutil
import pytest
from small_study import results, run, write

from bitfront.search import read_evaluations
from bitfront.search.config import ClusterConfig
from bitfront.search.execution.encryption import security_of
from bitfront.search.execution.open import job_options, start_cluster
from bitfront.search.trials.files import trial_folder
from bitfront.spaces import ToolMissing, UserError


def workers() -> list[psutil.Process]:
    """Return the worker processes that this process started."""
    return [
        child
        for child in psutil.Process().children(recursive=True)
        if "spawn_main" in " ".join(child.cmdline())
    ]


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> dict:
    """A study evaluated in the launcher's process."""
    return run(write(tmp_path_factory.mktemp("alone")), trials=16)


def test_workers_that_are_killed_change_no_result(alone, tmp_path):
    """Two workers, one of which is killed while it works, give what one process gives; none stays, none is
    reachable.
    """
    killed = []
    listening = set()

    def kill():
        while not killed:
            found = workers()
            for one in (psutil.Process(), *found):
                with contextlib.suppress(psutil.Error):
                    places = one.net_connections("inet")
                    listening.update(c.laddr.ip for c in places if c.status == psutil.CONN_LISTEN)
            if len(list((tmp_path / "studies" / "small" / "trials").glob("*/evaluation.json"))) > 3 and found:
                os.kill(found[0].pid, signal.SIGKILL)
                killed.append(found[0].pid)
            time.sleep(0.05)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    found = run(write(tmp_path), "cluster.workers=2", trials=16)
    thread.join(timeout=5)

    assert killed
    assert listening == {"127.0.0.1"}
    assert sorted(found) == list(range(16))
    got, expected = results(found), results(alone)
    assert {n: row[:3] for n, row in got.items()} == {n: row[:3] for n, row in expected.items()}
    for number, (*_, metrics, resources) in got.items():
        assert metrics == pytest.approx(expected[number][3], abs=0.03)
        assert resources["lut"] == pytest.approx(expected[number][4]["lut"], rel=0.1)
    assert workers() == []


HANGS = """
import os, time
import numpy as np

def score(y_true, y_score):
    value = float(np.mean(y_score.argmax(-1) == y_true))
    marker = os.environ.get("BITFRONT_TEST_MARKER", "")
    if marker and os.path.exists(marker):
        what = open(marker).read()
        if what == "hang":
            os.remove(marker)
            time.sleep(600)
        if what == "die":
            os.abort()
    return value
"""


@pytest.mark.slow
def test_a_candidate_that_hangs_or_kills_its_worker_fails_with_a_reason_and_the_search_goes_on(
    tmp_path, monkeypatch
):
    """A hang ends at its time limit, a crash after its attempts; the others are scored."""
    marker = tmp_path / "marker"
    monkeypatch.setenv("BITFRONT_TEST_MARKER", str(marker))
    file = write(tmp_path, metric=HANGS)
    seen: list[str] = []

    def disturb():
        folder = tmp_path / "studies" / "small"
        for what, after in (("hang", 2), ("die", 5)):
            while len(list((folder / "trials").glob("*/evaluation.json"))) < after:
                time.sleep(0.02)
            marker.write_text(what)
            while sum(e.status == "failed" for e in read_evaluations(folder)) <= len(seen):
                time.sleep(0.05)
            marker.unlink(missing_ok=True)
            seen.append(what)

    thread = threading.Thread(target=disturb, daemon=True)
    thread.start()
    found = run(file, "cluster.workers=1", "trial.wall=4s", "trial.attempts=2", trials=12)
    thread.join(timeout=5)

    assert seen == ["hang", "die"]
    reasons = {e.number: e.reason for e in found.values() if e.status == "failed"}
    assert sorted(reason.split(":")[0] for reason in reasons.values()) == ["crash", "timeout"]
    crashed = next(n for n, reason in reasons.items() if reason.startswith("crash"))
    assert "metric.py" in (trial_folder(tmp_path / "studies" / "small", crashed) / "log.txt").read_text()
    assert sum(e.status == "complete" for e in found.values()) == 10


def test_nobody_without_the_run_s_own_certificate_speaks_to_a_local_cluster():
    """Not unencrypted, not with another certificate; its own client is served, and there are no pages."""
    from distributed import Client, Security

    config = ClusterConfig(workers=1)
    security = security_of(config)
    with start_cluster(config, 1, security, attempts=2) as cluster:
        address = cluster.scheduler_address
        assert address.startswith("tls://127.0.0.1:")
        found = cluster.scheduler_info["workers"]
        for place in (address, *found, *(one["nanny"] for one in found.values())):
            assert place.startswith("tls://127.0.0.1:")
            for stranger, where in ((None, place.replace("tls", "tcp")), (Security.temporary(), place)):
                with pytest.raises((OSError, TimeoutError)):
                    Client(where, security=stranger, timeout="2s")
        with Client(cluster, security=security) as client:
            assert client.submit(abs, -3).result(timeout=60) == 3
            assert client.run(lambda dask_worker: dask_worker.services) == {one: {} for one in found}
        assert cluster.scheduler.services == {}


def test_a_batch_job_starts_one_worker_of_one_candidate_with_the_section_s_options(tmp_path):
    """dask_jobqueue's own script for SLURM holds what the section says, and the user's options win."""
    dask_jobqueue = pytest.importorskip("dask_jobqueue")
    config = ClusterConfig(
        kind="slurm",
        workers=3,
        host="10.0.0.5",
        memory="3GiB",
        threads=2,
        options={"queue": "short", "account": "hep"},
    )
    options = job_options(
        config, {"TF_NUM_INTRAOP_THREADS": "2"}, config.threads, security_of(config), tmp_path
    )
    assert options["scheduler_options"]["host"] == "10.0.0.5"
    assert options["scheduler_options"]["dashboard"] is False
    options["scheduler_options"] = {"host": "127.0.0.1", "dashboard": False}
    with dask_jobqueue.SLURMCluster(**options) as cluster:
        script = cluster.job_script()
    for line in ("#SBATCH -p short", "#SBATCH -A hep", "#SBATCH --cpus-per-task=2", "#SBATCH --mem=3G"):
        assert line in script
    assert "export TF_NUM_INTRAOP_THREADS=2" in script
    assert "--nthreads 1" in script
    assert "--protocol tls://" in script
    assert "--no-dashboard" in script
    keys = list(tmp_path.iterdir())
    assert {key.stat().st_mode & 0o077 for key in keys} == {0}
    assert "PRIVATE KEY" in "".join(key.read_text() for key in keys)
    assert "--nworkers" not in script or "--nworkers 1" in script


def test_a_cluster_that_cannot_be_had_is_refused_in_a_sentence(tmp_path):
    """Before a model is trained: wrong sections; when it starts: a missing program."""
    with pytest.raises(UserError, match="can't be reached by slurm jobs"):
        ClusterConfig(kind="slurm", workers=2)
    with pytest.raises(UserError, match="say how many lsf jobs"):
        ClusterConfig(kind="lsf", host="10.0.0.5")
    with pytest.raises(UserError, match="is no address"):
        ClusterConfig(scheduler="10.0.0.5")
    if shutil.which("bsub") is None:
        pytest.importorskip("dask_jobqueue")
        with pytest.raises(ToolMissing, match="bsub"):
            start_cluster(ClusterConfig(kind="lsf", workers=1, host="10.0.0.5"), None, None, attempts=2)
