"""The types of a study file's values: how each is read, checked and written back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, PlainValidator

from ..quantities import Limit, limits
from . import values
from .base import nearest
from .values import Widths

Strategy = Literal["Latency", "Resource", "distributed_arithmetic"]
RecurrentMode = Literal["static", "non_static"]
Method = Literal["ptq", "qat"]
SAMPLERS = ("auto", "surrogate", "tpe", "nsga2", "gp", "random", "grid-uniform")
"""Samplers that bitfront brings."""


PYTHON_OBJECT = "(given through Python)"
"""What a study file shows in place of a model or data that exist only in a Python session."""


def _source_text(value: Any) -> str:
    return str(value) if isinstance(value, str | Path) else PYTHON_OBJECT


Source = Annotated[Any, PlainSerializer(_source_text, return_type=str)]


def _not_bool(value: Any) -> Any:
    # YAML 1.1 reads yes, no, on and off as booleans, which Python would count as 1 and 0.
    if isinstance(value, bool):
        raise ValueError("isn't a number")
    return value


def tuple_of(value: Any) -> Any:
    """Return a value, or each of a list, as a tuple of different ones."""
    if isinstance(value, list | tuple):
        if not value:
            raise ValueError("is empty: give at least one value")
        if len({str(one) for one in value}) < len(value):
            raise ValueError("names a value twice: give each once")
        return tuple(value)
    return (value,)


def _sampler(value: str) -> str:
    if value not in SAMPLERS and ":" not in value:
        raise ValueError(f"isn't known: {nearest(value, SAMPLERS)} (or file.py:function)")
    return value


def _plain(value: Any) -> Any:
    return value.plain() if isinstance(value, Widths | Limit) else value


def _each(value: Any, check: Callable[[Any], Any]) -> Any:
    """Check one value, each of a list, or each in a mapping of layer patterns; the result holds tuples."""
    if isinstance(value, dict):
        return {
            str(pattern): _each(list(one) if isinstance(one, tuple) else one, check)
            for pattern, one in value.items()
        }
    return tuple(check(one) for one in tuple_of(value))


def _short(value: Any) -> Any:
    """Undo `_each` as far as a study file allows: one value instead of a list of one."""
    if isinstance(value, dict):
        return {pattern: _short(one) for pattern, one in value.items()}
    return value[0] if len(value) == 1 else list(value)


def _strategy(value: Any) -> Any:
    if value not in get_args(Strategy):
        raise ValueError(f"holds {value!r}, which isn't known: {nearest(str(value), get_args(Strategy))}")
    return value


def _reuse_factor(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"holds {value!r}: write whole numbers from 1 up")
    return value


def _recurrent_mode(value: Any) -> Any:
    if value not in get_args(RecurrentMode):
        raise ValueError(
            f"holds {value!r}, which isn't known: {nearest(str(value), get_args(RecurrentMode))}"
        )
    return value


def _widths_or(word: str, most: int = values.MAX_WIDTH) -> Any:
    def parse(value: Any) -> Any:
        if value == word:
            return value
        try:
            return values.widths(value, most)
        except ValueError as error:
            raise ValueError(f"{error} (or {word!r})") from None

    return PlainValidator(parse)


def _auto_or(kind: type[int] | type[float], low: float, high: float) -> Any:
    """Return a check of `auto` or a number from `low` to `high`."""
    what = "a whole number" if kind is int else "a number"

    def parse(value: Any) -> Any:
        if value == "auto":
            return value
        number = not isinstance(value, bool) and isinstance(value, int if kind is int else int | float)
        if not number or not low <= value <= high:
            raise ValueError(f"isn't {what} from {low:g} to {high:g} (or 'auto')")
        return kind(value)

    return PlainValidator(parse)


Integer = Annotated[int, BeforeValidator(_not_bool)]
AutoScreening = Annotated[int | Literal["auto"], _auto_or(int, 0, 100_000)]
AutoGradientEpochs = Annotated[int | Literal["auto"], _auto_or(int, 0, 1_000_000)]
AutoEpochs = Annotated[int | Literal["auto"], _auto_or(int, 1, 10_000)]
AutoFloatEpochs = Annotated[int | Literal["auto"], _auto_or(int, 1, 100_000)]
AutoRate = Annotated[float | Literal["auto"], _auto_or(float, 1e-9, 10)]
Real = Annotated[float, BeforeValidator(_not_bool)]
Sampler = Annotated[str, AfterValidator(_sampler)]
WidthRange = Annotated[Widths, PlainValidator(values.widths), PlainSerializer(_plain)]
AddressBits = Annotated[
    Widths, PlainValidator(lambda value: values.widths(value, 12)), PlainSerializer(_plain)
]
TiedWidths = Annotated[Widths | Literal["tied"], _widths_or("tied"), PlainSerializer(_plain)]
AccumulatorWidths = Annotated[
    Widths | Literal["exact"], _widths_or("exact", values.MAX_ACCUMULATOR), PlainSerializer(_plain)
]
ResourceLimit = Annotated[Limit, PlainValidator(limits.share_or_count), PlainSerializer(_plain)]
TimeLimit = Annotated[Limit, PlainValidator(limits.time), PlainSerializer(_plain)]
EnergyLimit = Annotated[Limit, PlainValidator(limits.energy), PlainSerializer(_plain)]
CountLimit = Annotated[
    Limit, PlainValidator(lambda value: limits.plain_number(value, 0.0)), PlainSerializer(_plain)
]
Confidence = Annotated[
    float, PlainValidator(limits.confidence), PlainSerializer(limits.share_text, return_type=str)
]
MetricLimit = Annotated[Limit, PlainValidator(limits.plain_number), PlainSerializer(_plain)]
ClassWeights = Annotated[
    str | dict[int, float] | dict[str, str | dict[int, float]],
    PlainValidator(values.class_weights),
    PlainSerializer(_plain),
]
Duration = Annotated[
    float, PlainValidator(values.duration), PlainSerializer(values.plain_duration, return_type=str)
]
Bytes = Annotated[int, PlainValidator(values.size), PlainSerializer(values.plain_size, return_type=str)]
Strategies = Annotated[
    tuple[Strategy, ...] | dict[str, tuple[Strategy, ...]],
    PlainValidator(lambda value: _each(value, _strategy)),
    PlainSerializer(_short),
]
ReuseFactors = Annotated[
    tuple[int, ...] | dict[str, tuple[int, ...]],
    PlainValidator(lambda value: _each(value, _reuse_factor)),
    PlainSerializer(_short),
]
RecurrentModes = Annotated[
    tuple[RecurrentMode, ...] | dict[str, tuple[RecurrentMode, ...]],
    PlainValidator(lambda value: _each(value, _recurrent_mode)),
    PlainSerializer(_short),
]
Methods = Annotated[tuple[Method, ...], BeforeValidator(tuple_of)]
