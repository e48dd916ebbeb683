"""The vendor's tools on a written project: found, run within limits, read, and their failures named."""

from ..processes import Ended, Limits, run_tree
from .finding import Finding
from .firmware_check import Checked, check_firmware
from .outcome import FIDELITIES, STAGES, Fidelity, SynthesisOutcome
from .run import LOG, synthesise
from .tools import Tool, find_tool

__all__ = [
    "FIDELITIES",
    "LOG",
    "STAGES",
    "Checked",
    "Ended",
    "Fidelity",
    "Finding",
    "Limits",
    "SynthesisOutcome",
    "Tool",
    "check_firmware",
    "find_tool",
    "run_tree",
    "synthesise",
]
