"""Files that end: a pipe or a device as model, data or study would be read for ever, or for as long as nobody
writes.
"""

from __future__ import annotations

import stat
from pathlib import Path

from bitfront.spaces import UserError

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
}


def require_regular(path: Path, key: str = "") -> None:
    """Refuse what is there and is no file; what isn't there is for who opens it to tell.

    Args:
        path: what is about to be read.
        key: begins the message, `data: ` say.

    Raises:
        UserError: naming what it is.
    """
    try:
        kind = _KINDS.get(stat.S_IFMT(path.stat().st_mode))
    except (OSError, ValueError):
        return
    if kind:
        raise UserError(f"{key}{path} is {kind}: give a file, a copy of what it holds say.")
