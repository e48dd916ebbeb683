"""The vendor's tools on a written project: found, run within limits, read, and their failures named."""

from .outcome import FIDELITIES, STAGES, Fidelity, SynthesisOutcome
from .process_tree import Ended, Limits, run_tree
from .run import synthesise
from .tools import Tool, find_tool

__all__ = [
    "FIDELITIES",
    "STAGES",
    "Ended",
    "Fidelity",
    "Limits",
    "SynthesisOutcome",
    "Tool",
    "find_tool",
    "run_tree",
    "synthesise",
]
