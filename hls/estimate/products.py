"""Structure of layers that multiply data with constant matrices: dense, convolutions, einsum-dense.

Every rule is hls4ml's own C++ (`nnet_dense_latency.h`, `nnet_dense_resource.h`, `nnet_conv*_latency.h`,
`nnet_conv_stream.h`) seen through what the tools report for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from bitfront.hls.design.adder_graph import AdderGraph
from bitfront.hls.design.layers import LayerDescription
from bitfront.hls.design.weights import WeightContent

from .context import Context, LayerStructure, merge
from .multipliers import checks, constant_products, together, variable_product
from .timing import registered_share, tree_levels

__all__ = ["Core", "matrix_core", "product_layer"]

SPREADS = 2.0
"""Standard deviations that the longest of a layer's sums has more terms than their mean."""
SHIFTED_SHARE = 0.4
"""Registers of trees without a multiplier before them: HLS places their boundaries where few values live (12
networks with a width per weight, Vitis HLS 2023.1).
"""
SHIFTED_WIDTH = 0.35
"""How much wider adders of shifted data are: their terms span more bits than products of like weights (the
same 12 networks).
"""
UNIT_SHARE = 0.9
"""Adders that are left of the sums of +1 and -1: many outputs have pairs of terms in common (60 syntheses of
binary and ternary networks of one source).
"""
SERIAL_SHARE = 0.6
"""Adders one after the other in a sum of terms of +1 and -1, as a share of its terms. Vitis HLS 2023.1: sums
of 16, 64, 32 and 32 such terms at 5 ns take 15 to 20 cycles in one source, and 10 to 12 in another.
"""
BALANCED = 8192
"""Products of a layer beyond which Vitis HLS 2021.1 left the sums of mostly shifted terms in a chain (196 x
56: 48 cycles of 5 ns, where 64 x 56 and 274 x 8 with their truncated products are trees).
"""


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
    exact: bool = False,
    core: str = "",
    adders: AdderGraph | None = None,
    chained: bool = False,
    rows: Mapping[int, WeightContent] | None = None,
) -> Core:
    """One product of an `n_in` vector with an `n_in` by `n_out` constant matrix.

    With `adders`, the product is distributed arithmetic that da4ml has solved: its own cost, depth and
    register bits.

    `data`, `weight`, `accum`: widths in bits; `checked`: the accumulator rounds or saturates at each
    addition;
    `exact`: it holds every bit of the products; `core`: what multipliers are bound to, if anything;
    `chained`: what comes before and after it is counted with it, so that no part of a cycle is lost here;
    `rows`: content by the width of the data, where that differs between elements. At
    a reuse factor of 1 the Resource strategy's weights are constants too, so both strategies come out alike,
    which the reports confirm.
    """
    if strategy.startswith("resource") and reuse > 1:
        return _resource(n_in, n_out, data, weight, accum, reuse, context, checked)
    if adders is not None:
        return _distributed(adders, accum, context)
    groups = rows or {data: content}
    parts = {
        width: constant_products(one, width, context.part, vitis=context.vitis, core=core)
        for width, one in groups.items()
    }
    products = together(parts.values())
    need = products.multipliers
    distributed = strategy.startswith("distributed") or strategy == "da"
    dsp = 0.0 if distributed else products.dsp
    mean = sum(width * one.nonzero for width, one in groups.items()) / max(1, content.nonzero)
    sums = _sums(n_in, n_out, content, round(mean) or 1, accum, exact and not distributed, context)
    multiply = 0.0
    if content.csd_digits > content.nonzero:
        # Two signed digits take one addition.
        multiply = (
            context.delays.add(data)
            if need < 1
            else context.delays.multiply(data, weight, dsp=dsp > need / 2)
        )
    lost = 0.0 if chained or dsp <= need / 2 else context.delays.lost_to(multiply)
    chain = multiply + lost + sums.nanoseconds
    latency, interval = (context.delays.registers if chained else context.delays.cycles)(chain), 1
    digits = {
        width: max(0, one.csd_digits - one.nonzero) if distributed else parts[width].fabric_digits
        for width, one in groups.items()
    }
    features = {
        # Sums of products keep the accumulator's width, those of +1 and -1 start at the data's.
        "adder": content.nonzero
        * (sums.width * UNIT_SHARE if sums.units else accum * (1 + SHIFTED_WIDTH * sums.shifted)),
        "adds": content.nonzero * (UNIT_SHARE if sums.units else 1.0) + sum(digits.values()),
        "shift_add": float(sum(width * count for width, count in digits.items())),
        "checked_adder": content.nonzero * (accum + 7.0) if checked else 0.0,
        "result": float(sums.outputs * accum),
        "chain_registers" if sums.serial else "pipeline": sums.registers(multiply, context.delays.cycle)
        * (SHIFTED_SHARE if need < 1 and not sums.serial else 1.0),
        # What is cut or clipped in the same cycle is registered as narrow as that.
        "result_registers": sums.outputs
        * min(accum, context.read_bits or accum)
        * registered_share(chain, context.delays.cycle),
        "fabric_mult": 0.0 if distributed else products.fabric_bits,
        "dsp": dsp,
        "dsp_registers": dsp * min(latency, 1),
    }
    if reuse > 1 and need >= 1:
        # ALLOCATION limit: ceil(n_in n_out / RF) - zeros / RF multipliers, each used as often as it takes.
        zeros = max(0, n_in * n_out - content.nonzero)
        limit = max(1, math.ceil(n_in * n_out / reuse) - zeros // reuse)
        units = min(need, float(limit))
        passes = max(1, round(need / units))
        # While the multipliers are reused, sums of finished products go on beside them.
        latency = passes - 1 + (max(0, latency - 1) if passes > 1 else latency)
        # The pragma asks for an interval of RF, which no function needs to exceed its own latency for.
        interval = min(reuse, latency + 1)
        features["operand_mux"] = (need - units) * (data + weight)
        features["hold"] = (1 - 1 / passes) * content.nonzero * accum
        if dsp:
            # A multiplier that is shared serves constants of every length.
            dsp *= units / need if passes == 1 else units / max(1.0, products.taking)
            features["dsp"] = features["dsp_registers"] = dsp
        else:
            features["fabric_mult"] = units * data * min(weight, data) if passes > 1 else products.fabric_bits
            features["shift_add"] *= 1 / passes if passes > 1 else 1.0
    return Core(dsp, latency, interval, chain, features)


@dataclass(frozen=True)
class _Sums:
    """Sums of products: adder trees, or chains where the tool doesn't balance them.

    Attributes:
        terms: all of them.
        inputs: bits of the data that are summed.
        outputs: sums with a term.
        levels: adders one after the other.
        width: bits of an adder.
        serial: whether they are chains.
        shifted: share of the terms that are data shifted.
        units: whether all terms are data times +1 or -1, whose sums have parts in common.
        nanoseconds: delay of all levels.
    """

    terms: int
    inputs: int
    outputs: int
    levels: int
    width: float
    serial: bool
    shifted: float
    units: bool
    nanoseconds: float

    def registers(self, product: float, cycle: float) -> float:
        """Bits of registers to expect where a product takes `product` nanoseconds and a cycle holds `cycle`.

        A boundary may be anywhere along the chain, so what lives at each moment is integrated over it.
        """
        spent, chain = self.inputs * product, self.nanoseconds
        if self.serial:
            spent += chain * (self.inputs / 2 + self.outputs * self.width)
        elif self.levels:
            # Most sums are shorter than the longest: a tree of n terms has 2 n (1 - 1 / n) values on its
            # levels.
            mean = self.terms / self.outputs
            level = self.nanoseconds / self.levels
            chain = level * math.log2(mean + 1)
            spent += level * 2 * self.terms * (1 - 1 / (mean + 1)) * self.width
        return spent / cycle * registered_share(product + chain, cycle)


def _sums(
    n_in: int, n_out: int, content: WeightContent, data: int, accum: int, exact: bool, context: Context
) -> _Sums:
    """Describe the sums of a constant matrix's products.

    The longest decides: of `n_out` sums with so many terms on average, taken as binomial, the largest has
    about two standard deviations more. Its products' bits and one for carries give an adder's width.
    """
    outputs = max(1, min(n_out, content.nonzero, context.read or n_out))
    mean = content.nonzero / outputs
    spread = math.sqrt(mean * max(0.0, 1 - mean / max(n_in, 1))) if outputs > 1 else 0.0
    terms = max(1.0, min(float(n_in), mean + SPREADS * spread))
    length = sum(bits * count for bits, count in content.histogram.items()) / max(1, content.nonzero)
    width = min(float(accum), data + length + 1)
    # HLS doesn't balance sums whose terms are added and subtracted as they are.
    shifts = content.powers_of_two / max(1, content.nonzero)
    units = max(content.histogram, default=1) == 1 and shifts == 1.0
    large = shifts > 0.5 and n_in * n_out > BALANCED and context.design.tool_version < "2022"
    serial = context.vitis and exact and (units or large)
    levels = (
        round(SERIAL_SHARE * terms)
        if serial and units
        else round(terms)
        if serial
        else tree_levels(terms + 1)
    )
    return _Sums(
        terms=content.nonzero,
        inputs=min(n_in, content.nonzero, context.given or n_in) * data,
        outputs=outputs,
        levels=levels,
        width=width,
        serial=serial,
        shifted=shifts,
        units=units,
        nanoseconds=levels * context.delays.add(round(width)),
    )


def _distributed(adders: AdderGraph, accum: int, context: Context) -> Core:
    level = context.delays.add(accum)
    chain = adders.depth * level
    registers = adders.registers(max(1, int(context.delays.budget / level)))
    features = {"adder_graph": adders.luts, "adder_graph_registers": float(registers)}
    return Core(0.0, context.delays.cycles(chain), 1, chain, features)


def _resource(
    n_in: int, n_out: int, data: int, weight: int, accum: int, reuse: int, context: Context, checked: bool
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
        "checked_adder": units * (accum + 7.0) if checked else 0.0,
        "fabric_mult": 0.0 if each else float(units * data * weight),
        # data[in_index]: up to n_in an index for each multiplier, beyond it one for all; acc[out_index]
        # likewise.
        "input_mux": float(min(n_in, units * reuse) * data),
        "unit_mux": units * data * math.log2(reuse) if reuse < n_in else 0.0,
        "acc_mux": float(n_out * accum) if reuse <= n_in else 0.0,
        # Beyond n_in the accumulator too is picked by an index that changes each cycle.
        "acc_index": float(n_out * accum) if reuse > n_in else 0.0,
        "result": float(n_out * accum),
        "result_registers": float(n_out * accum),
        "dsp_registers": dsp,
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
        checked="accum" in layer.types and checks(layer.types["accum"]),
        exact=layer.type("accum").fraction >= layer.inputs[0].fraction + layer.type("weight").fraction,
        core=str(layer.options.get("multiplier_core", "")),
        adders=layer.adders,
        rows=layer.rows,
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
        bits = float(n_in * parallel * layer.inputs[0].width)
        merge(merged, {"window_mux": bits * partitions, "window": bits})
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
