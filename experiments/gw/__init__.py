"""Gravitational-wave windows: a loader, GWOSC strain files, and a generator of injected mergers."""

from .loaders import REAL, read_windows, real_events
from .strain import cut, read_strain, whiten

__all__ = ["REAL", "cut", "read_strain", "read_windows", "real_events", "whiten"]
