"""A hardware design as data: layers in order with types, sizes, reuse, weight content; part, clock and tool.

Both a candidate of a search and a record of published synthesis results turn into a `DesignDescription`,
which is all that an estimate needs. Everything is immutable and goes to JSON and back unchanged.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from bitfront.spaces import FixedPoint

from ..operation import LayerKind, layer_kinds
from .adder_graph import AdderGraph
from .weights import DesignError, WeightContent, typical_content

__all__ = ["DesignDescription", "DesignError", "LayerDescription", "WeightContent"]

VERSION = 1
"""Version of the JSON form; a reader refuses a newer one."""


def _counts(value: object) -> bool:
    """Whether hls4ml's C++ holds a size: it is an `unsigned` there."""
    return isinstance(value, int) and value < 2**32


@dataclass(frozen=True, kw_only=True)
class LayerDescription:
    """One layer as hls4ml writes it.

    Attributes:
        name: the layer's name.
        op: its kind, one of `bitfront.hls.operation.layer_kinds()`.
        inputs: the type of each input.
        result: the type of the output.
        types: further types by name: `weight`, `bias`, `accum`, `table`; `recurrent_weight`,
            `recurrent_bias`, `recurrent_table`; `exp_table`, `inv_table`, `inv_inp`. (A normalisation's scale
            is its `weight`.)
        sizes: those of its kind, which counts all elements of an element-wise layer's input as `n_in`, but
            the positions of a global pooling, as hls4ml has it, and the elements of one slice of a softmax
            (`outer` slices, 1 where not stated). Optional: `positions` (dense on a sequence), `stride_*`,
            `parallelization` (positions computed at once), `directions` (2: bidirectional), `outer`, `n_filt`
            (channels of a stream), `table_size`. A separable convolution is a depthwise one followed by a
            convolution with a kernel of 1.
        weights: content of each weight array, by the same names as the types (`backward_weight`, ... for the
            second direction).
        rows: content of the rows of `weight` by the width of what they multiply, where that differs between
            elements of the input; empty where all have its type's.
        reuse_factor, recurrent_reuse_factor: after hls4ml's own rounding; the second defaults to the first.
        strategy: `latency`, `resource`, `resource_unrolled` or `distributed_arithmetic`.
        options: what else matters: `static` (recurrent, default true), `return_sequences`, `implementation`
            (softmax: stable, latency, argmax, legacy; convolution: linebuffer, encoded), `activation`,
            `recurrent_activation`, `pool_op`.
        adders: of a layer with distributed arithmetic, what da4ml makes of its kernel; without it, its cost
            is guessed from the weights' digits.
        after: names of the layers that feed this one, so that branches count side by side; None for the layer
            before it in the list, and a name that no layer has is an input of the design.

    Raises:
        DesignError: unknown operation, or a size is missing or no positive whole number below 2^32.
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
    rows: Mapping[int, WeightContent] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = layer_kinds()
        if self.op not in known:
            raise DesignError(f"Layer '{self.name}' is a '{self.op}', which is none of {', '.join(known)}.")
        missing = [size for size in self.kind.sizes if size not in self.sizes]
        if missing:
            raise DesignError(f"Layer '{self.name}' ({self.op}) lacks the sizes {', '.join(missing)}.")
        bad = [size for size, value in self.sizes.items() if value < 1]
        if bad:
            raise DesignError(f"Layer '{self.name}' ({self.op}): {', '.join(bad)} must be positive.")
        bad = [size for size, value in self.sizes.items() if not _counts(value)]
        if bad:
            raise DesignError(
                f"Layer '{self.name}' ({self.op}): {', '.join(bad)} must be whole and below 2^32."
            )
        factors = (self.reuse_factor, self.recurrent_reuse_factor or 1)
        if min(factors) < 1 or not all(map(_counts, factors)):
            raise DesignError(
                f"Layer '{self.name}' ({self.op}): a reuse factor must be whole, positive and below 2^32."
            )
        if not self.inputs:
            raise DesignError(f"Layer '{self.name}' ({self.op}) has no input.")

    @cached_property
    def kind(self) -> LayerKind:
        """How its kind is sized, and what it costs."""
        return layer_kinds()[self.op]

    def size(self, name: str, default: int = 1) -> int:
        """Return a size, or `default` where it isn't stated."""
        return self.sizes.get(name, default)

    @property
    def matrix(self) -> tuple[int, int]:
        """Inputs and outputs of the layer's constant-weight product (0, 0 where there is none).

        A recurrent layer's kernel is meant; its recurrent kernel is `n_state` by the same outputs
        (`get_layer_mult_size` in hls4ml's FPGA backend).
        """
        return self.kind.matrix(self)

    @property
    def positions(self) -> int:
        """How often the product is applied in one inference: output pixels, sequence steps, or 1."""
        return self.kind.positions(self)

    @property
    def multiplications(self) -> int:
        """Multiplications of one inference, zeros and all."""
        return self.kind.multiplications(self)

    def type(self, name: str, default: FixedPoint | None = None) -> FixedPoint:
        """Return a type by name; without it `default`, or else the result's."""
        return self.types.get(name, default or self.result)

    def content(self, name: str, n_in: int, n_out: int) -> WeightContent:
        """Content of an `n_in` by `n_out` weight array, or what is typical of its type where nobody has seen
        it.
        """
        seen = self.weights.get(name)
        if seen is not None:
            return seen
        type_ = self.type(name, self.type("weight"))
        return typical_content(n_in * n_out, type_.width, type_.integer, type_.signed, n_in)

    def factors(self, name: str, n_in: int, n_out: int, width: int) -> list[tuple[WeightContent, int]]:
        """Return the content of a weight array with the width of what it multiplies, by rows where these
        differ.
        """
        if name == "weight" and self.rows:
            return [(content, bits) for bits, content in self.rows.items()]
        return [(self.content(name, n_in, n_out), width)]

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
            **({"rows": {str(bits): one.to_json() for bits, one in self.rows.items()}} if self.rows else {}),
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
                "rows": {
                    int(bits): WeightContent.from_json(one) for bits, one in plain.get("rows", {}).items()
                },
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
        pipeline_style: `pipeline`, `dataflow`, `sequential` (layers one after the other, none overlapping),
            or `auto` for hls4ml's own choice.
        assumed: what a record left open and a reader filled in, one sentence each.

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
    assumed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.layers:
            raise DesignError(f"Design '{self.name}' has no layers.")
        if not 0 < self.clock_ns < math.inf:
            raise DesignError(
                f"Design '{self.name}': the clock period must be positive and finite, not {self.clock_ns} ns."
            )
        if self.io_type not in ("io_parallel", "io_stream"):
            raise DesignError(
                f"Design '{self.name}': io_type is '{self.io_type}', not io_parallel or io_stream."
            )

    @property
    def style(self) -> str:
        """`pipeline`, `dataflow` or `sequential`, chosen as hls4ml's `set_pipeline_style` does where it isn't
        given.
        """
        if self.pipeline_style in ("pipeline", "dataflow", "sequential"):
            return self.pipeline_style
        if self.io_type == "io_stream":
            return "dataflow"
        for layer in self.layers:
            partitions = layer.positions // max(1, min(layer.size("parallelization"), layer.positions))
            if layer.kind.partitioned and partitions != 1:
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
            **({"assumed": list(self.assumed)} if self.assumed else {}),
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
        rest = {key: value for key, value in plain.items() if key not in ("version", "layers", "assumed")}
        rest["assumed"] = tuple(plain.get("assumed", ()))
        try:
            layers: Iterable[LayerDescription] = map(LayerDescription.from_json, plain["layers"])
            return cls(layers=tuple(layers), **rest)
        except (KeyError, TypeError) as error:
            raise DesignError(f"Design '{plain.get('name')}' can't be read from JSON: {error}.") from None
