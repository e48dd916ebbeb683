"""MLflow's pages for a folder of studies, started light, on loopback, for those who have the link."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from bitfront.spaces import UserError

from .mlflow_tracker import ENVIRONMENT, PARENT_TAG, client_class, default_uri
from .token_app import PARAMETER, TOKEN

HOST = "127.0.0.1"
WORKFLOW = "workflowType=machine_learning"
"""Without it MLflow 3.17 opens its pages for language models."""
COMPARED = 20
"""Runs in a comparison: more make MLflow's page slow and its plot unreadable."""


@dataclass(frozen=True)
class StudyLinks:
    """Where one study is shown, below the server's address."""

    name: str
    run: str
    """Fragment of the parent run's page."""
    report: str
    """Fragment of the study's report, among the run's artifacts."""
    table: str
    """Fragment of the table of the front's runs."""
    compare: str | None
    """Fragment that compares the front's runs; None where the front has fewer than two."""


def links(output: Path, uri: str | None = None) -> list[StudyLinks]:
    """Return the links of every study that MLflow knows, newest first."""
    client = client_class()(tracking_uri=uri or default_uri(output))
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    found = []
    for run in client.search_runs(experiments, "tags.`bitfront.role` = 'study'", max_results=100):
        experiment, parent = run.info.experiment_id, run.info.run_id
        front = client.search_runs(
            [experiment], f"tags.`{PARENT_TAG}` = '{parent}' AND tags.pareto = 'true'", max_results=COMPARED
        )
        ids = [member.info.run_id for member in front]
        compare = None
        if len(ids) > 1:
            runs, which = quote(json.dumps(ids)), quote(json.dumps([experiment]))
            compare = f"#/compare-runs?runs={runs}&experiments={which}&{WORKFLOW}"
        page = f"#/experiments/{experiment}/runs"
        front_only = quote("tags.pareto = 'true'")
        found.append(
            StudyLinks(
                name=run.info.run_name,
                run=f"{page}/{parent}?{WORKFLOW}",
                report=f"{page}/{parent}/artifacts/report.html?{WORKFLOW}",
                table=f"{page}?searchFilter={front_only}&{WORKFLOW}",
                compare=compare,
            )
        )
    return found


def command(
    output: Path, port: int, uri: str | None = None, *, token: str | None = None
) -> tuple[list[str], dict[str, str]]:
    """Return the server's command line and environment: one worker, no job runner (0.5 GB instead of 2.4).

    With a token, it answers those alone who give it.
    """
    words = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", uri or default_uri(output)]
    words += ["--default-artifact-root", (Path(output).resolve() / "mlartifacts").as_uri()]
    words += ["--host", HOST, "--port", str(port), "--workers", "1"]
    environment = {**os.environ, **ENVIRONMENT, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    if token is not None:
        words += ["--app-name", "bitfront"]
        environment[TOKEN] = token
    return words, environment


def ui(output: Path, port: int = 5000, *, show: Callable[[str], None] = print, uri: str | None = None) -> int:
    """Serve MLflow's pages for a folder of studies until Ctrl-C, and print the links; return an exit code.

    Args:
        output: the folder of studies that holds `mlflow.db`.
        port: port on 127.0.0.1; 0 takes a free one.
        show: takes each line of output.
        uri: tracking URI of another local database; a server has pages of its own.

    Raises:
        UserError: nothing was tracked in `output` yet, the port is taken, `uri` is a server, or MLflow won't
            start.
    """
    if uri is not None and uri.startswith(("http:", "https:")):
        raise UserError("The studies are tracked on a server: open its own address in a browser.")
    if uri is None and not (Path(output) / "mlflow.db").is_file():
        raise UserError(
            f"{output} holds no mlflow.db: run a study there first, or give the folder that has one."
        )
    port = _claim(port)
    pages = links(output, uri)
    token = secrets.token_urlsafe(24)
    words, environment = command(output, port, uri, token=token)
    if threading.current_thread() is threading.main_thread():
        # a plain kill, or a terminal that is closed, must end the server too, not leave it behind
        for one in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(one) == signal.SIG_DFL:
                signal.signal(one, signal.default_int_handler)
    with subprocess.Popen(
        words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            _wait(server, port)
            base = f"http://{HOST}:{port}/?{PARAMETER}={token}"
            show(f"MLflow: {base}  (Ctrl-C ends it)")
            show("Whoever has one of these links, on this machine, can read and change the studies' runs.")
            for page in pages:
                show(f"{page.name}: {base}{page.run}")
                show(f"  its report: {base}{page.report}")
                show(f"  its front as a table: {base}{page.table}")
                if page.compare:
                    show(f"  compare its front: {base}{page.compare}")
            return server.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            server.terminate()


def _claim(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise UserError(
                f"Port {port} is taken ({error.strerror}): choose another, or 0 for a free one."
            ) from error
        return int(probe.getsockname()[1])


def _wait(server: subprocess.Popen[bytes], port: int, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if server.poll() is not None:
            raise UserError(
                f"MLflow ended with code {server.returncode} before it answered: run `mlflow ui` to see why."
            )
        with socket.socket() as probe:
            probe.settimeout(1.0)
            if probe.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.2)
    raise UserError(f"MLflow didn't answer within {seconds:.0f} s.")
