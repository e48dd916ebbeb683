"""The commands of the documentation, typed as a reader would, page by page, in an empty folder."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from repository import ROOT

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
FOLDERS = {"README": "digits-gru"}
"""What a page calls the folder that its reader works in."""
PIECE = re.compile(
    r"^<!-- sh\n(?P<setup>.*?)^-->$|^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
NAMED = re.compile(r"# (\w+\.(?:py|yaml))\b")
WITH_COMMANDS = [page for page in PAGES if "\n```sh\n" in page.read_text()]


def script(page: Path) -> str:
    """Return a page as a shell script: its `sh` blocks, what a comment sets up for them, and the files it
    shows.
    """
    lines = []
    for piece in PIECE.finditer(page.read_text()):
        name = NAMED.match(piece["text"] or "")
        if piece["setup"] is not None or piece["kind"] == "sh":
            lines.append(piece["setup"] or piece["text"])
        elif name:
            lines.append(f"cat > {name[1]} <<'END-OF-FILE'\n{piece['text']}END-OF-FILE\n")
    return "set -euo pipefail\n" + "".join(lines)


def test_the_pages_that_show_commands_are_found():
    assert {page.stem for page in WITH_COMMANDS} >= {"README", "tutorial", "how-to-mlflow", "how-to-model"}


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.skipif(shutil.which("g++") is None, reason="bundles are checked with g++")
@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.stem)
def test_the_commands_of_a_page_work_in_the_order_in_which_they_stand(page, tmp_path):
    folder = tmp_path / FOLDERS.get(page.stem, "reader")
    folder.mkdir()
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    shell = subprocess.Popen(
        ["bash", "-c", script(page)],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = shell.communicate(timeout=1400)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)  # a server that the page started
    assert shell.returncode == 0, said[-3000:]
