"""Faults of what surrounds a study: its disk, its folder, MLflow's server, the database's server."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from bitfront.search.tracking import ui_command

from .disturbed_run import DisturbedRun
from .postgres import PostgresServer, postgres_folder

_MIB = 1 << 20


@contextlib.contextmanager
def tmpfs(place: Path, mib: int) -> Iterator[Path]:
    """Have a file system of so many MiB at `place`.

    Raises:
        PermissionError: when this process may not mount.
    """
    place.mkdir(parents=True)
    if not _mount("-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(place)):
        raise PermissionError
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)  # noqa: S607 - wherever it is


def _mount(*arguments: str) -> bool:
    run = subprocess.run(["mount", *arguments], check=False, stderr=subprocess.DEVNULL)  # noqa: S607
    return run.returncode == 0


def disk_full(disturbed_run: DisturbedRun) -> str:
    """Fill the disk while the study runs, three times, and free it when the launcher has given up."""
    disturbed_run.output = disturbed_run.folder / "disk" / "studies"
    times = 0
    try:
        with tmpfs(disturbed_run.folder / "disk", 64):
            for share in (0.2, 0.5, 0.8):
                launcher = disturbed_run.launch()
                disturbed_run.wait_for(int(share * disturbed_run.trials), launcher)
                ballast = disturbed_run.folder / "disk" / "ballast"
                fill(ballast)
                code = launcher.wait(300)
                if code != 2 or "can't be written" not in disturbed_run.said:
                    raise RuntimeError(f"the launcher ended with {code} on a full disk")
                ballast.unlink()
                times += 1
            disturbed_run.finish()
            disturbed_run.run_log()
    except PermissionError:
        return "skipped, this user can't mount a tmpfs"
    return f"a full disk {times} times"


def fill(ballast: Path) -> None:
    """Write a file until its disk has no byte left."""
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (_MIB, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"\0" * size)


def read_only(disturbed_run: DisturbedRun) -> str:
    """Let nobody write to the study's folder while the study runs, then let them again."""
    launcher = disturbed_run.launch()
    disturbed_run.wait_for(disturbed_run.trials // 3, launcher)
    _chattr("+i", disturbed_run.study)
    if _writable(disturbed_run.study):
        _chattr("-i", disturbed_run.study)
        launcher.kill()
        return "skipped, this user or file system can't make a folder immutable"
    try:
        for moment, one in (("running", launcher), ("starting", None)):
            code = (one or disturbed_run.launch()).wait(300)
            if code != 2 or "can't be written" not in disturbed_run.said:
                raise RuntimeError(f"a launcher that was {moment} on a read-only folder ended with {code}")
    finally:
        _chattr("-i", disturbed_run.study)
    disturbed_run.finish()
    return "a read-only folder, met while running and at the start"


def _chattr(change: str, folder: Path) -> None:
    """Make all that is in a folder immutable, for root too, or undo it; files that come and go meanwhile are
    passed.
    """
    subprocess.run(["chattr", "-R", change, str(folder)], check=False, stderr=subprocess.DEVNULL)  # noqa: S607


def _writable(folder: Path) -> bool:
    probe = folder / "probe"
    try:
        probe.touch()
    except OSError:
        return False
    probe.unlink()
    return True


def mlflow_restart(disturbed_run: DisturbedRun) -> str:
    """Kill MLflow's server while the study runs, and start it again."""
    disturbed_run.output.mkdir(parents=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    disturbed_run.uri = f"http://127.0.0.1:{port}"
    with _server(disturbed_run.output, port):
        launcher = disturbed_run.launch()
        disturbed_run.wait_for(disturbed_run.trials // 3, launcher)
    disturbed_run.wait_for(disturbed_run.trials // 2, launcher)
    with _server(disturbed_run.output, port):
        code = launcher.wait(600)
        if code != 0:
            raise RuntimeError(f"the launcher ended with {code}")
        disturbed_run.finish()  # sends what was missed, where the study ended before the server was back
        disturbed_run.run_log()
    return "MLflow's server killed and started again"


@contextlib.contextmanager
def _server(output: Path, port: int) -> Iterator[None]:
    """Run MLflow's server for a folder of studies; its end is a SIGKILL of all its processes."""
    words, environment = ui_command(output, port)
    server = subprocess.Popen(
        [*words, "--serve-artifacts"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        end = time.monotonic() + 120
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, 9)
        server.wait()


def postgres_restart(disturbed_run: DisturbedRun) -> str:
    """Crash PostgreSQL under two launchers that share the study, and start it again."""
    if postgres_folder() is None:
        return "skipped, PostgreSQL isn't installed"
    with PostgresServer() as server:
        disturbed_run.storage = server.url
        launchers = [disturbed_run.launch(), disturbed_run.launch()]
        disturbed_run.wait_for(disturbed_run.trials // 4, launchers[0])
        with server.away():
            time.sleep(3)
        launchers[1].kill()
        code = launchers[0].wait(900)
        if code != 0:
            raise RuntimeError(f"the launcher that was left ended with {code}")
        disturbed_run.run_log()
    return "a crash of PostgreSQL under two launchers, one of which was killed"
