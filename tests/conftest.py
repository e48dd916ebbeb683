"""What holds for every test: a developer's own site file changes no estimate, and parallel tests share the
cores.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

os.environ["BITFRONT_SITE"] = os.devnull + "/none"
if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")):
    # OpenMP's threads wait by spinning: two workers with two threads each took 20 times as long as alone
    # (test_rtl)
    threads = str(max(1, (os.cpu_count() or 1) // workers))
    for name in (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
    ):
        os.environ.setdefault(name, threads)
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import pytest
from logged import said  # noqa: F401 - a fixture
from pages import full_page, page, view  # noqa: F401 - fixtures

DAY = os.environ.get("BITFRONT_DAY", "")
"""Seed of an order in which a run that may be cut off takes the files, so that all run over some days."""
EVERY_DAY = ("test_conformance.py", "test_conformance_stream.py", "test_judge.py")
"""Files of which a share of the tests runs first, whatever the day."""
SHARE = 3
"""Days over which all tests of these run."""


@pytest.hookimpl(trylast=True)  # after -m and --deselect
def pytest_collection_modifyitems(config, items):
    """Bring the tests into the day's order, and write which there are to the file that `BITFRONT_COLLECTED`
    names.
    """
    if target := os.environ.get("BITFRONT_COLLECTED"):
        Path(target).write_text("".join(f"{item.nodeid}\n" for item in items))
    if not DAY:
        return
    others = [one for one in items if one.path.name in EVERY_DAY and _drawn(one.nodeid) % SHARE]
    config.hook.pytest_deselected(items=others)
    kept = [one for one in items if one not in set(others)]
    items[:] = sorted(
        kept, key=lambda one: (one.path.name not in EVERY_DAY, _drawn(one.path.name), one.path.name)
    )


def _drawn(name: str) -> int:
    """Return a number that is the same all day; the shares of a test follow each other."""
    if DAY.isdecimal() and "::" in name:
        return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) + int(DAY)
    return int(hashlib.sha256(f"{DAY} {name}".encode()).hexdigest()[:8], 16)
