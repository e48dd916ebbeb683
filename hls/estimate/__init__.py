"""Estimates of resources, latency and energy: hls4ml's and the tools' rules, weighed by real reports."""

from .batch import BatchResult, estimate_file, estimate_record
from .coefficients import QUANTITIES, Coefficients, Kind, load_coefficients
from .conformal import Errors, Normal, Residuals, interval, log_ratio, upper
from .context import LayerStructure, merge
from .correction import Correction
from .estimator import Estimate, LayerEstimate, estimate, family_of, structure_of, timing_of
from .site import Site, SiteDesign, load_site, site_estimate, site_file

__all__ = [
    "QUANTITIES",
    "BatchResult",
    "Coefficients",
    "Correction",
    "Errors",
    "Estimate",
    "Kind",
    "LayerEstimate",
    "LayerStructure",
    "Normal",
    "Residuals",
    "Site",
    "SiteDesign",
    "estimate",
    "estimate_file",
    "estimate_record",
    "family_of",
    "interval",
    "load_coefficients",
    "load_site",
    "log_ratio",
    "merge",
    "site_estimate",
    "site_file",
    "structure_of",
    "timing_of",
    "upper",
]
