"""The section `constraints` of a study file: one key for each quantity that can be limited, two for the
metric, and how sure the limits are to be kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, create_model, model_validator

from ..quantities import QUANTITIES, Limit, Quantity
from .base import Section
from .constraint_presets import KEY, presets, with_preset
from .fields import Confidence, CountLimit, EnergyLimit, MetricLimit, ResourceLimit, TimeLimit


class Constraints(Section):
    """Bounds that a candidate must keep; a breach known beforehand stops it before training."""

    shorthand: ClassVar[str | None] = KEY

    if TYPE_CHECKING:
        metric: Limit | None = None
        metric_drop: Limit | None = None
        confidence: float | None = None

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, values: Any) -> Any:
        return with_preset(values, Path.cwd())

    def given(self) -> dict[str, Limit]:
        """Return the limits that are set, by key."""
        values = ((key, getattr(self, key)) for key in type(self).model_fields)
        return {key: value for key, value in values if isinstance(value, Limit)}


def constraints_section(quantities: Iterable[Quantity]) -> type[Constraints]:
    """Return the section with a key for each quantity that has a limit, read in its unit, and those of the
    metric.
    """
    fields: dict[str, Any] = {
        KEY: (
            str | None,
            Field(
                default=None,
                description="limits by name, beside which others may stand and win (null takes one away): "
                f"{', '.join(presets())}, or the path of a YAML file with title, source and constraints. "
                "`constraints: NAME` is short for it. The study keeps the limits themselves",
                examples=["cms-l1-correlator"],
            ),
        )
    }
    fields |= {
        q.name: (_kind(q) | None, Field(default=None, description=q.limit, examples=[q.example]))
        for q in quantities
        if q.limit
    }
    fields["metric"] = (
        MetricLimit | None,
        Field(
            default=None,
            description="worst metric that is accepted, in the metric's own unit",
            examples=[0.85],
        ),
    )
    fields["metric_drop"] = (
        CountLimit | None,
        Field(
            default=None,
            description="how much worse than the float model the metric may be, in the metric's own unit; a "
            "small one makes few candidates feasible",
            examples=[0.01],
        ),
    )
    fields["confidence"] = (
        Confidence | None,
        Field(
            default=None,
            description="how sure the limits on resources and times are to be kept: the upper end of an "
            "estimate's error at this share of designs must keep them, its own 100 % of the device too; "
            "without it, the estimate itself. Effective bit operations and energy are computed exactly",
            examples=["90%"],
        ),
    )
    return create_model(
        "ConstraintsConfig", __base__=Constraints, __doc__=Constraints.__doc__, __module__=__name__, **fields
    )


def _kind(quantity: Quantity) -> Any:
    if quantity.on_device:
        return ResourceLimit
    return {"ns": TimeLimit, "pJ": EnergyLimit}.get(quantity.unit, CountLimit)


if TYPE_CHECKING:
    ConstraintsConfig = Constraints
else:
    ConstraintsConfig = constraints_section(QUANTITIES.values())
