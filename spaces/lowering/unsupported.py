"""The refusal of one layer."""

from __future__ import annotations


class Unsupported(Exception):
    """A layer, or a setting of it, that the firmware can't compute; the message says why and what to do."""
