"""Estimates of resources, latency and energy: hls4ml's and the tools' rules, weighed by real reports."""

from bitfront.hls.design.reuse import closest_reuse_factor, legal_reuse_factors, settle_reuse_factors

from .batch import BatchResult, estimate_file, estimate_record
from .correction import Correction
from .estimator import QUANTITIES, Coefficients, Estimate, Kind, LayerEstimate, estimate, load_coefficients
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
    "closest_reuse_factor",
    "estimate",
    "estimate_file",
    "estimate_record",
    "legal_reuse_factors",
    "load_coefficients",
    "load_site",
    "settle_reuse_factors",
    "site_estimate",
    "site_file",
]
