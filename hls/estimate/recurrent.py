"""Structure of LSTM, GRU and simple recurrent layers (`nnet_recurrent.h`)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bitfront.hls.design.layers import LayerDescription
from bitfront.spaces import FixedPoint

from .context import Context, LayerStructure, merge
from .lookup import table_features
from .multipliers import variable_product
from .products import matrix_core

__all__ = ["Cell", "recurrent_layer"]


@dataclass(frozen=True)
class Cell:
    """What a cell computes per unit and step.

    Attributes:
        gates: products of its kernels' columns with an input.
        products: of two variables: c i, s f, o tanh(s) of an LSTM; z h, (1 - z) h~, r (U h) of a GRU.
        gate_lookups: reads of the tables of `recurrent_activation` and of `activation` by gates.
        state_lookups: reads of the table of `activation` by a state.
        states: values that are kept.
        summed: whether the new state is a sum of two products, which a third follows.
    """

    gates: int
    products: int
    gate_lookups: tuple[int, int]
    state_lookups: int = 0
    states: int = 1
    summed: bool = False


def recurrent_layer(layer: LayerDescription, context: Context, *, cell: Cell) -> LayerStructure:
    """Take a recurrent layer of such cells.

    Static mode has one cell used `sequence` times, one after the other: each step waits for the state before
    it, so the interval is the whole latency. Non-static mode unrolls the cells, which multiplies the
    resources.
    """
    size, directions = layer.sizes, layer.size("directions")
    state, gates = size["n_state"], cell.gates
    n_in, n_out = layer.matrix
    gate = layer.type("accum")
    accum, data, result = gate.width, layer.inputs[0].width, layer.result.width
    reuse = layer.reuse_factor
    kernel = matrix_core(
        n_in,
        n_out,
        layer.content("weight", n_in, n_out),
        data=data,
        weight=layer.type("weight").width,
        accum=accum,
        reuse=reuse,
        strategy=layer.strategy,
        context=context,
        chained=True,
    )
    recurrent_type = layer.type("recurrent_weight", layer.type("weight"))
    recurrent = matrix_core(
        state,
        n_out,
        layer.content("recurrent_weight", state, n_out),
        data=result,
        weight=recurrent_type.width,
        accum=accum,
        reuse=layer.recurrent_reuse_factor or reuse,
        strategy=layer.strategy,
        context=context,
        chained=True,
    )
    products = cell.products * state
    # Whatever the tool: 10 by 10 bits stay in the fabric in Vitis HLS 2025.1 too.
    each = variable_product(accum, accum, context.part, vitis=False)
    # The tables' 18-bit entries make two of the three products wide, whatever the data's width.
    wide = 2 * state if products and not each else 0
    dsp = kernel.dsp + recurrent.dsp + products * each + wide

    features = merge(merge({}, kernel.features), recurrent.features)
    for lookups, argument, function in _lookups(layer, cell):
        merge(features, table_features(lookups * state, argument, layer, function))
    merge(
        features,
        {
            "adder": (gates + 2) * state * (accum + 7.0),
            "fabric_mult": 0.0 if each else float(products * accum * accum),
            "dsp": float(products * each + wide),
            "dsp_registers": float(products * each + wide),
            "state": float(state * result * cell.states),
            **_step_selection(layer),
            "control": 2.0,
        },
    )

    step = _step_cycles(
        layer, cell, context, max(kernel.latency, recurrent.latency), kernel.nanoseconds, each > 0
    )
    resource = layer.strategy.startswith("resource")
    # The Resource strategy isn't pipelined: entering and leaving the cell and its loop cost cycles.
    step += (4 if reuse == 1 else 3) if resource else 0
    latency = size["sequence"] * step
    static = bool(layer.options.get("static", True))
    copies = directions * (1 if static else size["sequence"])
    return LayerStructure(
        dsp=dsp * copies,
        latency=latency + 1,
        interval=latency + 1 if static else max(kernel.interval, recurrent.interval),
        nanoseconds=0.0,
        features=merge({}, features, copies),
        first=latency + 1 if not layer.options.get("return_sequences") else step,
        last=step,
    )


def _lookups(layer: LayerDescription, cell: Cell) -> list[tuple[int, FixedPoint, str]]:
    """Return the look-ups per unit and step: how many, the type of what is looked up, the function.

    A gate is looked up in the accumulator's type, a state in the result's.
    """
    squashing = str(layer.options.get("recurrent_activation", "sigmoid"))
    shaping = str(layer.options.get("activation", "tanh"))
    by_gates = zip(cell.gate_lookups, (squashing, shaping), strict=True)
    found = [(count, layer.type("accum"), function) for count, function in by_gates]
    found.append((cell.state_lookups, layer.result, shaping))
    return [one for one in found if one[0]]


def _step_selection(layer: LayerDescription) -> dict[str, float]:
    """Return what picks a step's values from the sequence in parallel: data[j + step n_in].

    Pipelined cells read what is shifted on; a loop that isn't pipelined reads each value by an index among
    all of them (13,200 LUTs for 6 of 120 values of 18 bits, Vivado HLS 2019.2).
    """
    bits = float(layer.size("n_in") * layer.inputs[0].width)
    if layer.strategy.startswith("resource"):
        return {"sequence_index": bits * layer.size("n_in") * layer.size("sequence")}
    return {"sequence_mux": bits * math.log2(max(2, layer.size("sequence")))}


def _step_cycles(
    layer: LayerDescription, cell: Cell, context: Context, matrix: int, chain: float, dsp: bool
) -> int:
    """Cycles of one step: the products, then the chain of gates, tables and state update.

    A cell is a chain of one matrix product, two tables and two products of variables with their adders; a
    table read ends a cycle.
    """
    delay = context.delays
    accum = layer.type("accum").width
    multiply = delay.multiply(accum, accum, dsp=dsp) if cell.products else 0.0
    gates = 2 * multiply + 3 * delay.add(accum) + 2 * delay.compare
    # Where a look-up is slow, computing its index takes a cycle of its own.
    slow = delay.compare > 0.4 * delay.budget
    tables = (2 if cell.products else 1) * 2 + 1 if slow else (2 if cell.products else 1)
    shared = layer.reuse_factor > 1
    body = delay.registers(gates + (0.0 if shared else chain)) + tables + (matrix + 1 if shared else 0)
    # A multiplier in DSP slices is registered at its output, and between tiles where it takes several.
    stages = (3 if slow else 1) + (accum > context.part.multiplier_ports[0] + 1)
    registers = 2 * stages if accum > 4 and cell.products else 0
    if cell.summed and not slow:
        registers = _summed_registers(accum, context, dsp=dsp)
    return body + registers + 1


def _summed_registers(accum: int, context: Context, *, dsp: bool) -> int:
    """Return the registers of a step where two products are summed (f s + i c) and a third follows.

    One more than two where a slice holds a product, whose sum waits for both; tiles are registered in
    between; one where they are in the fabric (a sweep over widths of 4 to 34 bits, Vivado-era hls4ml on
    UltraScale+).
    """
    if not dsp:
        return 1
    wide, narrow = context.part.multiplier_ports
    return 3 if accum <= narrow or accum > wide + 1 else 2
