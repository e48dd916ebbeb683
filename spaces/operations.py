"""Operations by name: what a graph and its space must know of each, and where they come from.

An operation is one kind of node of the firmware, `dense` say. Packages offer theirs under the entry-point
group `bitfront.operations`: an entry point names an iterable of objects with `traits`, which `bitfront.hls`
asks for the rest (`bitfront.hls.operation.Operation`). bitfront's own are one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, Protocol

from .errors import UserError

GROUP = "bitfront.operations"
_OWN = "bitfront"

Hardware = Literal["strategy", "reuse_factor", "recurrent_reuse_factor", "recurrent_mode"]
"""What is chosen of how a layer is built; the last two of recurrent layers alone."""
Lowered = Callable[..., str]
"""How a Keras layer becomes nodes (`bitfront.spaces.lowering.work.Handler`)."""


@dataclass(frozen=True, kw_only=True)
class Traits:
    """What a graph and its space must know of an operation.

    Attributes:
        op: its name, as in `Node.op`.
        family: what it is: `linear` sums products of one tensor and constant weights; `einsum` too, over any
            axes, or of two tensors; `recurrent` has a state; `merge` takes two tensors value by value;
            `activation` one; `normalization`; `pooling` over windows or all positions; `moving` hands values
            on; `input`.
        accumulator: whether its accumulator's width may be chosen.
        inner: roles of what carries a precision inside it: tables, what addresses them, statistics,
            constants.
        rounds: whether its result has a precision of its own; else its values are values of its inputs.
        hands_accumulator: whether its result goes, unrounded, into an activation that alone reads it.
        reads_accumulator: whether it is such an activation.
        takes_rounding: whether its own result's type can take over a rounding of the model's that follows it.
        sign: of its result: `any`, `nonnegative`, or `kept` where it can't be negative unless an input is.
        probabilities: whether it may be left off at the end of a classifier (`space.head`).
        hardware: what can be chosen of how it is built.
        multiplies_tensors: whether it multiplies tensors over an axis, as an attention does.
        normalizes: whether its scale and bias share the width of its result in a model with attention.
        residual: whether it adds a branch, whose width its result shares in a model with attention.
        projects: whether it may be such a branch's end.
        folds: whether it disappears into a linear node that it alone follows.
        entries: the node's attribute that says how many entries there are, where its input is the number of
            one.
        channel_axes: axes at the end of its kernel that count its outputs.
        variables: role -> names of the Keras layer's variable, the first that it has, where they are not the
            usual ones.
        built: whether the firmware has a layer for it.
        layers: Keras layer -> how it is lowered, beside those that `bitfront.spaces.lowering` knows.
        activations: Keras activation -> its default attributes, where the operation is an activation.
    """

    op: str
    family: Literal[
        "input", "linear", "einsum", "recurrent", "merge", "activation", "normalization", "pooling", "moving"
    ]
    accumulator: bool = False
    inner: tuple[str, ...] = ()
    rounds: bool = True
    hands_accumulator: bool = False
    reads_accumulator: bool = False
    takes_rounding: bool = False
    sign: Literal["any", "nonnegative", "kept"] = "any"
    probabilities: Literal["auto", "logits", ""] = ""
    hardware: frozenset[Hardware] = frozenset()
    multiplies_tensors: bool = False
    normalizes: bool = False
    residual: bool = False
    projects: bool = False
    folds: bool = False
    entries: str = ""
    channel_axes: int = 1
    variables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    built: bool = True
    layers: Mapping[str, Lowered] = field(default_factory=dict)
    activations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class Offered(Protocol):
    """An operation as a package offers it."""

    @property
    def traits(self) -> Traits:
        """What a graph must know of it."""


_added: dict[str, Offered] = {}


def register(operation: Offered) -> None:
    """Add an operation to those of installed packages, for this process.

    Raises:
        UserError: when there is one of its name.
    """
    if operation.traits.op in registered():
        raise UserError(f"There is an operation {operation.traits.op!r} already: give yours another name.")
    _added[operation.traits.op] = operation
    registered.cache_clear()


def unregister(op: str) -> None:
    """Forget an operation that `register` added; nothing where there is none."""
    _added.pop(op, None)
    registered.cache_clear()


@cache
def registered() -> Mapping[str, Offered]:
    """Return every operation by its name, bitfront's own first.

    Raises:
        UserError: when a package's operations can't be loaded, or two bear one name.
    """
    found: dict[str, Offered] = {}
    points = sorted(entry_points(group=GROUP), key=lambda point: (not _is_own(point), point.name))
    if not any(map(_is_own, points)):
        raise UserError("bitfront's own operations are not installed: install bitfront again.")
    for point in points:
        for operation in _offered(point):
            if found.setdefault(operation.traits.op, operation) is not operation:
                raise UserError(
                    f"Operation {operation.traits.op!r} of {point.value!r} is offered by another package "
                    f"too: uninstall one."
                )
    return found | _added


def offered(op: str) -> Offered:
    """Return an operation by its name.

    Raises:
        UserError: when there is none of that name.
    """
    try:
        return registered()[op]
    except KeyError:
        raise UserError(
            f"There is no operation {op!r}: install the package that offers it, or choose one of "
            f"{', '.join(registered())}."
        ) from None


def traits(op: str) -> Traits:
    """Return what a graph must know of an operation.

    Raises:
        UserError: when there is none of that name.
    """
    return offered(op).traits


def _is_own(point: EntryPoint) -> bool:
    return point.value.startswith(f"{_OWN}.")


def _offered(point: EntryPoint) -> Iterable[Offered]:
    try:
        return tuple(point.load())
    except Exception as error:  # what a package raises as it loads is its own
        raise UserError(
            f"The operations of {point.value!r} can't be loaded ({error}): mend or uninstall that package."
        ) from error
