"""A PostgreSQL server of one's own on loopback, from Debian's package, for tests and benchmarks."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

_USER = "postgres"
"""Debian's user for the server, which refuses to run as root."""


def postgres_folder() -> Path | None:
    """Return the folder of the newest server's programs; None where none is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda one: int(one.parts[-3]))
    on_path = shutil.which("initdb")
    if found:
        return found[-1].parent
    return Path(on_path).resolve().parent if on_path else None


class PostgresServer:
    """A server that listens on 127.0.0.1 alone, with a password; made and removed with its context.

    Attributes:
        url: of its database, password included.
    """

    def __init__(self) -> None:
        programs = postgres_folder()
        if programs is None:
            raise FileNotFoundError("initdb")
        self._programs = programs
        self._place = Path(tempfile.mkdtemp(prefix="bitfront-postgres-"))
        self._password = secrets.token_hex(8)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.url = f"postgresql://bitfront:{self._password}@127.0.0.1:{self._port}/postgres"

    def __enter__(self) -> PostgresServer:
        word = self._place / "password"
        word.write_text(self._password)
        if os.geteuid() == 0:
            owner = pwd.getpwnam(_USER)
            for path in (self._place, word):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        self._run("initdb", "-U", "bitfront", "-A", "scram-sha-256", f"--pwfile={word}", "-D", self._data)
        self._run("pg_ctl", *self._start)
        return self

    def __exit__(self, *reason: object) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "-D", self._data, "-m", "immediate", "stop")
        shutil.rmtree(self._place, ignore_errors=True)

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Stop the server at once, as a crash would, for the length of the block."""
        self._run("pg_ctl", "-D", self._data, "-m", "immediate", "stop")
        yield
        self._run("pg_ctl", *self._start)

    @property
    def _data(self) -> str:
        return str(self._place / "data")

    @property
    def _start(self) -> list[str]:
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        return ["-D", self._data, "-w", "-l", str(self._place / "log"), "-o", options, "start"]

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", _USER, "--", *command]
        # a pipe would stay open in the server that pg_ctl leaves behind
        subprocess.run(
            command,
            check=True,
            cwd=self._place,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=120,
        )
