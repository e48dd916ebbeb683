"""What holds for every test: a developer's own site file changes no estimate, and parallel tests share the
cores.
"""

from __future__ import annotations

import os

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

from logged import said  # noqa: F401 - a fixture
from pages import full_page, page, view  # noqa: F401 - fixtures
