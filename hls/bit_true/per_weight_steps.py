"""Grains: the steps to which single weights of a kernel are rounded in training, multiples of their type's.

A type gives all weights of a kernel one step, but a product with a constant costs only the constant's bits
between its first and its last one: a weight that the loss hardly feels is cheaper as a multiple of a coarser
step, and costs nothing where that rounds it to zero. The types stay as they are, so that the firmware
computes it without knowing.

Rounding to steps of d adds S d^2 / 24 to a loss of curvature S (its noise has the variance d^2 / 12: Widrow
and Kollar, "Quantization Noise", 2008), and with each factor of two a bit less is paid for. Where a bit costs
c, the loss and what is paid together are least at d^2 = 12 c / (S ln 2). HGQ (Sun et al., "Gradient-based
Automatic Mixed Precision Quantization for Ultra-Low Latency on FPGAs", 2024) finds such steps by a surrogate
gradient, a variable for every weight; here they follow at once from the squared gradients that training sees
anyway: their mean over samples is the curvature (Fisher). A weight of magnitude w has log2(w / d) bits, so
what is paid also pulls it towards zero, by c / (w ln 2): the smaller it is, the more, so that weights become
zero rather than small.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bitfront.spaces import FixedPoint, Weights

from .model import BitTrue

DECAY = 0.999
"""Of the mean of squared gradients, a batch: that of Adam."""
BOLDNESS = 4.0
"""Of a squared step, beyond the formula's: the gradients of rounded networks overstate the curvature."""
PULL = 4.0
"""Of what pulls a weight, beyond the formula's: it is felt each batch, the step's noise only in the mean."""
STAYS = 0.5
"""Change of a step's logarithm to base 2 that is let pass, so that weights can settle."""
FINEST = 5.0
"""Percentage of the steps of a kernel that may be finer than its type's."""
_TINY = 1e-30


@dataclass(frozen=True, eq=False)
class _Kernel:
    variable: Any
    steps: Any
    """Step of each weight; 0 where there is none but the type's."""
    squares: Any
    """Mean of the squared gradients."""
    pull: Any
    """What a bit costs, over ln 2."""


class PerWeightSteps:
    """The steps of a model's kernels: arrays of two and more dimensions that are trained, by tensor key.

    A `Trainer`'s graphs call `hear` and `pull`; between these, `move` and `hold` set the steps, `clear`
    removes them.
    """

    def __init__(self, model: BitTrue) -> None:
        self._kernels: dict[str, _Kernel] = {}
        self._heard = tf.Variable(0.0, trainable=False)
        for node, layer in model.layers.items():
            for role, variable in layer.variables.items():
                trained = f"{node}/{role}" not in model.graph.frozen
                if trained and len(variable.shape) > 1 and role in layer.quantizers:
                    steps, squares = (
                        tf.Variable(tf.zeros(variable.shape), trainable=False) for _ in range(2)
                    )
                    kernel = _Kernel(variable, steps, squares, tf.Variable(0.0, trainable=False))
                    layer.quantizers[role].weight_step = kernel.steps
                    self._kernels[f"{node}/{role}"] = kernel

    def __iter__(self) -> Iterator[str]:
        return iter(self._kernels)

    def clear(self) -> None:
        """Leave weights the steps of their types, and forget the gradients."""
        self._heard.assign(0.0)
        for kernel in self._kernels.values():
            for variable in (kernel.steps, kernel.squares, kernel.pull):
                variable.assign(tf.zeros_like(variable))

    def hear(self, gradients: Mapping[int, Any]) -> None:
        """Take up a batch's gradients, by the `id` of their variable; part of a graph."""
        self._heard.assign_add(1.0)
        for kernel in self._kernels.values():
            gradient = gradients.get(id(kernel.variable))
            if gradient is not None:
                kernel.squares.assign(DECAY * kernel.squares + (1 - DECAY) * tf.square(gradient))

    def pull(self, learning_rate: Any) -> None:
        """Move weights towards zero for what their bits cost, as Adam would by that alone; part of a
        graph.
        """
        known = 1.0 - tf.pow(DECAY, self._heard)
        for kernel in self._kernels.values():
            size = tf.abs(kernel.variable)
            felt = tf.sqrt(kernel.squares / known) + 1e-7
            # 0 / 0 where it is zero already
            share = tf.math.divide_no_nan(kernel.pull, (kernel.steps + size) * felt)
            step = learning_rate * tf.minimum(1.0, share)
            kernel.variable.assign(tf.sign(kernel.variable) * tf.maximum(size - step, 0.0))

    def move(self, costs: Mapping[str, float], batch_size: int) -> None:
        """Set the steps for what a bit of each kernel's weights costs, in units of the loss; by a factor of
        two at most.

        Args:
            costs: tensor key -> cost; a kernel that is missing has no steps of its own.
            batch_size: samples that the gradients are means of.
        """
        known = 1.0 - DECAY ** max(1.0, float(self._heard.numpy()))
        for key, kernel in self._kernels.items():
            cost = costs.get(key, 0.0)
            kernel.pull.assign(PULL * cost / math.log(2))
            if cost <= 0:
                kernel.steps.assign(tf.zeros_like(kernel.steps))
                continue
            curvature = np.maximum(batch_size * kernel.squares.numpy() / known, _TINY)
            wanted = np.clip(0.5 * np.log2(BOLDNESS * 12 * cost / (math.log(2) * curvature)), -20, 20)
            held = kernel.steps.numpy()
            before = np.where(held > 0, np.log2(np.maximum(held, _TINY)), np.round(wanted))
            after = np.where(np.abs(wanted - before) > STAYS, np.round(wanted), before)
            kernel.steps.assign(np.exp2(np.clip(after, before - 1, before + 1)).astype(np.float32))

    def hold(self, types: Mapping[str, FixedPoint]) -> None:
        """Keep every weight a multiple of what it now is one of: of the last one of its bits."""
        for key, kernel in self._kernels.items():
            step = types[key].step
            whole = np.abs(np.round(types[key].quantize(kernel.variable.numpy()) / step)).astype(np.int64)
            kernel.steps.assign((step * (whole & -whole)).astype(np.float32))

    def fraction(self, key: str) -> int | None:
        """Return the bits behind the point that a kernel's steps ask for, the finest few left out; None
        without steps.
        """
        kernel = self._kernels[key]
        steps, size = kernel.steps.numpy(), np.abs(kernel.variable.numpy())
        used = steps[(steps > 0) & (size > steps / 2)]
        return -round(math.log2(np.percentile(used, FINEST, method="lower"))) if used.size else None

    def rounded(self, weights: Weights) -> Weights:
        """Return weights as these steps have them, which their types then hold."""
        found = {node: dict(roles) for node, roles in weights.items()}
        for key, kernel in self._kernels.items():
            node, role = key.rsplit("/", 1)
            found[node][role] = _multiples(np.asarray(found[node][role]), kernel.steps.numpy())
        return found


def _multiples(values: NDArray[np.floating], steps: NDArray[np.floating]) -> NDArray[np.floating]:
    safe = np.where(steps > 0, steps, 1.0)
    return np.where(steps > 0, np.round(values / safe) * safe, values).astype(np.float32)
