"""However a command is ended, what is finished is kept and written up, and no process of it goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import small_study

from bitfront.search import read_evaluations
from bitfront.search.storage import examine

STRAY = """
import os, signal, subprocess, sys
from bitfront.search.cli import ending
ending.GRACE = 0.5
ending.leave_nothing()
stray = subprocess.Popen(["sleep", "600"], start_new_session=True)
print(stray.pid, flush=True)
{end}
"""


def gone(pids: list[int], seconds: float = 20.0) -> bool:
    """Whether none of these processes runs any more, or soon doesn't."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids):
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), signal.SIGKILL)", "sys.exit(0)"])
def test_what_a_command_leaves_running_is_ended_even_where_it_was_killed(end):
    """In a session of its own too, as a vendor's tool may be."""
    started = subprocess.run(
        [sys.executable, "-c", STRAY.format(end=end)], stdout=subprocess.PIPE, text=True, check=False
    )
    assert started.returncode in (0, -signal.SIGKILL)
    assert gone([int(started.stdout)])


HANDLED = """
import signal, sys, time
from bitfront.search.cli.ending import end_as_ctrl_c
end_as_ctrl_c()
try:
    print("ready", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("one", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_a_command_ends_it_like_ctrl_c_unless_it_is_ignored(one):
    with subprocess.Popen([sys.executable, "-c", HANDLED], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(one)
        assert process.wait(20) == 130
    if one == signal.SIGHUP:
        words = ["nohup", sys.executable, "-c", HANDLED]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            assert process.stdout.readline() == "ready\n"
            process.send_signal(one)
            time.sleep(0.5)
            assert process.poll() is None
            process.kill()


def tree(process: subprocess.Popen) -> list[int]:
    """Return a process's and its descendants' ids, and those of its watch."""
    mark = psutil.Process(process.pid)
    return [mark.pid, *(child.pid for child in mark.children(recursive=True))]


def finished(folder: Path) -> int:
    return len(list((folder / "trials").glob("*/evaluation.json")))


ENDINGS = {
    "hang-up": [signal.SIGHUP],
    "terminated": [signal.SIGTERM],
    "twice ctrl-c": [signal.SIGINT, signal.SIGINT],
    "thrice, two kinds": [signal.SIGINT, signal.SIGTERM, signal.SIGINT],
    "killed": [signal.SIGKILL],
}


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("signals", ENDINGS.values(), ids=ENDINGS.keys())
def test_a_search_that_is_ended_keeps_what_is_finished_and_leaves_no_process(signals, workers, tmp_path):
    """With MLflow's process beside it; one signal gives a report too. The same command then goes on."""
    file = small_study.write(tmp_path)
    file.write_text(file.read_text().replace("tracking: {enabled: false}\n", ""))
    folder = tmp_path / "studies" / "small"
    with small_study.start(file, "--workers", str(workers), "--trials", "400") as process:
        end = time.monotonic() + 300
        while finished(folder) < 3 and process.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        started = tree(process)
        for one in signals:
            # a terminal tells the whole group; a batch system and SIGKILL one process
            if one == signal.SIGINT:
                os.killpg(process.pid, one)
            else:
                process.send_signal(one)
            time.sleep(0.3)
        said = process.communicate(timeout=200)[0]
    assert process.returncode in ((-9,) if signal.SIGKILL in signals else (130, -signals[-1])), said
    assert "Traceback" not in said, said
    assert gone(started, 40)
    assert all(one.state in ("sound", "cut off") for one in examine(folder))
    done = len(read_evaluations(folder))
    assert done >= 3
    if signals in ([signal.SIGHUP], [signal.SIGTERM]):
        assert process.returncode == 130
        assert (folder / "report.html").exists()
    with small_study.start(file, "--trials", str(done + 2)) as again:
        said = again.communicate(timeout=300)[0]
    assert again.returncode in (0, 3), said
    assert len(read_evaluations(folder)) == done + 2
