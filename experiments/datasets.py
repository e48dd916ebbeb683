"""Where data that users bring are looked for."""

from __future__ import annotations

import os
from pathlib import Path


def brought(variable: str, shared: str) -> Path:
    """Return where data that a user brings are looked for: what the variable names, else a file of the shared
    folder.

    The shared folder is `BITFRONT_SHARED`, else `shared` beside the checkout.
    """
    named = os.environ.get(variable)
    if named:
        return Path(named)
    folder = os.environ.get("BITFRONT_SHARED") or Path(__file__).resolve().parents[2] / "shared"
    return Path(folder) / "data" / shared
