"""Refits the coefficients of the estimate to published reports of synthesis: `python -m
bitfront.experiments.calibration.fit`.
"""

from typing import TYPE_CHECKING

from bitfront.spaces import lazy_door

if TYPE_CHECKING:
    from .conformal import coverage, residuals
    from .fit import cross_validate, refit
    from .samples import Sample, load_samples, measured, shared_folder
    from .scores import error_table, format_table, spearman

__all__ = [
    "Sample",
    "coverage",
    "cross_validate",
    "error_table",
    "format_table",
    "load_samples",
    "measured",
    "refit",
    "residuals",
    "shared_folder",
    "spearman",
]

__getattr__ = lazy_door(
    __name__,
    {
        "conformal": ("coverage", "residuals"),
        "fit": ("cross_validate", "refit"),
        "samples": ("Sample", "load_samples", "measured", "shared_folder"),
        "scores": ("error_table", "format_table", "spearman"),
    },
)
