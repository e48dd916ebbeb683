"""Synthesis of a study's trials: the flows of tools, and jobs that run them beside the search."""

from typing import TYPE_CHECKING

from bitfront.spaces import lazy_door

if TYPE_CHECKING:
    from .flows import Flow, RtlFlow, VendorFlow
    from .jobs import SynthesisJobs
    from .site_reports import site_designs

__all__ = [
    "Flow",
    "RtlFlow",
    "SynthesisJobs",
    "VendorFlow",
    "site_designs",
]

__getattr__ = lazy_door(
    __name__,
    {
        "flows": ("Flow", "RtlFlow", "VendorFlow"),
        "jobs": ("SynthesisJobs",),
        "site_reports": ("site_designs",),
    },
)
