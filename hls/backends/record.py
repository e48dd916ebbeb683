"""What must be known of a back-end of hls4ml beside what its operations say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

IO_TYPES = ("io_parallel", "io_stream")
STRATEGIES = ("Latency", "Resource", "distributed_arithmetic")


@dataclass(frozen=True)
class Patch:
    """Text replacements in one file of a written project.

    `edits` are (expected, wanted) pairs; each expected text must occur exactly once in a fresh file.
    """

    name: str
    file: str
    reason: str
    edits: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Backend:
    """A back-end of hls4ml that bitfront builds for."""

    name: str
    """hls4ml's name of it, as in study files and projects."""
    about: str
    """What it is, for the study file's reference."""
    programs: tuple[str, ...]
    """Programs that synthesise its projects, the preferred one first."""
    settings: str
    """What puts them on PATH, as advice."""
    patches: tuple[Patch, ...] = ()
    """Corrections to the files that hls4ml writes for it."""
    strategies: tuple[str, ...] = STRATEGIES
    """Those that it has."""
    io_types: tuple[str, ...] = IO_TYPES
    """Interfaces that it has."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Operation -> why it can't be built with this back-end, beside what the operation itself refuses."""
