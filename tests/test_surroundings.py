"""Where a study is run: beside another launcher of it."""

from __future__ import annotations

import subprocess
import sys

import small_study

from bitfront.search.storage.locks import locked

COMMAND = [sys.executable, "-c", "from bitfront.search.cli import main; main()"]


def bitfront(*words: object) -> tuple[int, str]:
    """Run the command in a process; return its exit code and what it said."""
    ended = subprocess.run(
        [*COMMAND, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return ended.returncode, ended.stdout


def test_a_second_launcher_is_refused_at_once_and_says_what_to_do(tmp_path):
    file = small_study.write(tmp_path)
    with locked(tmp_path / "studies" / "small"):
        code, said = bitfront("run", file, "--trials", 1, "--set", f"output={tmp_path / 'studies'}")
    assert code == 2, said
    assert "is being run by another process: wait for it" in said
