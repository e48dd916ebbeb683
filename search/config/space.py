"""The `space` section of a study file: which precisions are searched, per layer where asked."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from bitfront.spaces import UserError

from .base import Section, nearest
from .fields import AccumulatorWidths, AddressBits, Integer, Methods, TiedWidths, WidthRange
from .values import Widths

SPARSITIES = (0, 50, 75, 90, 95, 98)
"""Percent of zeros that are searched by default."""


class LayerSpace(Section):
    """What differs for the layers that a pattern matches; what isn't given is as in `space`."""

    weights: WidthRange | None = Field(default=None, description="widths of weights", examples=["4..8"])
    recurrent_weights: TiedWidths | None = Field(
        default=None, description="widths of recurrent weights", examples=[6]
    )
    biases: TiedWidths | None = Field(default=None, description="widths of biases", examples=["tied"])
    activations: WidthRange | None = Field(default=None, description="widths of results", examples=["3..8"])
    accumulators: AccumulatorWidths | None = Field(
        default=None, description="widths of accumulators", examples=["16..24"]
    )
    tables: WidthRange | None = Field(default=None, description="width of table entries", examples=[12])
    statistics: WidthRange | None = Field(
        default=None, description="widths inside a layer normalization", examples=["8..14"]
    )
    softmax_inputs: AddressBits | None = Field(
        default=None, description="address bits of softmax tables", examples=[8]
    )
    keep: WidthRange | None = Field(
        default=None,
        description="one width, in bits, for all tensors of the layer: nothing is searched",
        examples=[16],
    )

    @property
    def narrow_accumulators(self) -> bool:
        """Whether the accumulator may be narrower than lossless, in a layer's whole section
        (`SpaceConfig.of_layer`).
        """
        return self.keep is None and self.accumulators != "exact"

    @model_validator(mode="after")
    def _one_way(self) -> LayerSpace:
        if self.keep is not None:
            others = sorted(self.model_fields_set - {"keep"})
            if others:
                raise ValueError(f"gives keep and also {', '.join(others)}: leave one of them out")
            if not self.keep.fixed:
                raise ValueError("gives keep a range: write one width, such as keep: 16")
        return self


