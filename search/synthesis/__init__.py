"""Synthesis of a study's trials: beside the search and afterwards, recorded, and learned from.

Names load on first use: those who only read what was recorded need no TensorFlow.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .after import synthesise_study
    from .companion import Companion, describe_record, finalists
    from .corrected import corrected_study
    from .jobs import SynthesisJobs
    from .record import SynthesisRecord, measured_of, read_records, write_record

_HOMES = {
    "after": ("synthesise_study",),
    "companion": ("Companion", "describe_record", "finalists"),
    "corrected": ("corrected_study",),
    "jobs": ("SynthesisJobs",),
    "record": ("SynthesisRecord", "measured_of", "read_records", "write_record"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Companion",
    "SynthesisJobs",
    "SynthesisRecord",
    "corrected_study",
    "describe_record",
    "finalists",
    "measured_of",
    "read_records",
    "synthesise_study",
    "write_record",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME_OF[name]}", __name__), name)
    globals()[name] = value
    return value
