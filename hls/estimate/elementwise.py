"""Structure of everything that isn't a product with a matrix: activations, pooling, merging, moving."""

from __future__ import annotations

import math

from bitfront.hls.design.layers import LayerDescription

from .context import Context, LayerStructure, merge
from .lookup import table_features, table_memory
from .multipliers import constant_products, variable_product
from .timing import registered_share, tree_levels


def _finish(
    layer: LayerDescription,
    context: Context,
    features: dict[str, float],
    *,
    chain: float,
    dsp: float = 0.0,
    cycles: int = 0,
    each: int = 1,
    elements: int | None = None,
) -> LayerStructure:
    """Latency and interval of an element-wise layer: all at once, or one word of the stream a cycle."""
    if not context.stream:
        bits = layer.size("n_in") * layer.size("outer") * layer.result.mean_width
        share = registered_share(chain, context.delays.cycle)
        merge(features, {"pipeline": bits * chain / context.delays.cycle * share})
        return LayerStructure(dsp, cycles, 1, chain, features)
    words = max(1, math.ceil((elements or layer.size("n_in") * layer.size("outer")) / context.pack(layer)))
    features["stream"] = float(context.pack(layer) * (layer.inputs[0].width + layer.result.width))
    features["control"] = 1.0
    depth = cycles + context.delays.cycles(chain) + 1
    return LayerStructure(
        dsp, words * each + depth, words * each, 0.0, features, first=depth + each, last=depth + each
    )


def _at_once(layer: LayerDescription, context: Context) -> int:
    """Elements computed in the same cycle."""
    return context.pack(layer) if context.stream else layer.size("n_in")


def linear_layer(layer: LayerDescription, context: Context) -> LayerStructure:
    """Take a rounding per value."""
    n = _at_once(layer, context)
    rounds = layer.result.rounding != "TRN" or layer.result.overflow != "WRAP"
    features = {"cast": n * layer.result.mean_width if rounds else 0.0}
    return _finish(layer, context, features, chain=context.delays.compare if rounds else 0.0)


def relu_layer(layer: LayerDescription, context: Context, *, scales: bool = False) -> LayerStructure:
    """Take a comparison per value, and a product with one constant where it `scales`."""
    n, data, result = _at_once(layer, context), layer.inputs[0].width, layer.result
    rounds = result.rounding != "TRN" or result.overflow != "WRAP"
    built = sum(bits > 0 for bits in result.elements) / len(result.elements) if result.elements else 1.0
    features = {
        "compare": n * (built * data + result.mean_width),
        "cast": n * result.mean_width if rounds else 0.0,
    }
    dsp = 0.0
    if scales:
        # A product with one constant: shifts and adds, or a slice where data are wide.
        features["shift_add"] = float(n * (data + 7))
    return _finish(layer, context, features, chain=context.delays.compare, dsp=dsp)


def table_layer(layer: LayerDescription, context: Context) -> LayerStructure:
    """Take a look-up per value, in the table of the function that the layer is named after."""
    n = _at_once(layer, context)
    return _finish(
        layer,
        context,
        table_features(n, layer.inputs[0], layer, layer.op),
        chain=context.delays.compare,
        cycles=2,
    )


