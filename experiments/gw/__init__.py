"""Gravitational-wave windows: a loader, GWOSC strain files, and a generator of injected mergers."""

from .loaders import load_gravitational_waves, real_events
from .strain import cut, read_strain, whiten

__all__ = ["cut", "load_gravitational_waves", "read_strain", "real_events", "whiten"]
