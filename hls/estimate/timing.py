"""Delays of operators by device, and cycles from them.

HLS chains operators until the clock period less its uncertainty is used up, so a chain's cycles are its
summed delays over that budget. The delays are those that Vivado HLS and Vitis HLS state for 16-bit operators
in the estimated clock of unpipelined modules (an adder level of a dense layer on UltraScale+: 0.70 ns,
2023.1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from bitfront.hls.parts import Part

__all__ = ["Delays", "delays", "registered_share", "tree_levels"]

# (adder level of 16 bits, multiplier of 16 bits, look-up and compare), in nanoseconds.
SPEED: dict[str, tuple[float, float, float]] = {
    "UltraScale+": (0.75, 2.1, 1.0),
    "UltraScale": (0.95, 2.9, 1.4),
    "Series 7": (1.9, 3.6, 1.8),
    "Zynq-7000": (2.2, 4.2, 3.2),
    "Versal": (0.65, 1.9, 0.9),
}
UNCERTAINTY = {"vivado": 0.125, "vitis": 0.27}
"""Share of the period that HLS keeps free: 12.5 % is hls4ml's setting, 27 % Vitis HLS's own."""


WASTED = 0.5
"""Share of an adder's delay that a cycle loses: an operator that doesn't fit any more waits for the next."""


SHORTEST = 0.1
"""Least share of a cycle that logic has: a clock may be shorter than half an adder of its device."""


REGISTERED = 0.3
"""Share of a cycle beyond which a product in DSP slices is registered; what is left of that cycle, half of
one on average, is lost.
"""


@dataclass(frozen=True)
class Delays:
    """What the device and clock allow.

    Attributes:
        budget: nanoseconds of logic in one cycle.
        adder, multiplier, compare: nanoseconds of a 16-bit operator.
    """

    budget: float
    adder: float
    multiplier: float
    compare: float

    def add(self, width: int) -> float:
        """Nanoseconds of an adder of `width` bits: a carry chain grows slowly."""
        return self.adder * (0.85 + 0.15 * width / 16)

    def multiply(self, a: int, b: int, *, dsp: bool) -> float:
        """Nanoseconds of a product of `a` by `b` bits in one DSP tile, several, or the fabric."""
        if not dsp:
            return min(self.multiplier, self.adder * max(1.0, math.log2(max(min(a, b), 2))))
        # Beyond the narrow port two tiles are added up; more of them are registered in between.
        return self.multiplier * (1.25 if min(a, b) > 18 else 1.0)

    def lost_to(self, product: float) -> float:
        """Nanoseconds lost to the register behind a DSP slice's product that takes so long, before a sum."""
        return 0.5 * self.cycle if product > REGISTERED * self.cycle else 0.0

    @property
    def cycle(self) -> float:
        """Nanoseconds of logic that a cycle really holds."""
        return max(self.budget - WASTED * self.adder, SHORTEST * self.budget)

    def registers(self, nanoseconds: float) -> int:
        """Register boundaries that a chain of this length crosses where no part of a cycle is lost."""
        return int(nanoseconds / self.budget)

    def cycles(self, nanoseconds: float) -> int:
        """Register boundaries that a chain of this length crosses."""
        return int(nanoseconds / self.cycle)


def delays(clock_ns: float, part: Part) -> Delays:
    """Delays for a device and a clock period."""
    family = part.family
    if family.startswith(
        ("Virtex UltraScale+", "Kintex UltraScale+", "Artix UltraScale+", "Zynq UltraScale+", "Alveo")
    ):
        speed = SPEED["UltraScale+"]
    elif "UltraScale" in family:
        speed = SPEED["UltraScale"]
    elif family == "Versal":
        speed = SPEED["Versal"]
    else:
        speed = SPEED["Zynq-7000" if family.startswith(("Zynq", "Artix", "Spartan")) else "Series 7"]
    # hls4ml sets 12.5 % for both backends since 0.6; records before it used the tools' own.
    return Delays(clock_ns * (1 - UNCERTAINTY["vivado"]), *speed)


def registered_share(nanoseconds: float, cycle: float) -> float:
    """Share of the registers of a chain that are there: HLS puts what fits into one cycle into one; from
    three quarters of one on it mostly doesn't, beside its neighbours.
    """
    return min(1.0, max(0.0, 4 * nanoseconds / cycle - 3))


def tree_levels(terms: float) -> int:
    """Levels of a balanced adder tree over `terms` operands."""
    return max(0, math.ceil(math.log2(max(terms, 1.0))))
