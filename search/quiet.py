"""TensorFlow's libraries write to the terminal while they load, whatever log level is set: here they
don't.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any


def quiet_tensorflow() -> None:
    """Keep what TensorFlow says to its developers off the terminal, from its import on; failures stay
    visible.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # advice on retracing is not for the user
    if "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _Muting())


class _Muting(MetaPathFinder):
    """Lets `tensorflow` load with standard error set aside."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name == "tensorflow" else None
        if spec is None or spec.loader is None:
            return None
        sys.meta_path.remove(self)
        loader: Any = spec.loader
        load = loader.exec_module

        def muted(module: ModuleType) -> None:
            with _stderr_aside():
                load(module)

        loader.exec_module = muted
        return spec


@contextlib.contextmanager
def _stderr_aside() -> Iterator[None]:
    """Redirect file descriptor 2, which C++ writes to; show what it took when the body fails."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            if failed:
                aside.seek(0)
                os.write(2, aside.read())
