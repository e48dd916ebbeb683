"""Synthesis of a study's trials: the flows of tools, and jobs that run them beside the search."""

from .flows import Flow, RtlFlow, VendorFlow
from .jobs import SynthesisJobs

__all__ = ["Flow", "RtlFlow", "SynthesisJobs", "VendorFlow"]
