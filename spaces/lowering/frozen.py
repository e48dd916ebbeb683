"""Which arrays of a graph its Keras model doesn't train: those that no trained variable stands behind.

Keras says what it trains (`model.trainable_variables`): a layer or a model part with `trainable=False`, a
single variable, and a constant are not among it. What no variable stands behind at all, as the bias of an
LSTM without one, is fixed too.

A batch normalization folded into a convolution or Dense: the product of the two kernels is trained where the
layer's own kernel is (a frozen normalization's scale is then a constant in it), and is not where that is
frozen, even if the normalization's scale isn't; the bias is trained where the layer's own or the
normalization's is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..operations import traits

if TYPE_CHECKING:
    import keras

_NAMES: dict[str, tuple[str, ...]] = {
    "weight": ("kernel",),
    "recurrent_weight": ("recurrent_kernel",),
    "bias": ("bias", "constant"),
    "recurrent_bias": ("bias",),
    "scale": ("gamma",),
}
"""Role -> attributes of a Keras layer, of which the first that it has holds the variable."""


def trained_variables(model: keras.Model) -> frozenset[int]:
    """Return the `id` of every variable that Keras trains.

    Without those of a wrapper that was made with `trainable=False`: Keras forgets to tell the layer within.
    """
    untrained = {id(variable) for layer in untrained_layers(model) for variable in layer.weights}
    return frozenset(id(variable) for variable in model.trainable_variables) - untrained


def untrained_layers(model: keras.Model) -> list[keras.Layer]:
    """Return the layers, the model and layers within layers among them, that say `trainable=False`."""
    return [layer for layer in model._flatten_layers() if not layer.trainable]


def frozen_roles(
    trained: frozenset[int], layer: Any, op: str, roles: Iterable[str], part: str | None
) -> set[str]:
    """Return the roles of a node's arrays that aren't trained.

    Args:
        trained: what `trained_variables` found.
        layer: the Keras layer that the node comes from.
        op: the node's operation.
        roles: of its arrays.
        part: of an attention, the projection that it is.
    """
    return {role for role in roles if not any(id(v) in trained for v in _behind(layer, op, role, part))}


def folded(own: str, norm: str, frozen: set[str], *, bias: bool) -> set[str]:
    """Return what is frozen once node `norm`, a batch normalization, is folded into node `own`.

    `bias`: whether `own` had one.
    """
    left = frozen - {f"{norm}/scale", f"{norm}/bias", f"{own}/bias"}
    kept = (f"{own}/bias" in frozen or not bias) and f"{norm}/bias" in frozen
    return left | ({f"{own}/bias"} if kept else set())


def _behind(layer: Any, op: str, role: str, part: str | None) -> list[Any]:
    """Return the variables that an array is made from; all of the layer's where that isn't known."""
    owner = getattr(layer, f"{part}_dense", layer) if part else layer
    direction, _, rest = role.partition("_")
    if direction in {"forward", "backward"}:
        owner, role = getattr(layer, f"{direction}_layer"), rest
    owner = getattr(owner, "cell", owner)
    names = traits(op).variables.get(role, _NAMES.get(role, ()))
    own = list(getattr(owner, "weights", ()))
    for name in names:
        if hasattr(owner, name):
            found = getattr(owner, name)
            # a kernel may be computed from other variables, as one with LoRA is
            return [found] if found is None or any(found is v for v in own) else own
    return own
