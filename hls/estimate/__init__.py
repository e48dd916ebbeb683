"""Estimates of resources, latency and energy: hls4ml's and the tools' rules, weighed by real reports."""

from .batch import BatchResult, estimate_file, estimate_record
from .context import merge
from .correction import Correction
from .estimator import (
    QUANTITIES,
    Coefficients,
    Estimate,
    Kind,
    LayerEstimate,
    estimate,
    family_of,
    load_coefficients,
    structure_of,
    timing_of,
)
from .site import Site, SiteDesign, load_site, site_estimate, site_file

__all__ = [
    "QUANTITIES",
    "BatchResult",
    "Coefficients",
    "Correction",
    "Estimate",
    "Kind",
    "LayerEstimate",
    "Site",
    "SiteDesign",
    "estimate",
    "estimate_file",
    "estimate_record",
    "family_of",
    "load_coefficients",
    "load_site",
    "merge",
    "site_estimate",
    "site_file",
    "structure_of",
    "timing_of",
]
