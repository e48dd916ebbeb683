"""Training with rounding in the loop: one traced epoch serves every candidate of a study."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from .model import BitTrue


class Trainer:
    """Quantization-aware training of a `BitTrue` model, always from the weights that it holds.

    An epoch is one graph call: shuffling order and learning rate are arguments, the optimizer's slots are reset
    with each candidate, so nothing is traced again. The loss is taken on the inputs of a final sigmoid or softmax
    (the logits), where the table's steps don't hide the gradient.
    """

    def __init__(
        self,
        model: BitTrue,
        x: Sequence[NDArray[np.floating]],
        y: Sequence[NDArray[Any]],
        *,
        tasks: Sequence[str],
        batch_size: int = 128,
        optimizer: str = "adam",
        loss: str = "auto",
    ) -> None:
        """Hold the training data: `x` one array an input, `y` class numbers or targets and `tasks` a task an output.

        The loss is the sum of the outputs' losses.

        Raises:
            ValueError: when Keras knows no optimizer or loss of that name.
        """
        self.model, self.batch_size = model, batch_size
        graph = model.graph
        self._logits_of = frozenset(o for o in graph.outputs if graph[o].op in {"sigmoid", "softmax"})
        self._losses = [_loss(task, loss) for task in tasks]
        self._x = [tf.constant(part, tf.float32) for part in x]
        self._y = [
            tf.constant(labels, tf.int32 if task == "multiclass" else tf.float32)
            for labels, task in zip(y, tasks, strict=True)
        ]
        self.optimizer = keras.optimizers.get(optimizer)
        self.optimizer.build(model.trainable)
        self._start = [np.asarray(v) for v in self.optimizer.variables]

    def reset(self) -> None:
        """Forget what earlier candidates left in the optimizer."""
        for variable, value in zip(self.optimizer.variables, self._start, strict=True):
            variable.assign(value)

    def epoch(self, order: NDArray[np.integer], learning_rate: float) -> float:
        """Train once over the samples in `order`; return the mean loss (NaN when it diverged)."""
        mode = self.model.mode
        mode.exact, mode.training, mode.dtype = True, True, tf.float32
        signature = [tf.TensorSpec((None,), tf.int32), tf.TensorSpec((), tf.float32)]
        traced = self.model.traced("train_epoch", self._epoch, signature)
        return float(traced(tf.constant(order, tf.int32), tf.constant(learning_rate, tf.float32)))

    def _epoch(self, order: Any, learning_rate: Any) -> Any:
        variables = self.model.trainable
        size = self.batch_size
        steps = (tf.shape(order)[0] + size - 1) // size
        self.optimizer.learning_rate = learning_rate
        total = tf.constant(0.0)
        for step in tf.range(steps):
            chosen = order[step * size : (step + 1) * size]
            batch = [tf.gather(part, chosen) for part in self._x]
            with tf.GradientTape() as tape:
                outputs = self.model.forward(batch, stop_before=self._logits_of)
                loss = tf.add_n(
                    [
                        tf.reduce_mean(one(tf.gather(y, chosen), output))
                        for one, y, output in zip(self._losses, self._y, outputs, strict=True)
                    ]
                )
            gradients = tape.gradient(loss, variables)
            self.optimizer.apply(
                [g if g is not None else tf.zeros_like(v) for g, v in zip(gradients, variables, strict=True)],
                variables,
            )
            total += loss
        return total / tf.cast(steps, tf.float32)


def _loss(task: str, name: str) -> Any:
    """Return the loss of labels and outputs; a classifier's outputs are logits."""
    if name != "auto":
        return keras.losses.get(name)
    if task == "binary":
        return lambda y, z: tf.nn.sigmoid_cross_entropy_with_logits(
            labels=tf.reshape(y, tf.shape(z)), logits=z
        )
    if task == "multiclass":
        return lambda y, z: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=z)
    return lambda y, z: tf.square(tf.reshape(y, tf.shape(z)) - z)
