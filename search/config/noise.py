"""The section `noise` of a study file: how large the disturbance of the inputs is that candidates are to
stand.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar, Literal

from pydantic import Field

from ..quantities.table import scored
from .base import Section, at
from .fields import Integer, Real


class NoiseConfig(Section):
    """A seeded disturbance of the validation inputs, for `noise_drop`."""

    shorthand: ClassVar[str | None] = "size"

    size: Real = Field(
        gt=0,
        le=1000,
        description="standard deviation of the noise that is added to each input, in units of `relative_to`",
        examples=[0.1],
    )
    relative_to: Literal["feature", "input", "one"] = Field(
        default="feature",
        description="what `size` is a share of: feature, the standard deviation of each element over the "
        "training samples, so that what never varies stays; input, that of a whole input array; one, as it "
        "stands, in the inputs' own unit",
        examples=["one"],
    )
    distribution: Literal["normal", "uniform"] = Field(
        default="normal",
        description="normal, or uniform of the same standard deviation, as rounding to a coarse grid gives",
        examples=["uniform"],
    )
    draws: Integer = Field(
        default=1,
        ge=1,
        le=100,
        description="disturbed copies of the validation samples whose metrics are averaged; each costs a "
        "prediction a candidate. They are the same for all candidates, drawn with `seed`",
        examples=[4],
    )


def check_noise(noise: NoiseConfig | None, objectives: Collection[str], limits: Collection[str]) -> None:
    """Refuse an objective or a limit on what the metric loses under noise where nobody says how much noise.

    Raises:
        PydanticCustomError: naming the key.
    """
    if noise is not None:
        return
    for key, names in (("objectives", objectives), ("constraints", limits)):
        for name in names:
            if name in scored():
                raise at(key, f"has {name}, but noise is missing: add noise: 0.1, say")
