"""Where a study is run: beside another launcher of it, in a folder of any name."""

from __future__ import annotations

import io
import shlex
import subprocess
import sys

import small_study
from rich.console import Console

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


def test_the_next_command_can_be_pasted_though_the_study_lies_in_a_folder_with_a_space(tmp_path):
    heard, file = io.StringIO(), small_study.write(tmp_path)
    output = f"output={tmp_path / 'my studies'}"
    small_study.run(file, output, trials=1, console=Console(file=heard, width=1000))
    told = next(line for line in heard.getvalue().splitlines() if line.startswith("Next: "))

    assert shlex.split(told)[3] == str(tmp_path / "my studies" / "small")
