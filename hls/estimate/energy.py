"""Energy of one inference from counted operations, their widths, and memory accesses.

Node: 45 nm at 0.9 V, an ASIC's arithmetic (Horowitz, "Computing's Energy Problem", ISSCC 2014), through the
curves that QTools in QKeras fitted to that table: an addition costs 0.003125 w pJ and a multiplication
0.002995 w^2 + 0.001042 w pJ at w bits (`qkeras/qtools/config_public.py`). A product of a by b bits is taken
at w^2 = a b. Moons et al. ("Minimum energy quantized neural networks", Asilomar 2017) let the energy of a
multiply-accumulate grow with w^1.25 up to 3.7 pJ at 16 bits. Both are given: the first as `energy_pj`, with
the reads of weights from block memory at the table's 10 pJ per 64 bits of an 8 KB memory, the second, of
multiply-accumulates alone, as `energy_moons_pj`. The first falls with the square of the width, the second
nearly in proportion; what the choice of a model is worth lies between them.

Left out: clock tree, routing, leakage, configuration memory, transceivers, and the FPGA's overhead over an
ASIC, so the figure ranks candidates and is no power budget.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from bitfront.hls.design.layers import LayerDescription

MULTIPLY = (0.002994791667, 0.001041666667)
ADD = 0.003125
MOONS_MAC_PJ = 3.7
"""A multiply-accumulate of 16 bits, 40 nm (Moons et al. 2017)."""
SRAM_WORD_PJ = 10.0
"""Read of 64 bits from an 8 KB memory (Horowitz 2014, table of memory energies)."""


def _multiply(a: float, b: float) -> float:
    return MULTIPLY[0] * a * b + MULTIPLY[1] * math.sqrt(a * b)


Array = tuple[str, int, int]
"""An array of constants: its name, its rows, and the width of what they are multiplied with."""


def matrix_ebops(layer: LayerDescription, arrays: Sequence[Array], gates: Sequence[tuple[int, int]]) -> float:
    """Return those of products with constants, and of `gates`: products of variables of each unit and
    step.
    """
    n_out = layer.matrix[1]
    times = layer.positions * layer.size("directions")
    total = 0.0
    for name, rows, operand in arrays:
        total += times * float(
            sum(one.bits * bits for one, bits in layer.factors(name, rows, n_out, operand))
        )
    return total + float(times * layer.size("n_state", 0) * sum(a * b for a, b in gates))


def matrix_energy(
    layer: LayerDescription, arrays: Sequence[Array], gates: Sequence[tuple[int, int]]
) -> float:
    """Return the energy of products with constants and their sums, of reads of shared constants, and of
    `gates`.
    """
    accum, n_out = layer.type("accum").width, layer.matrix[1]
    times = layer.positions * layer.size("directions")
    total = 0.0
    for name, rows, operand in arrays:
        content = layer.content(name, rows, n_out)
        for one, width in layer.factors(name, rows, n_out, operand):
            bits = one.bits / max(1, one.nonzero)
            total += times * one.nonzero * (_multiply(width, bits) + ADD * accum)
        if layer.reuse_factor > 1 and layer.strategy.startswith("resource"):
            total += times * content.n * layer.type(name).width * SRAM_WORD_PJ / 64
    cells = times * layer.size("n_state", 0)
    return total + cells * sum(_multiply(*factors) + ADD * accum for factors in gates)


def products(layer: LayerDescription, width: int) -> float:
    """Return the energy of all its multiplications, by factors of `width` bits, and their sums."""
    each = _multiply(layer.inputs[0].width, width) + ADD * layer.type("accum").width
    return layer.multiplications * each


def tables(layer: LayerDescription) -> float:
    """Return the energy of a look-up per value."""
    table = layer.types["table"].width if "table" in layer.types else 18
    each = table * SRAM_WORD_PJ / 64 + ADD * layer.type("accum").width
    return layer.size("n_in") * layer.size("outer") * each


def each(layer: LayerDescription) -> float:
    """Return the energy of an addition or comparison per value."""
    return (layer.size("n_in") if "n_in" in layer.sizes else layer.positions) * ADD * layer.inputs[0].width


def moons_energy(layer: LayerDescription) -> float:
    """Return the energy of its multiply-accumulates after Moons et al.; those by a constant zero need none.

    The width of one is that of its wider factor, as on their processor.
    """
    widths = [type_.width for type_ in layer.inputs]
    if "weight" in layer.types:
        widths.append(layer.types["weight"].width)
    known = [content for name, content in layer.weights.items() if name != "bias"]
    constants = sum(content.n for content in known)
    share = sum(content.nonzero for content in known) / constants if constants else 1.0
    return float(share * layer.multiplications * MOONS_MAC_PJ * math.pow(max(widths) / 16, 1.25))
