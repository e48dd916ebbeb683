"""What every layer's estimate needs to know of its design, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bitfront.hls.design.layers import DesignDescription, LayerDescription
from bitfront.hls.parts import Part, part, part_of_family
from bitfront.spaces import UserError

from .timing import Delays, delays

__all__ = ["Context", "LayerStructure", "context_of", "merge", "registered"]


@dataclass(frozen=True)
class LayerStructure:
    """A layer after the rules, before the fit.

    Attributes:
        dsp: DSP slices.
        latency: cycles from the layer's first input to its last output.
        interval: cycles before the next inference may enter.
        nanoseconds: delay of the layer's chain where it isn't registered inside (chained with its
            neighbours).
        features: quantities that cost LUTs, flip-flops or memory, mostly in bits; the fit weighs them.
        first, last: on a stream, cycles from the first input to the first output, and from the last input to
            the last output.
    """

    dsp: float
    latency: int
    interval: int
    nanoseconds: float
    features: Mapping[str, float]
    first: int = 0
    last: int = 0


@dataclass
class Context:
    """Device, clock, tool and stream state while the layers of a design are walked through.

    Attributes:
        before, after: the layers around the one at hand.
    """

    design: DesignDescription
    part: Part
    delays: Delays
    stream: bool
    vitis: bool
    channels: int = field(default=1)
    before: LayerDescription | None = None
    after: LayerDescription | None = None

    @property
    def given(self) -> int | None:
        """Values that the layer before has, where it says so."""
        return _values(self.before)

    @property
    def read(self) -> int | None:
        """Values of the layer at hand that the next one reads, where it says so: HLS removes the others."""
        return _values(self.after)

    @property
    def read_bits(self) -> int | None:
        """Width to which the next layer cuts each of them, if it is one of single values."""
        return self.after.result.width if self.after is not None and self.read else None

    def pack(self, layer: LayerDescription) -> int:
        """Elements that one word of the layer's input stream holds."""
        return max(1, min(layer.size("n_filt", self.channels), layer.size("n_in", 1 << 30)))


def _values(layer: LayerDescription | None) -> int | None:
    """Return how many single values a layer has; None for a product's, and where it doesn't say so."""
    return None if layer is None or layer.matrix[1] else layer.sizes.get("n_in")


def context_of(design: DesignDescription) -> Context:
    """Look the design's part up, or its family, and choose its delays.

    Raises:
        UserError: unknown part, of no known family.
    """
    try:
        device = part(design.part)
    except UserError:
        family = part_of_family(design.part)
        if family is None:
            raise
        device = family
    vitis = design.tool_version >= "2020.2" if design.tool_version else design.backend == "Vitis"
    return Context(design, device, delays(design.clock_ns, device), design.io_type == "io_stream", vitis)


def registered(features: Mapping[str, float]) -> dict[str, float]:
    """Return a layer's features with registers behind its DSP slices and its results."""
    behind = {f"{name}_registers": features[name] for name in ("dsp", "result") if name in features}
    return {**features, **behind}


def merge(total: dict[str, float], part_: Mapping[str, float], times: float = 1.0) -> dict[str, float]:
    """Add `times` the features of `part_` to `total`, and return it."""
    for name, value in part_.items():
        total[name] = total.get(name, 0.0) + value * times
    return total
