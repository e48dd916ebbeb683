"""Energy of one inference from counted operations, their widths, and memory accesses.

Node: 45 nm at 0.9 V, an ASIC's arithmetic (Horowitz, "Computing's Energy Problem", ISSCC 2014), through the curves
that QTools in QKeras fitted to that table: an addition costs 0.003125 w pJ and a multiplication
0.002995 w^2 + 0.001042 w pJ at w bits (`qkeras/qtools/config_public.py`). A product of a by b bits is taken at w^2 = a b. Moons et al. ("Minimum energy
quantized neural networks", Asilomar 2017) let the energy of a multiply-accumulate grow with w^1.25 from 16 bits
down; both are given, the first as `energy_pj`. A read of weights from
block memory costs the table's 10 pJ per 64 bits of an 8 KB memory.

Left out: clock tree, routing, leakage, configuration memory, transceivers, and the FPGA's overhead over an ASIC,
so the figure ranks candidates and is no power budget.
"""

from __future__ import annotations

import math

from bitfront.hls.design.layers import GATES, LayerDescription

__all__ = ["layer_ebops", "layer_energy", "moons_energy"]

MULTIPLY = (0.002994791667, 0.001041666667)
ADD = 0.003125
SRAM_WORD_PJ = 10.0
"""Read of 64 bits from an 8 KB memory (Horowitz 2014, table of memory energies)."""


def _multiply(a: float, b: float) -> float:
    return MULTIPLY[0] * a * b + MULTIPLY[1] * math.sqrt(a * b)


def layer_energy(layer: LayerDescription) -> float:
    """Picojoules of one inference of the layer."""
    data, accum = layer.inputs[0].width, layer.type("accum").width
    total = 0.0
    n_in, n_out = layer.matrix
    if n_in:
        for name, rows, operand in _arrays(layer, n_in):
            content = layer.content(name, rows, n_out)
            bits = content.bits / max(1, content.nonzero)
            times = layer.positions * layer.size("directions")
            total += times * content.nonzero * (_multiply(operand, bits) + ADD * accum)
            if layer.reuse_factor > 1 and layer.strategy.startswith("resource"):
                total += times * content.n * layer.type(name).width * SRAM_WORD_PJ / 64
        cells = layer.positions * layer.size("directions") * layer.size("n_state", 0)
        total += cells * sum(_multiply(*factors) + ADD * accum for factors in _gate_products(layer))
    elif layer.op in ("einsum", "hept_attention", "multiply"):
        total += layer.multiplications * (_multiply(data, layer.inputs[-1].width) + ADD * accum)
    elif layer.op in ("normalize", "layernorm"):
        total += layer.multiplications * (_multiply(data, layer.type("weight").width) + ADD * accum)
    elif layer.op in ("softmax", "sigmoid", "tanh", "table_activation"):
        table = layer.types["table"].width if "table" in layer.types else 18
        total += layer.size("n_in") * layer.size("outer") * (table * SRAM_WORD_PJ / 64 + ADD * accum)
    else:
        total += layer.size("n_in") * ADD * data if "n_in" in layer.sizes else layer.positions * ADD * data
    return total


def _arrays(layer: LayerDescription, n_in: int) -> list[tuple[str, int, int]]:
    arrays = [("weight", n_in, layer.inputs[0].width)]
    if layer.op in GATES:
        arrays.append(("recurrent_weight", layer.sizes["n_state"], layer.result.width))
    return arrays


def _gate_products(layer: LayerDescription) -> list[tuple[int, int]]:
    """Return the widths of the factors of the products of variables of each unit and step.

    The C++ keeps what gates read from their tables in the accumulator's type, of which it then has only the table's bits.
    """
    table = layer.type("table", layer.type("accum")).width
    state, accum = layer.result.width, layer.type("accum").width
    own = {
        "lstm": [(table, table), (table, state), (table, table)],
        "gru": [(table, accum), (table, table), (table, state)],
    }
    return own.get(layer.op, [])


def moons_energy(layer: LayerDescription, *, mac_pj: float = 3.7) -> float:
    """Picojoules of the layer's multiply-accumulates after Moons et al. 2017: 3.7 pJ (w / 16)^1.25 each (40 nm)."""
    width = max(layer.inputs[0].width, layer.type("weight").width)
    return float(layer.multiplications * mac_pj * math.pow(width / 16, 1.25))


def layer_ebops(layer: LayerDescription) -> float:
    """Effective bit operations: products of operand widths, summed over the multiplications of one inference.

    A constant counts the bits between its first and last one (HGQ, arXiv 2405.00645); zeros count nothing.
    """
    n_in, n_out = layer.matrix
    times = layer.positions * layer.size("directions")
    if n_in:
        total = 0.0
        for name, rows, operand in _arrays(layer, n_in):
            total += times * float(layer.content(name, rows, n_out).bits * operand)
        units = times * layer.size("n_state", 0)
        return total + float(units * sum(a * b for a, b in _gate_products(layer)))
    if layer.op in ("einsum", "multiply", "hept_attention"):
        return float(layer.multiplications * layer.inputs[0].width * layer.inputs[-1].width)
    if layer.op == "normalize":  # a product with a constant for each value
        scale = layer.content("weight", 1, layer.sizes["n_in"])
        return layer.multiplications / scale.n * scale.bits * layer.inputs[0].width
    if layer.op == "layernorm":
        return float(layer.multiplications * layer.inputs[0].width * layer.type("weight").width)
    return 0.0