def softmax_layer(layer: LayerDescription, context: Context) -> LayerStructure:
    """Take two tables and a product, per slice of `n_in` values."""
    outer = layer.size("outer")
    n = _at_once(layer, context)
    # A stream computes one slice at a time.
    outer = 1 if context.stream else outer
    data, implementation = layer.inputs[0].width, str(layer.options.get("implementation", "stable"))
    if implementation == "argmax":
        chain = tree_levels(n) * (context.delays.compare + context.delays.add(data))
        features = {"compare": float(outer * n * data * 2)}
        return _finish(layer, context, features, chain=chain)
    exp = layer.types["exp_table"].width if "exp_table" in layer.types else 18
    inverse = layer.types["inv_table"].width if "inv_table" in layer.types else 18
    entries = layer.size("table_size", 1024)
    each = 1
    units: float = n
    if context.stream:
        # nnet_activation_stream.h: II = size / ceil(size / RF) words of exponentials.
        units = math.ceil(n / min(layer.reuse_factor, n))
        each = max(1, n // int(units))
    fabric = layer.options.get("multiplier_core") == "fabric"
    product = 0 if fabric else variable_product(exp, inverse, context.part, vitis=context.vitis)
    dsp = outer * units * product
    accum = layer.types["accum"].width if "accum" in layer.types else exp
    features = {
        "softmax": float(outer * (n + 1) * (exp + inverse) / 2),
        "table_bram": outer * (table_memory(entries, exp, units) + table_memory(entries, inverse, 1)),
        "adder": float(outer * (n - 1) * (accum + 7)),
        "compare": float(outer * n * data * 2) if implementation == "stable" else 0.0,
        "fabric_mult": 0.0 if product else float(outer * units * exp * inverse),
        "dsp": float(dsp),
        "dsp_registers": float(dsp),
        "state": float(outer * n * exp),
    }
    chain = tree_levels(n) * (context.delays.compare + context.delays.add(accum)) + context.delays.multiplier
    if implementation != "stable":
        chain = tree_levels(n) * context.delays.add(accum) + context.delays.multiplier
    return _finish(
        layer,
        context,
        features,
        chain=chain if context.stream else 0.0,
        dsp=dsp,
        cycles=2 + (context.delays.cycles(chain) if not context.stream else 0),
        each=each,
    )


def normalize_layer(layer: LayerDescription, context: Context) -> LayerStructure:
    """Take a product with one constant and one addition per element (`nnet_batchnorm.h`)."""
    n = _at_once(layer, context)
    scales = layer.size("n_filt", layer.size("n_in"))
    content = layer.content("weight", 1, scales)
    products = constant_products(content, layer.inputs[0].width, context.part, vitis=context.vitis)
    ratio = n / max(content.n, 1)
    if context.stream and layer.reuse_factor > 1:
        units = math.ceil(n / min(layer.reuse_factor, n))
        ratio *= units / n
    dsp = products.dsp * ratio
    accum = layer.result.width
    features = {
        "adder": float(n * (accum + 7)),
        "shift_add": products.fabric_digits * ratio * (layer.inputs[0].width + 7.0),
        "dsp": dsp,
    }
    chain = 0.0
    if content.csd_digits > content.nonzero:
        chain = context.delays.multiply(layer.inputs[0].width, layer.type("weight").width, dsp=dsp > 0)
    each = min(layer.reuse_factor, n) if context.stream else 1
    return _finish(layer, context, features, chain=chain + context.delays.add(accum), dsp=dsp, each=each)


def pooling_layer(layer: LayerDescription, context: Context, *, whole: bool = False) -> LayerStructure:
    """Take a comparison or sum per value of each window; of all positions where `whole`."""
    size = layer.sizes
    pool = layer.size("pool_height") * layer.size("pool_width")
    channels = size["n_filt"]
    data = layer.inputs[0].mean_width
    step = "compare" if str(layer.options.get("pool_op", "Max")).lower().startswith("max") else "adder"
    if whole:
        pool = size["n_in"]
    at_once = 1 if context.stream else layer.positions if not whole else 1
    features = {step: float(channels * at_once * (pool - 1) * (data + (7 if step == "adder" else 0)))}
    chain = tree_levels(pool) * context.delays.compare
    if not context.stream:
        return LayerStructure(0.0, context.delays.cycles(chain), 1, chain % context.delays.budget, features)
    words = layer.size("in_height") * layer.size("in_width")
    if whole:
        words = pool
        features = {step: float(channels * (data + 7)), "state": float(channels * data)}
    else:
        features["window"] = float(channels * pool * data)
        features["line_buffer"] = float((layer.size("pool_height") - 1) * size["in_width"] * channels * data)
    features["stream"] = float(channels * (data + layer.result.width))
    features["control"] = 2.0
    lead = (layer.size("pool_height") - 1) * layer.size("in_width") + layer.size("pool_width")
    depth = 2 + context.delays.cycles(chain)
    return LayerStructure(
        0.0, words + depth, words, 0.0, features, first=min(lead, words) + depth, last=depth
    )


def add_layer(layer: LayerDescription, context: Context) -> LayerStructure:
    """Take an addition per value."""
    n = _at_once(layer, context)
    width = max(layer.result.width, *(type_.width for type_ in layer.inputs))
    return _finish(layer, context, {"adder": float(n * (width + 7))}, chain=context.delays.add(width))


def multiply_layer(layer: LayerDescription, context: Context) -> LayerStructure:
    """Take a product of two variables per value."""
    n = _at_once(layer, context)
    if layer.options.get("function") == "mask_track":
        return _finish(
            layer, context, {"compare": float(n * layer.result.width)}, chain=context.delays.compare
        )
    a, b = layer.inputs[0].width, layer.inputs[-1].width
    each = variable_product(a, b, context.part, vitis=context.vitis)
    features = {"dsp": float(n * each), "fabric_mult": 0.0 if each else float(n * a * b)}
    if layer.options.get("function") == "film":
        features["adder"] = n * (layer.result.width + 7.0)
    return _finish(layer, context, features, chain=context.delays.multiply(a, b, dsp=each > 0), dsp=n * each)


def move_layer(layer: LayerDescription, context: Context, *, stores: bool = False) -> LayerStructure:
    """Wires in parallel; on streams a copy, word for word, of the larger of input and output; `stores` all
    where the order changes.
    """
    if not context.stream:
        return LayerStructure(0.0, 0, 1, 0.0, {})
    elements = max(layer.size("n_in"), layer.size("n_out"))
    features = {"move": float(context.pack(layer) * layer.result.width)}
    if stores:
        features["state"] = float(layer.size("n_in") * layer.result.width)
    return _finish(layer, context, features, chain=0.0, elements=elements)


def sum_layer(layer: LayerDescription, context: Context) -> LayerStructure:
    """Take a sum of `n_in / n_out` values for each of `n_out`."""
    terms = max(1, layer.size("n_in") // layer.size("n_out"))
    width = layer.result.width
    at_once = layer.size("n_out") * (1 if context.stream else terms)
    chain = (1 if context.stream else tree_levels(terms)) * context.delays.add(width)
    return _finish(layer, context, {"adder": at_once * (width + 7.0)}, chain=chain)


def embedding_layer(layer: LayerDescription, context: Context) -> LayerStructure:
    """Take a row of a table per number."""
    bits = layer.size("n_out") * layer.result.width
    memory = table_memory(layer.size("vocabulary"), bits, 1)
    return _finish(layer, context, {"table_bram": memory, "table_index": float(bits)}, chain=0.0, cycles=1)