class SpaceConfig(Section):
    """The precisions that are searched; all widths are in bits, ordinal, both ends included."""

    method: Methods = Field(
        default=("ptq", "qat"),
        description="ptq rounds the float model (a forward pass a candidate); qat also trains it for "
        "`training.epochs`, better below about 8 bits and some 10-100 times slower. Its best epoch counts, "
        "or its ptq score where training made it worse",
        examples=["[ptq, qat]"],
    )
    weights: WidthRange = Field(
        default=Widths(2, 12),
        description="widths of weights (kernels); fewer bits, fewer LUTs or DSPs",
        examples=["2..12"],
    )
    recurrent_weights: TiedWidths = Field(
        default="tied",
        description="widths of recurrent weights; tied shares the width of the layer's weights, a range "
        "doubles the dimensions of recurrent layers",
        examples=["4..10"],
    )
    biases: TiedWidths = Field(
        default="tied",
        description="widths of biases; tied shares the width of the layer's weights (biases cost little)",
        examples=["tied"],
    )
    activations: WidthRange = Field(
        default=Widths(2, 12),
        description="widths of every layer's results, recurrent state among them; the other factor of each "
        "product",
        examples=["3..12"],
    )
    input: WidthRange = Field(
        default=Widths(2, 12), description="widths of the model's inputs", examples=["8"]
    )
    accumulators: AccumulatorWidths = Field(
        default="exact",
        description="exact makes sums lossless; a range (up to 48) searches narrower ones, which saves "
        "adders and risks overflow",
        examples=["12..24"],
    )
    tables: WidthRange = Field(
        default=Widths(3, 12),
        description="widths of table entries: sigmoid, tanh, softmax' exponential and inverse, a layer "
        "normalization's inverse square root; 12 bits have 11 behind the point. In a recurrent layer they "
        "widen the state's products",
        examples=[12],
    )
    statistics: WidthRange = Field(
        default=Widths(6, 12),
        description="widths of mean, variance and normalized values inside a layer normalization",
        examples=["8..14"],
    )
    softmax_inputs: AddressBits = Field(
        default=Widths(5, 10),
        description="bits of the distance to the largest score, up to 12: it addresses a softmax' "
        "exponential table, and as many bits address its inverse table",
        examples=[8],
    )
    attention: Literal["tied", "parts"] = Field(
        default="tied",
        description="tied gives an attention layer a width for its weights, one for its results, one for "
        "scores and attention weights, and residual sums that of their branch; parts gives query, key, "
        "value, scores, softmax, context and output each their own",
        examples=["parts"],
    )
    table_size: Integer = Field(
        default=1024,
        ge=64,
        le=65536,
        description="entries of sigmoid and tanh tables, a power of two; 4096 halves their error, for 4 "
        "times the memory",
        examples=[4096],
    )
    integer_bits: Literal["calibrate", "mse", "search"] = Field(
        default="mse",
        description="mse clips the largest values where that lowers the squared error, of weights and of "
        "results on training data: much better below 6 bits; calibrate covers the largest value seen; search "
        "starts from that and adds a dimension per tensor",
        examples=["calibrate"],
    )
    rounding: Literal["RND", "RND_CONV"] = Field(
        default="RND_CONV",
        description="how results are rounded: RND_CONV takes exact halves to the even neighbour, RND takes "
        "them up, which saves an addition a value in da4ml's logic; scores are bit-true either way",
        examples=["RND"],
    )
    element_widths: bool = Field(
        default=True,
        description="gives each element of a result (each channel, where a convolution or a stream reads it) "
        "the width that training data need, where that costs less and scores no worse; false keeps one width "
        "a tensor",
        examples=["false"],
    )
    sparsity: Annotated[tuple[Integer, ...], Field(min_length=1)] | Literal["auto"] = Field(
        default="auto",
        description="choices of how many weights a qat training makes zero: percent of all kernels together, "
        "those that matter least first, more and more over its first two thirds. Weights that are zero cost "
        "nothing where the strategy is Latency. From 0 up; 0 alone searches none; auto is "
        f"{list(SPARSITIES)}, or 0 where the strategy of every layer is Resource, whose multipliers zeros "
        "don't spare",
        examples=["[0, 50, 75, 90, 95]"],
    )
    layers: dict[str, LayerSpace] = Field(
        default_factory=dict,
        description="other ranges for some layers, by name or pattern (`*`, `?`); an exact name wins over "
        "patterns, of which the last one that matches wins",
        examples=['{"lstm*": {weights: 4..8}, output: {keep: 16}}'],
    )
    ties: tuple[tuple[str, ...], ...] = Field(
        default=(),
        description="groups of dimensions, by pattern, that share one width: fewer dimensions, a quicker "
        "search",
        examples=['[["dense_*.weights"]]'],
    )
    head: Literal["auto", "keep", "logits"] = Field(
        default="auto",
        description="auto leaves a final softmax off the hardware (logits and argmax give the same class); "
        "logits also removes a final sigmoid; keep builds whatever the model ends with",
        examples=["keep"],
    )

    @field_validator("table_size")
    @classmethod
    def _power_of_two(cls, value: int) -> int:
        if value & (value - 1):
            raise ValueError("isn't a power of two: choose 512, 1024, 2048 or 4096, say")
        return value

    @field_validator("sparsity", mode="before")
    @classmethod
    def _one_share(cls, value: Any) -> Any:
        return (value,) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("sparsity")
    @classmethod
    def _from_zero(cls, value: tuple[int, ...] | Literal["auto"]) -> tuple[int, ...] | Literal["auto"]:
        if value == "auto":
            return value
        if list(value) != sorted(set(value)) or value[0] != 0 or value[-1] > 99:
            raise ValueError("must begin with 0 and grow, up to 99: write [0, 50, 75, 90, 95], say")
        return value

    @field_validator("layers", mode="before")
    @classmethod
    def _empty_layers(cls, value: Any) -> Any:
        return {} if value is None else value

    def of_layer(self, layer: str) -> LayerSpace:
        """Return what holds for one layer, every field set but `keep`, which is None where it's searched."""
        fields = tuple(name for name in LayerSpace.model_fields if name != "keep")
        merged: dict[str, Any] = {name: getattr(self, name) for name in fields}
        matches = [
            pattern for pattern in self.layers if fnmatch.fnmatchcase(layer, pattern) and pattern != layer
        ]
        for pattern in [*matches, *([layer] if layer in self.layers else [])]:
            given = self.layers[pattern]
            said = {name for name in given.model_fields_set if getattr(given, name) is not None}
            if given.keep is not None:
                merged = {"keep": given.keep}
            else:
                merged = {name: getattr(self, name) for name in fields} if "keep" in merged else merged
                merged |= {name: getattr(given, name) for name in said - {"keep"}}
        return LayerSpace.model_construct(**merged)


def check_patterns(key: str, patterns: Iterable[str], names: Iterable[str]) -> None:
    """Check that every pattern matches one of the names.

    Raises:
        UserError: naming the first that doesn't, and the nearest name.
    """
    known = list(names)
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(name, pattern) for name in known):
            hint = nearest(pattern, known)
            raise UserError(f"{key}: {pattern!r} matches nothing in the model: {hint}.".replace("?.", "?"))
