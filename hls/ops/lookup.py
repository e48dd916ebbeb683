"""Activations that are looked up by every bit of their input, exact by construction: most of Keras's scalar
ones.

A new one is a function of one variable: a subclass of `LookupActivation` with its `curve`, in a module of its
own or here.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from bitfront.spaces import FixedPoint, Graph, Node, Traits, quantizer_of

from ..estimate.elementwise import table_layer
from ..operation import Settings, Types, Values
from .base import Elementwise
from .kinds import Kind

if TYPE_CHECKING:
    import keras

    from ..bit_true.base import BitTrueLayer
    from ..bit_true.quantizer import Mode


_ROUNDING = frozenset({"grid", "rounding", "wraps"})
"""Attributes that say how the model that came rounds a result, none of the function's own."""


class LookupActivation(Elementwise):
    """A function of one variable, as a table with an entry for every value of its input, of the result's
    type.
    """

    rtl_refusal = None

    @staticmethod
    @abstractmethod
    def curve(x: Any, node: Node) -> Any:
        """Return the function of a TensorFlow tensor."""

    def layer(self, graph: Graph, node: Node, mode: Mode, settings: Settings) -> BitTrueLayer:
        """Return the function, rounded in float64 as the table's entries are."""
        from ..bit_true.lookup import Lookup

        return Lookup(graph, node, mode, lambda x: self.curve(x, node))

    def keras_layer(self, node: Node, values: Values, types: Types) -> keras.Layer:
        """Return our look-up layer for the type of its input."""
        from ..export.layers import Lookup

        source = types[f"{node.inputs[0]}/result"]
        kind = (source.width, source.integer, source.signed)
        attributes = {key: value for key, value in node.attrs.items() if key not in _ROUNDING}
        return Lookup(node.op, *kind, attributes, name=node.name)

    def keras_values(self, node: Node, types: Types) -> dict[str, NDArray[Any]]:
        """Return the table."""
        from ..bit_true.lookup import table

        kinds = types[f"{node.inputs[0]}/result"], types[f"{node.name}/result"]
        return {"table": table(lambda x: self.curve(x, node), *kinds)}

    def described_as(self, node: Node) -> str:
        """Return the kind of all tables."""
        return "table_activation"

    def described_types(self, kinds: dict[str, FixedPoint], result: FixedPoint) -> dict[str, FixedPoint]:
        """Return the result's type as the table's too."""
        return kinds | {"table": result}

    def sizes(self, graph: Graph, node: Node, types: Types, *, table_size: int) -> dict[str, int]:
        """Return values and entries: one for each value of the input's type."""
        entries = 2 ** types[f"{node.inputs[0]}/result"].width
        return super().sizes(graph, node, types, table_size=table_size) | {"table_size": entries}

    def trace(self, node: Node, x: Sequence[Any], values: Values, own: Types, settings: Settings) -> Any:
        """Return the entry of each value, already of the result's type."""
        from ..bit_true.lookup import entries
        from ..rtl.tables import looked_up

        kept = own["result"].container
        return looked_up(x[0], lambda v: entries(lambda one: self.curve(one, node), v, kept))


class Gelu(LookupActivation):
    """x times the normal distribution's integral, without Keras's `approximate`."""

    @staticmethod
    def curve(x: Any, node: Node) -> Any:
        """Return x Phi(x)."""
        import tensorflow as tf

        return 0.5 * x * (1.0 + tf.math.erf(x / math.sqrt(2.0)))


class Silu(LookupActivation):
    """x times its sigmoid."""

    @staticmethod
    def curve(x: Any, node: Node) -> Any:
        """Return x / (1 + exp(-x))."""
        import tensorflow as tf

        return x * tf.sigmoid(x)


class Elu(LookupActivation):
    """x above zero, alpha (exp(x) - 1) below it."""

    @staticmethod
    def curve(x: Any, node: Node) -> Any:
        """Return x or alpha (exp(x) - 1)."""
        import tensorflow as tf

        return tf.where(x > 0, x, node.attrs["alpha"] * tf.math.expm1(tf.minimum(x, 0)))


class KerasFunction(LookupActivation):
    """An activation of Keras's of one variable, by its name, with Keras's own attributes."""

    @staticmethod
    def curve(x: Any, node: Node) -> Any:
        """Return what Keras computes, in the tensor's own type."""
        import keras

        attributes = {key: value for key, value in node.attrs.items() if key not in _ROUNDING}
        return keras.activations.get(node.op)(x, **attributes)


class Clip(LookupActivation):
    """`keras.ops.clip` between two numbers."""

    @staticmethod
    def curve(x: Any, node: Node) -> Any:
        """Return the nearest value between them."""
        import tensorflow as tf

        return tf.clip_by_value(x, node.attrs["low"], node.attrs["high"])


class Absolute(LookupActivation):
    """`keras.ops.absolute`."""

    @staticmethod
    def curve(x: Any, node: Node) -> Any:
        """Return the value without its sign."""
        import tensorflow as tf

        return tf.abs(x)


class Quantizer(LookupActivation):
    """A quantizer of QKeras's that no fixed-point type expresses: signs, powers of two, lines for a curve."""

    @staticmethod
    def curve(x: Any, node: Node) -> Any:
        """Return what QKeras computes, in float32, which holds every value of an input's type."""
        import tensorflow as tf

        return tf.cast(quantizer_of(node.attrs["quantizer"])(tf.cast(x, tf.float32)), x.dtype)


class ClippedReLU(LookupActivation):
    """Keras's ReLU with an upper bound, a threshold, or both, and a slope below that."""

    @staticmethod
    def curve(x: Any, node: Node) -> Any:
        """Return what Keras computes."""
        import keras

        bounds = {key: node.attrs[key] for key in ("negative_slope", "max_value", "threshold")}
        return keras.activations.relu(x, **bounds)


def _lower_elu(work: Any, layer: Any, inputs: tuple[str, ...], shape: tuple[int, ...]) -> str:
    name: str = work.add(layer, "elu", inputs, shape, alpha=float(layer.alpha))
    return name


OPERATIONS: Sequence[LookupActivation] = (
    Elu(
        Traits(
            op="elu",
            family="activation",
            layers={"ELU": _lower_elu},
            activations={"elu": {"alpha": 1.0}},  # keras.activations.elu's default
        )
    ),
    Gelu(
        Traits(op="gelu", family="activation", activations={"gelu": {}}),
        kinds=(Kind("table_activation", table_layer, tables=True),),
    ),
    Silu(Traits(op="silu", family="activation", activations={"silu": {}})),
    ClippedReLU(Traits(op="clipped_relu", family="activation")),
    Clip(Traits(op="clip", family="activation")),
    Absolute(Traits(op="absolute", family="activation", sign="nonnegative")),
    Quantizer(Traits(op="quantizer", family="activation")),
    *(
        KerasFunction(Traits(op=name, family="activation", activations={name: {}}, sign="nonnegative"))
        for name in (
            "exponential",
            "hard_sigmoid",
            "relu6",
            "softplus",
            "sparse_plus",
            "sparse_sigmoid",
            "squareplus",
        )
    ),
    *(
        KerasFunction(Traits(op=name, family="activation", activations={name: {}}))
        for name in (
            "celu",
            "hard_shrink",
            "hard_silu",
            "hard_tanh",
            "log_sigmoid",
            "mish",
            "selu",
            "soft_shrink",
            "softsign",
            "tanh_shrink",
        )
    ),
)
