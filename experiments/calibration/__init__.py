"""Refits the coefficients of the estimate to published reports of synthesis: `python -m
bitfront.experiments.calibration.fit`.
"""

from typing import TYPE_CHECKING

from bitfront.spaces import lazy_door

if TYPE_CHECKING:
    from .fit import cross_validate, intervals, refit
    from .samples import Sample, load_samples, measured, shared_folder
    from .scores import error_table, format_table, spearman

__all__ = [
    "Sample",
    "cross_validate",
    "error_table",
    "format_table",
    "intervals",
    "load_samples",
    "measured",
    "refit",
    "shared_folder",
    "spearman",
]

__getattr__ = lazy_door(
    __name__,
    {
        "fit": ("cross_validate", "intervals", "refit"),
        "samples": ("Sample", "load_samples", "measured", "shared_folder"),
        "scores": ("error_table", "format_table", "spearman"),
    },
)
