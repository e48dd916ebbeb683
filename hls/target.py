"""What a design is built for, and how hls4ml is told to build all of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Target:
    """An FPGA with its clock, and hls4ml's settings for a whole design."""

    part: str = "xcvu13p-flga2577-2-e"
    """Part string of the catalogue (`bitfront.hls.part`)."""
    clock_ns: float = 5.0
    """Clock period in ns."""
    io_type: str = "io_parallel"
    """`io_parallel` takes a whole sample at once, `io_stream` one element a cycle through FIFOs."""
    backend: str = "Vitis"
    """hls4ml's back-end."""
    table_size: int = 1024
    """Entries of the tables of sigmoid and tanh."""
