"""Studies in a database: several launchers share one, and a server that goes away loses nothing."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from small_study import results, run, start, write

from bitfront.experiments.benchmarks.postgres import PostgresServer, postgres_folder
from bitfront.search import load_study, read_evaluations
from bitfront.search.storage.locks import Presence, locked
from bitfront.spaces import UserError

needs_postgres = pytest.mark.skipif(
    postgres_folder() is None, reason="PostgreSQL isn't installed (Debian: postgresql)"
)


@pytest.fixture(scope="module")
def server():
    with PostgresServer() as running:
        yield running


@needs_postgres
def test_launchers_share_a_study_on_postgresql_while_the_server_restarts(server, tmp_path):
    """Two launchers and a crash of the server: each trial is there once, and no file or line holds the
    password.
    """
    file = write(tmp_path, study=f"storage: {server.url}\n")
    folder = tmp_path / "studies" / "small"
    launchers = [start(file, "--trials", "24", "--set", "training.epochs=40") for _ in range(2)]
    while len({trial.user_attrs.get("launcher") for trial in trials(server.url)} - {None}) < 2:
        assert all(one.poll() is None for one in launchers), [one.communicate()[0] for one in launchers]
        time.sleep(0.2)
    with server.away():
        time.sleep(2)
    outputs = [one.communicate(timeout=300)[0] for one in launchers]

    assert [one.returncode for one in launchers] == [0, 0], outputs
    found = {e.number: e for e in read_evaluations(folder)}
    assert sorted(found) == list(range(24))
    assert [t.number for t in trials(server.url)] == list(range(24))
    assert {t.state.name for t in trials(server.url)} <= {"COMPLETE", "PRUNED"}
    password = server.url.split(":")[2].split("@")[0]
    assert not any(password in text for text in outputs)
    kept = [path for path in folder.rglob("*") if path.is_file() and password.encode() in path.read_bytes()]
    assert kept == []


def trials(url: str) -> list:
    """Return the trials of the database's only study, none where it has none yet."""
    import optuna

    storage = optuna.storages.RDBStorage(url.replace("://", "+psycopg://"))
    try:
        return [t for study in storage.get_all_studies() for t in storage.get_all_trials(study._study_id)]
    finally:  # the server has a hundred connections, and a slow machine asks here more often than that
        storage.engine.dispose()


def test_a_study_moves_to_another_storage_with_its_trials(tmp_path):
    """The folder is the record: a database that knows nothing of a study is told what the folder holds."""
    file = write(tmp_path)
    before = run(file, trials=8)
    after = run(file, f"storage=sqlite:///{tmp_path / 'optuna.db'}", trials=10)

    assert {n: row for n, row in results(after).items() if n < 8} == results(before)
    assert sorted(after) == list(range(10))


def test_a_storage_that_cannot_be_reached_is_named_without_its_password(tmp_path):
    """One sentence names the database; the password is not in it."""
    file = write(tmp_path)
    with pytest.raises(
        UserError, match=r"storage postgresql://\*\*\*@127.0.0.1:9/x can't be opened"
    ) as caught:
        run(file, "storage=postgresql://me:geheim@127.0.0.1:9/x", trials=1)
    assert "geheim" not in str(caught.value)
    with pytest.raises(UserError, match="isn't journal"):
        load_study(file, ["storage=ftp://me:geheim@host/x"])


def test_a_second_launcher_on_a_journal_is_refused(tmp_path):
    """Two launchers share a study through a database alone, and none keeps a folder from later ones when it
    ends.
    """
    with locked(tmp_path), pytest.raises(UserError, match="being run by another process"), locked(tmp_path):
        pass
    refused = pytest.raises(UserError, match="being run by another process")
    with locked(tmp_path, shared=True), locked(tmp_path, shared=True), refused, locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


def test_a_launcher_that_is_gone_is_known_to_be(tmp_path):
    """Its sign is a lock, which the kernel frees however the process ends."""
    mine = Presence(tmp_path)
    code = f"""
import os, sys
from pathlib import Path
from bitfront.search.storage.locks import Presence
other = Presence(Path({str(tmp_path)!r}))
print(other.name, flush=True)
sys.stdin.read()
os.abort()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        name = other.stdout.readline().strip()
        assert mine.lives(name)
        other.kill()
        other.wait()
        assert not mine.lives(name)
    assert mine.lives(mine.name)
    assert not mine.lives("host-1-00000000")
