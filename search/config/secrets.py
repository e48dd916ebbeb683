"""Keeping passwords out of what is shown and kept."""

from __future__ import annotations

import re

HIDDEN = "***"


def redact(text: str) -> str:
    """Return `text` with the user names, passwords and query strings of URIs in it replaced by `***`."""
    text = re.sub(r"(\w+://)[^/\s]+@", rf"\1{HIDDEN}@", text)
    text = re.sub(r"(\w+://[^\s?]*)\?\S+", rf"\1?{HIDDEN}", text)
    # a library's own message may quote the path alone, without scheme and host
    return re.sub(r"\?[^\s?=]+=[^\s)]*", f"?{HIDDEN}", text)


def shown(uri: str) -> str:
    """Return a URI as one line of a message: redacted, without what breaks a line or moves a cursor."""
    return "".join(one if one.isprintable() else "?" for one in redact(uri))


def restored(text: str) -> str:
    """Return a redacted URI without its marks: the driver then takes user and password from where it keeps
    them.
    """
    return text.replace(f"{HIDDEN}@", "").replace(f"?{HIDDEN}", "")
