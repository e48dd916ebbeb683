"""A hardware design as data: layers in order with types, sizes, reuse, weight content; part, clock and tool.

Both a candidate of a search and a record of published synthesis results turn into a `DesignDescription`, which is
all that an estimate needs. Everything is immutable and goes to JSON and back unchanged.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bitfront.spaces import FixedPoint

from .adder_graph import AdderGraph
from .weights import DesignError, WeightContent, typical_content

__all__ = ["OPERATIONS", "DesignDescription", "DesignError", "LayerDescription", "WeightContent"]

VERSION = 1
"""Version of the JSON form; a reader refuses a newer one."""

OPERATIONS: dict[str, tuple[str, ...]] = {
    "dense": ("n_in", "n_out"),
    "conv1d": ("in_width", "n_chan", "filt_width", "n_filt", "out_width"),
    "conv2d": (
        "in_height", "in_width", "n_chan", "filt_height", "filt_width", "n_filt", "out_height", "out_width",
    ),
    "depthwise_conv1d": ("in_width", "n_chan", "filt_width", "n_filt", "out_width"),
    "depthwise_conv2d": (
        "in_height", "in_width", "n_chan", "filt_height", "filt_width", "n_filt", "out_height", "out_width",
    ),
    "lstm": ("n_in", "n_state", "sequence"),
    "gru": ("n_in", "n_state", "sequence"),
    "simple_rnn": ("n_in", "n_state", "sequence"),
    "normalize": ("n_in",),
    "layernorm": ("n_in", "sequence"),
    "pooling1d": ("in_width", "n_filt", "pool_width", "out_width"),
    "pooling2d": ("in_height", "in_width", "n_filt", "pool_height", "pool_width", "out_height", "out_width"),
    "global_pooling": ("n_in", "n_filt"),
    "linear": ("n_in",),
    "relu": ("n_in",),
    "leaky_relu": ("n_in",),
    "hard_activation": ("n_in",),
    "sigmoid": ("n_in",),
    "tanh": ("n_in",),
    "table_activation": ("n_in",),
    "softmax": ("n_in",),
    "argmax": ("n_in",),
    "add": ("n_in",),
    "multiply": ("n_in",),
    "concatenate": ("n_in",),
    "reshape": ("n_in",),
    "transpose": ("n_in",),
    "clone": ("n_in",),
    "zero_padding": ("n_in", "n_out"),
    "slice": ("n_in", "n_out"),
    "resize": ("n_in", "n_out"),
    "sum": ("n_in", "n_out"),
    "embedding": ("n_in", "n_out", "vocabulary"),
    "einsum": ("n_free0", "n_free1", "n_contract", "n_inplace"),
    "einsum_dense": ("n_free_data", "n_free_kernel", "n_contract", "n_inplace"),
    "hept_attention": ("sequence", "heads", "head_size", "coordinates"),
}  # fmt: skip
"""Every operation and the sizes that a layer of it must state.

