"""Structure of layers that multiply data with constant matrices: dense, convolutions, einsum-dense.

Every rule is hls4ml's own C++ (`nnet_dense_latency.h`, `nnet_dense_resource.h`, `nnet_conv*_latency.h`,
`nnet_conv_stream.h`) seen through what the tools report for it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from bitfront.hls.design.adder_graph import AdderGraph
from bitfront.hls.design.layers import LayerDescription
from bitfront.hls.design.weights import WeightContent

from .context import Context, LayerStructure, merge
from .multipliers import constant_products, variable_product
from .timing import tree_levels

__all__ = ["Core", "matrix_core", "product_layer"]


@dataclass(frozen=True)
class Core:
    """One matrix-vector product.

    Attributes:
        dsp: DSP slices.
        latency: cycles to the result, beyond the first.
        interval: cycles before the next vector may enter.
        nanoseconds: length of the unregistered chain, where nothing is shared.
        features: what it puts in the fabric, in bits (see `features` in `LayerStructure`).
    """

    dsp: float
    latency: int
    interval: int
    nanoseconds: float
    features: dict[str, float]


def matrix_core(
    n_in: int,
    n_out: int,
    content: WeightContent,
    *,
    data: int,
    weight: int,
    accum: int,
    reuse: int,
    strategy: str,
    context: Context,
    checked: bool = False,
    adders: AdderGraph | None = None,
) -> Core:
    """One product of an `n_in` vector with an `n_in` by `n_out` constant matrix.

    With `adders`, the product is distributed arithmetic that da4ml has solved: its own cost, depth and
    register bits.

    `data`, `weight`, `accum`: widths in bits; `checked`: the accumulator rounds or saturates at each
    addition. At a reuse factor of 1 the Resource strategy's weights are constants too, so both strategies
    come out alike, which the reports confirm.
    """
    if strategy.startswith("resource") and reuse > 1:
        return _resource(n_in, n_out, data, weight, accum, reuse, context)
    if adders is not None:
        return _distributed(adders, accum, context)
    products = constant_products(content, data, context.part)
    need = products.multipliers
    terms = content.nonzero / max(n_out, 1) + 1
    distributed = strategy.startswith("distributed") or strategy == "da"
    dsp = 0.0 if distributed else products.dsp
    chain = context.delays.multiply(data, weight, dsp=dsp > 0) * (content.csd_digits > content.nonzero)
    chain += tree_levels(terms) * context.delays.add(accum)
    latency, interval = context.delays.cycles(chain), 1
    digits = products.fabric_digits if not distributed else max(0, content.csd_digits - content.nonzero)
    features = {
        "adder": content.nonzero * (accum + 7.0),
        "shift_add": digits * (data + 7.0),
        "checked_adder": content.nonzero * (accum + 7.0) if checked else 0.0,
        "result": float(n_out * accum),
        "pipeline": latency / max(1, tree_levels(terms) + 1) * content.nonzero * accum
        + n_out * accum * min(latency, 1),
        "fabric_mult": 0.0 if distributed else products.fabric_bits,
        "dsp": dsp,
    }
    if reuse > 1 and need >= 1:
        # ALLOCATION limit: ceil(n_in n_out / RF) - zeros / RF multipliers, each used as often as it takes.
        zeros = max(0, n_in * n_out - content.nonzero)
        limit = max(1, math.ceil(n_in * n_out / reuse) - zeros // reuse)
        units = min(need, float(limit))
        passes = max(1, round(need / units))
        # While the multipliers are reused, sums of finished products go on beside them.
        latency = passes - 1 + (max(0, latency - 1) if passes > 1 else latency)
        interval = min(passes, reuse)
        features["operand_mux"] = (need - units) * (data + weight)
        features["hold"] = (1 - 1 / passes) * content.nonzero * accum
        if dsp:
            dsp *= units / need
            features["dsp"] = dsp
        else:
            features["fabric_mult"] = units * data * min(weight, data) if passes > 1 else products.fabric_bits
            features["shift_add"] *= 1 / passes if passes > 1 else 1.0
    return Core(dsp, latency, interval, chain, features)


def _distributed(adders: AdderGraph, accum: int, context: Context) -> Core:
    level = context.delays.add(accum)
    chain = adders.depth * level
    registers = adders.registers(max(1, int(context.delays.budget / level)))
    features = {"adder_graph": adders.luts, "adder_graph_registers": float(registers)}
    return Core(0.0, context.delays.cycles(chain), 1, chain, features)


def _resource(
    n_in: int, n_out: int, data: int, weight: int, accum: int, reuse: int, context: Context
) -> Core:
    """`dense_resource_*`: `ceil(n_in n_out / RF)` multipliers, weights in memory, a loop of RF cycles."""
    units = math.ceil(n_in * n_out / reuse)
    each = variable_product(data, weight, context.part, vitis=context.vitis)
    dsp = float(units * each)
    chain = context.delays.multiply(data, weight, dsp=each > 0)
    chain += (1 + tree_levels(units / max(n_out, 1))) * context.delays.add(accum)
    latency = reuse + 1 + context.delays.cycles(chain)
    bits = units * weight
    features = {
        "adder": units * (accum + 7.0),
        "fabric_mult": 0.0 if each else float(units * data * weight),
        # data[in_index]: every multiplier picks from up to RF inputs; acc[out_index] likewise beyond n_in.
        "input_mux": float(min(n_in, units * reuse) * data),
        "acc_mux": float(n_out * accum) if reuse <= n_in else 0.0,
        # Beyond n_in the accumulator too is picked by an index that changes each cycle.
        "acc_index": float(n_out * accum) if reuse > n_in else 0.0,
        "result": float(n_out * accum),
        "loop_registers": float(n_out * accum + units * (data + weight)),
        "dsp": dsp,
        # ROM_nP_BRAM: one word of all weights a cycle, RF deep; small ones become LUT memory.
        "rom_bram": float(math.ceil(bits / 36) * math.ceil(reuse / 512)) if bits * reuse > 1024 else 0.0,
        "rom_lut": float(bits * reuse) if bits * reuse <= 1024 else 0.0,
        "control": 1.0,
    }
    return Core(dsp, latency, reuse, chain, features)


def product_layer(layer: LayerDescription, context: Context, *, at_once: bool = False) -> LayerStructure:
    """Take a dense layer, a convolution or an einsum-dense, in parallel or on streams."""
    n_in, n_out = layer.matrix
    content = layer.content("weight", n_in, n_out)
    core = matrix_core(
        n_in,
        n_out,
        content,
        data=layer.inputs[0].width,
        weight=layer.type("weight").width,
        accum=layer.type("accum").width,
        reuse=layer.reuse_factor,
        strategy=layer.strategy,
        context=context,
        checked="accum" in layer.types and layer.types["accum"].overflow != "WRAP",
        adders=layer.adders,
    )
    features = dict(core.features)
    features["cast"] = float(n_out * layer.result.width) * (layer.result.overflow != "WRAP")
    convolution = layer.kind.convolution
    if context.stream:
        return _stream(layer, core, features, context)
    positions = layer.positions
    unstated = positions if at_once else 1
    parallel = min(layer.size("parallelization", unstated), positions)
    pointwise = layer.kind.partitioned and layer.sizes["filt_width"] == 1 and "filt_height" not in layer.sizes
    if pointwise and not context.vitis and layer.strategy == "latency":
        # hls4ml up to 0.8 unrolled the positions of a pointwise convolution and let RF calls share them.
        parallel = positions
    partitions = math.ceil(positions / parallel)
    merged = merge({}, features, parallel)
    if convolution and partitions > 1:
        # fill_buffer: a partition counter selects each input of the window among the partitions.
        merged["input_mux"] = merged.get("input_mux", 0.0) + n_in * parallel * layer.inputs[
            0
        ].width * math.log2(partitions)
        merged["control"] = 1.0
    latency, interval = core.latency, core.interval
    if partitions > 1:
        interval = partitions * max(core.interval, 1)
        if layer.strategy.startswith("resource") and layer.reuse_factor > 1:
            interval = partitions * (core.latency + 7)
        latency = core.latency + interval
    return LayerStructure(
        dsp=core.dsp * parallel,
        latency=latency,
        interval=interval,
        nanoseconds=core.nanoseconds if partitions == 1 and layer.reuse_factor == 1 else 0.0,
        features=merged,
    )


def _stream(
    layer: LayerDescription, core: Core, features: dict[str, float], context: Context
) -> LayerStructure:
    """Take a product fed by a stream: one pixel (all channels of a position) at a time."""
    data = layer.inputs[0].width
    resource = layer.strategy.startswith("resource")
    if not layer.kind.convolution:
        reads = max(1, math.ceil(layer.size("n_in") / max(1, context.pack(layer))))
        positions = layer.positions
        each = core.latency + 1 + (1 if layer.reuse_factor > 1 else 0)
        features["stream"] = float(layer.size("n_in") * data + layer.matrix[1] * layer.result.width)
        features["control"] = 1.0
        return LayerStructure(
            dsp=core.dsp,
            latency=positions * each + (reads if reads > 1 else 0),
            interval=positions * max(core.interval, 1 if positions > 1 else each)
            + (reads if reads > 1 else 0),
            nanoseconds=0.0,
            features=features,
            first=(reads if reads > 1 else 0) + each,
            last=each,
        )
    size = layer.sizes
    height, width = layer.size("in_height"), size["in_width"]
    channels, kernel_height, kernel_width = size["n_chan"], layer.size("filt_height"), size["filt_width"]
    pointwise = kernel_height == kernel_width == 1
    window = channels * kernel_height * kernel_width
    if layer.options.get("implementation") == "encoded" and not pointwise:
        each = core.latency + 2 + window
    elif layer.reuse_factor == 1:
        # Fully pipelined in Vivado HLS 2020; two or three cycles a pixel in its neighbours.
        old = context.design.tool_version < "2020"
        each = 2 + core.latency // 2 if resource else 3 if old else 2 if context.vitis else 1
    elif resource:
        each = core.latency + (2 if pointwise else 4)
    else:
        each = min(core.latency + 3, layer.reuse_factor)
    features["window"] = 0.0 if pointwise else float(window * data)
    # One shift register per channel and row but the last: SRL in the fabric, or block memory where long.
    features["line_buffer"] = 0.0 if pointwise else float((kernel_height - 1) * width * channels * data)
    features["stream"] = float(channels * data + size["n_filt"] * layer.result.width)
    features["control"] = 2.0
    lead = ((kernel_height - 1) * width + kernel_width) * each
    pixels = height * width
    return LayerStructure(
        dsp=core.dsp,
        latency=pixels * each + core.latency % max(each, 1) + 3,
        interval=pixels * each,
        nanoseconds=0.0,
        features=features,
        first=min(lead, pixels * each) + core.latency,
        last=each + core.latency % max(each, 1),
    )
