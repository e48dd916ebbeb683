"""Estimates of resources, latency and energy: hls4ml's and the tools' rules, weighed by real reports."""

from .estimator import Coefficients, Estimate, LayerEstimate, estimate, load_coefficients
from .reuse import closest_reuse_factor, legal_reuse_factors

__all__ = [
    "Coefficients",
    "Estimate",
    "LayerEstimate",
    "closest_reuse_factor",
    "estimate",
    "legal_reuse_factors",
    "load_coefficients",
]