`n_in` counts all elements of an element-wise layer's input, but the positions of a global pooling, as hls4ml has it,
and the elements of one slice of a softmax (`outer` slices, 1 where not stated). Optional sizes: `positions` (dense on a sequence), `stride_*`, `parallelization` (positions computed at once),
`directions` (2: bidirectional), `outer`, `n_filt` (channels of a stream),
`table_size`. A separable convolution is a depthwise one followed by a convolution with a kernel of 1; a Keras
`TimeDistributed(Dense)` or a Dense on a sequence is `dense` with `positions`; average, subtract, minimum, maximum
cost what `add` costs; `table_activation` stands for elu, selu, softplus, softsign.
"""

GATES = {"lstm": 4, "gru": 3, "simple_rnn": 1}


@dataclass(frozen=True, kw_only=True)
class LayerDescription:
    """One layer as hls4ml writes it.

    Attributes:
        name: the layer's name.
        op: one of `OPERATIONS`.
        inputs: the type of each input.
        result: the type of the output.
        types: further types by name: `weight`, `bias`, `accum`, `table`; `recurrent_weight`, `recurrent_bias`,
            `recurrent_table`; `exp_table`, `inv_table`, `inv_inp`. (A normalisation's scale is its `weight`.)
        sizes: `OPERATIONS[op]`, and the optional ones named there.
        weights: content of each weight array, by the same names as the types (`backward_weight`, ... for the
            second direction).
        reuse_factor, recurrent_reuse_factor: after hls4ml's own rounding; the second defaults to the first.
        strategy: `latency`, `resource`, `resource_unrolled` or `distributed_arithmetic`.
        options: what else matters: `static` (recurrent, default true), `return_sequences`, `implementation`
            (softmax: stable, latency, argmax, legacy; convolution: linebuffer, encoded), `activation`,
            `recurrent_activation`, `pool_op`.
        adders: of a layer with distributed arithmetic, what da4ml makes of its kernel; without it, its cost is guessed
            from the weights' digits.
        after: names of the layers that feed this one, so that branches count side by side; None for the layer
            before it in the list, and a name that no layer has is an input of the design.

    Raises:
        DesignError: unknown operation, or a size is missing or not positive.
    """

    name: str
    op: str
    inputs: tuple[FixedPoint, ...]
    result: FixedPoint
    sizes: Mapping[str, int]
    types: Mapping[str, FixedPoint] = field(default_factory=dict)
    weights: Mapping[str, WeightContent] = field(default_factory=dict)
    reuse_factor: int = 1
    recurrent_reuse_factor: int | None = None
    strategy: str = "latency"
    options: Mapping[str, str | bool | int] = field(default_factory=dict)
    after: tuple[str, ...] | None = None
    adders: AdderGraph | None = None

    def __post_init__(self) -> None:
        if self.op not in OPERATIONS:
            raise DesignError(
                f"Layer '{self.name}' is a '{self.op}', which is none of {', '.join(OPERATIONS)}."
            )
        missing = [size for size in OPERATIONS[self.op] if size not in self.sizes]
        if missing:
            raise DesignError(f"Layer '{self.name}' ({self.op}) lacks the sizes {', '.join(missing)}.")
        bad = [size for size, value in self.sizes.items() if value < 1]
        if bad:
            raise DesignError(f"Layer '{self.name}' ({self.op}): {', '.join(bad)} must be positive.")
        if self.reuse_factor < 1:
            raise DesignError(f"Layer '{self.name}' ({self.op}): the reuse factor must be positive.")
        if not self.inputs:
            raise DesignError(f"Layer '{self.name}' ({self.op}) has no input.")

    def size(self, name: str, default: int = 1) -> int:
        """Return a size, or `default` where it isn't stated."""
        return self.sizes.get(name, default)

    @property
    def matrix(self) -> tuple[int, int]:
        """Inputs and outputs of the layer's constant-weight product (0, 0 where there is none).

        A recurrent layer's kernel is meant; its recurrent kernel is `n_state` by the same outputs
        (`get_layer_mult_size` in hls4ml's FPGA backend).
        """
        size = self.sizes
        if self.op == "dense":
            return size["n_in"], size["n_out"]
        if self.op in ("conv1d", "conv2d"):
            return size["n_chan"] * size["filt_width"] * self.size("filt_height"), size["n_filt"]
        if self.op in ("depthwise_conv1d", "depthwise_conv2d"):
            return size["filt_width"] * self.size("filt_height"), size["n_filt"]
        if self.op in GATES:
            return size["n_in"], size["n_state"] * GATES[self.op]
        if self.op == "einsum_dense":
            return size["n_contract"], size["n_free_kernel"] * size["n_inplace"]
        return 0, 0

    @property
    def positions(self) -> int:
        """How often the product is applied in one inference: output pixels, sequence steps, or 1."""
        if "conv" in self.op or "pooling" in self.op:
            return self.size("out_height") * self.size("out_width")
        if self.op in GATES or self.op == "layernorm":
            return self.sizes["sequence"]
        if self.op == "einsum_dense":
            return self.sizes["n_free_data"]
        return self.size("positions")

    @property
    def multiplications(self) -> int:
        """Multiplications of one inference, zeros and all."""
        n_in, n_out = self.matrix
        size = self.sizes
        if self.op in GATES:
            gate = 3 if self.op != "simple_rnn" else 0
            cell = n_in * n_out + size["n_state"] * n_out + gate * size["n_state"]
            return cell * size["sequence"] * self.size("directions")
        if self.op == "einsum":
            return math.prod(size[name] for name in OPERATIONS["einsum"])
        if self.op == "layernorm":
            return 3 * size["n_in"]
        if self.op in ("normalize", "multiply", "softmax"):
            return size["n_in"] * self.size("outer")
        if self.op == "hept_attention":
            return size["sequence"] ** 2 * size["heads"] * (2 * size["head_size"] + size["coordinates"])
        return n_in * n_out * self.positions

    def type(self, name: str, default: FixedPoint | None = None) -> FixedPoint:
        """Return a type by name; without it `default`, or else the result's."""
        return self.types.get(name, default or self.result)

    def content(self, name: str, n_in: int, n_out: int) -> WeightContent:
        """Content of an `n_in` by `n_out` weight array, or what is typical of its type where nobody has seen it."""
        seen = self.weights.get(name)
        if seen is not None:
            return seen
        type_ = self.type(name, self.type("weight"))
        return typical_content(n_in * n_out, type_.width, type_.integer, type_.signed, n_in)

    def to_json(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "name": self.name,
            "op": self.op,
            "inputs": [str(type_) for type_ in self.inputs],
            "result": str(self.result),
            "sizes": dict(self.sizes),
            "types": {name: str(type_) for name, type_ in self.types.items()},
            "weights": {name: content.to_json() for name, content in self.weights.items()},
            "reuse_factor": self.reuse_factor,
            "recurrent_reuse_factor": self.recurrent_reuse_factor,
            "strategy": self.strategy,
            "options": dict(self.options),
            **({} if self.after is None else {"after": list(self.after)}),
            **({} if self.adders is None else {"adders": self.adders.to_json()}),
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> LayerDescription:
        """Read what `to_json` wrote.

        Raises:
            DesignError: a key is missing or unknown, or the layer is impossible.
        """
        try:
            typed = {
                **plain,
                "inputs": tuple(FixedPoint.parse(text) for text in plain["inputs"]),
                "result": FixedPoint.parse(plain["result"]),
                "types": {name: FixedPoint.parse(text) for name, text in plain["types"].items()},
                "weights": {name: WeightContent.from_json(part) for name, part in plain["weights"].items()},
                **({"after": tuple(plain["after"])} if plain.get("after") is not None else {}),
                **({"adders": AdderGraph.from_json(plain["adders"])} if plain.get("adders") else {}),
            }
            return cls(**typed)
        except (KeyError, TypeError, AttributeError) as error:
            raise DesignError(
                f"Layer '{plain.get('name')}' of the design's JSON can't be read: {error}."
            ) from None


@dataclass(frozen=True, kw_only=True)
class DesignDescription:
    """A whole design.

    Attributes:
        name: the design's name, or the record's id.
        layers: in order.
        part: part string or alias (see `bitfront.hls.parts`).
        clock_ns: target clock period.
        io_type: `io_parallel` or `io_stream`.
        backend: `Vitis` or `Vivado` (HLS).
        tool_version: of the HLS tool, such as `2023.2`.
        pipeline_style: `pipeline`, `dataflow`, `sequential` (layers one after the other, none overlapping), or
            `auto` for hls4ml's own choice.

    Raises:
        DesignError: no layer, or an impossible clock or io_type.
    """

    name: str
    layers: tuple[LayerDescription, ...]
    part: str
    clock_ns: float
    io_type: str = "io_parallel"
    backend: str = "Vitis"
    tool_version: str = "2023.2"
    pipeline_style: str = "auto"

    def __post_init__(self) -> None:
        if not self.layers:
            raise DesignError(f"Design '{self.name}' has no layers.")
        if not self.clock_ns > 0:
            raise DesignError(
                f"Design '{self.name}': the clock period must be positive, not {self.clock_ns} ns."
            )
        if self.io_type not in ("io_parallel", "io_stream"):
            raise DesignError(
                f"Design '{self.name}': io_type is '{self.io_type}', not io_parallel or io_stream."
            )

    @property
    def style(self) -> str:
        """`pipeline`, `dataflow` or `sequential`, chosen as hls4ml's `set_pipeline_style` does where it isn't given."""
        if self.pipeline_style in ("pipeline", "dataflow", "sequential"):
            return self.pipeline_style
        if self.io_type == "io_stream":
            return "dataflow"
        for layer in self.layers:
            partitions = layer.positions // max(1, min(layer.size("parallelization"), layer.positions))
            if layer.op in ("conv1d", "conv2d") and partitions != 1:
                return "dataflow"
            if layer.strategy == "resource":
                return "dataflow"
        return "pipeline"

    def to_json(self) -> dict[str, Any]:
        """Plain values with the form's version, for JSON."""
        own = ("name", "part", "clock_ns", "io_type", "backend", "tool_version", "pipeline_style")
        return {
            "version": VERSION,
            **{key: getattr(self, key) for key in own},
            "layers": [layer.to_json() for layer in self.layers],
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> DesignDescription:
        """Read what `to_json` wrote.

        Raises:
            DesignError: another version, a missing or unknown key, or an impossible design.
        """
        if plain.get("version") != VERSION:
            raise DesignError(
                f"This design's JSON has version {plain.get('version')}, where {VERSION} is read."
            )
        rest = {key: value for key, value in plain.items() if key not in ("version", "layers")}
        try:
            layers: Iterable[LayerDescription] = map(LayerDescription.from_json, plain["layers"])
            return cls(layers=tuple(layers), **rest)
        except (KeyError, TypeError) as error:
            raise DesignError(f"Design '{plain.get('name')}' can't be read from JSON: {error}.") from None
