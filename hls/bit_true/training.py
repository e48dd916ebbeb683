"""Training with rounding in the loop: one traced epoch serves every candidate of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bitfront.spaces import FixedPoint, Graph, Weights

from .distillation import Distillation
from .model import BitTrue
from .per_weight_steps import PerWeightSteps
from .pruning import is_kernel, pruned

Rates = float | NDArray[np.floating]


class Trainer:
    """Quantization-aware training of a `BitTrue` model, always from the weights that it holds.

    What the Keras model doesn't train (`Graph.frozen`) stays as it is in all of this. With `keep_zeros`, so
    do the weights of kernels that the graph has as zeros: they were pruned. What a dilated or grouped
    convolution has no weight for is zero in any case.

    An epoch is one graph call: shuffling order and the steps' learning rates are arguments, the optimizer's
    slots are reset with each candidate, so nothing is traced again. The loss is taken on the inputs of a
    final sigmoid or softmax (the logits), where the table's steps don't hide the gradient.
    """

    _SIGNATURE = (tf.TensorSpec((None,), tf.int32), tf.TensorSpec((None,), tf.float32))
    """Of an epoch's graph: order and learning rates."""

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
        weights: Sequence[NDArray[np.floating] | None] = (),
        keep_zeros: bool = False,
        distillation: Distillation | None = None,
        averages: bool = False,
    ) -> None:
        """Hold the training data: `x` one array per input, `y` class numbers or targets and `tasks` a task
        per output.

        The loss is the sum of the outputs' losses. `weights` gives what each sample weighs in each of them,
        None where all weigh alike. With `distillation` the float model's outputs have their share of it. With
        `averages` the weights' moving averages are kept too (see `averaged`).

        Raises:
            ValueError: when Keras knows no optimizer or loss of that name.
        """
        self.model, self.batch_size = model, batch_size
        graph = model.graph
        self._logits_of = frozenset(o for o in graph.outputs if graph[o].traits.probabilities)
        self._losses = [_loss(task, loss) for task in tasks]
        self._x = [tf.constant(part, tf.float32) for part in x]
        self._y = [
            tf.constant(labels, tf.int32 if task == "multiclass" else tf.float32)
            for labels, task in zip(y, tasks, strict=True)
        ]
        self._weights = [
            None if one is None else tf.constant(one, tf.float32)
            for one in (weights or (None,) * len(self._y))
        ]
        self._distillation = distillation
        self._teacher = [] if distillation is None else [tf.constant(one) for one in distillation.outputs]
        self._tasks = tuple(tasks)
        free = {key: variable for key, variable in model.variables.items() if key not in model.graph.frozen}
        self._free = list(free.values())
        self.optimizer = keras.optimizers.get(optimizer)
        self.optimizer.build(self._free)
        self._moved: list[str] = []
        kernels = {key: v for key, v in free.items() if len(v.shape) > 1}
        self._kernels = list(kernels.values())
        self._every = [
            _moving(graph, key) if keep_zeros or _spread(graph, key) else np.ones(v.shape, np.float32)
            for key, v in kernels.items()
        ]
        """Of each kernel, 1 where a weight may move at all."""
        self._masks = [tf.Variable(mask, trainable=False) for mask in self._every]
        self.per_weight_steps = PerWeightSteps(model)
        self._dense = True
        self._decay = tf.Variable(0.0, trainable=False)
        self._averages = [tf.Variable(v, trainable=False) for v in self._free] if averages else []
        self._start = [np.asarray(v) for v in self.optimizer.variables]

    def reset(self) -> None:
        """Forget what earlier candidates left in the optimizer, and let all weights move."""
        for variable, value in zip(self.optimizer.variables, self._start, strict=True):
            variable.assign(value)
        self.prune(0.0)
        self.per_weight_steps.clear()
        for average, variable in zip(self._averages, self._free, strict=False):
            average.assign(variable)

    def averaged(self) -> Weights:
        """Return the moving averages of the weights in `weights`' sense; the model keeps its own.

        Raises:
            ValueError: when none are kept.
        """
        if not self._averages:
            raise ValueError("no averages are kept: pass averages=True")
        held = self.model.weights()
        masks = {id(kernel): mask for kernel, mask in zip(self._kernels, self._masks, strict=True)}
        for average, variable in zip(self._averages, self._free, strict=True):
            variable.assign(average * masks.get(id(variable), 1.0))
        found = self.weights()
        self.model.restore(held)
        return found

    def prune(self, share: float) -> None:
        """Make this share of the kernels' weights zero, those that matter least, and keep them so in
        training.

        With another share later, those may move again that have become small no more.
        """
        if share == 0 and self._dense:
            return
        self._dense = share == 0
        if share:
            self.model.restore(pruned(self.model.graph, self.model.weights(), share))
        self._mask(every=not share)

    def erase(self, kept: Weights) -> None:
        """Make the weights zero where `kept` is, and keep them so in training; biases of one axis are left as
        they are.
        """
        self._dense = False
        by_id = {id(v): mask for v, mask in zip(self._kernels, self._masks, strict=True)}
        for node, layer in self.model.layers.items():
            for role, variable in layer.variables.items():
                mask = by_id.get(id(variable))
                if mask is not None and node in kept:
                    mask.assign(mask * tf.constant(kept[node][role], tf.float32))
                    variable.assign(variable * mask)

    def loss(self, order: NDArray[np.integer]) -> float:
        """Return the mean loss of the samples in `order`, as training computes it; nothing is trained."""
        mode = self.model.mode
        mode.exact, mode.training, mode.dtype = True, True, tf.float32
        return float(
            self.model.traced("loss", self._mean_loss, self._SIGNATURE[:1])(tf.constant(order, tf.int32))
        )

    def keep_zeros(self) -> None:
        """Keep the weights of kernels that are zero now so in training."""
        self._dense = False
        self._mask(every=False)

    def hold(self, types: Mapping[str, FixedPoint]) -> None:
        """Keep zeros zero and every other weight a multiple of the last one of its bits under these types."""
        self.keep_zeros()
        self.per_weight_steps.hold(types)

    def weights(self) -> Weights:
        """Return the weights as training computes with them: multiples of their own steps where they have
        any.
        """
        return self.per_weight_steps.rounded(self.model.weights())

    def _mask(self, *, every: bool) -> None:
        """Let those weights move that aren't zero, or every one that may move at all."""
        for kernel, mask, may in zip(self._kernels, self._masks, self._every, strict=True):
            mask.assign(may if every else (np.asarray(kernel) != 0).astype(np.float32))

    def steps(self, samples: int) -> int:
        """Return the steps of an epoch over so many samples."""
        return -(-samples // self.batch_size)

    def epoch(self, order: NDArray[np.integer], learning_rate: Rates, *, decay: float = 0.0) -> float:
        """Train once over the samples in `order`; return the mean loss (NaN when it diverged).

        Args:
            order: numbers of the samples.
            learning_rate: of all steps, or of each.
            decay: of the averages, a step; with 0 they are the weights as they are.
        """
        mode = self.model.mode
        mode.exact, mode.training, mode.dtype = True, True, tf.float32
        self._decay.assign(decay)
        traced = self.model.traced("train_epoch", self._epoch, self._SIGNATURE)
        return float(traced(tf.constant(order, tf.int32), self._rates(order, learning_rate)))

    def _rates(self, order: NDArray[np.integer], learning_rate: Rates) -> Any:
        rates = np.broadcast_to(np.asarray(learning_rate, np.float32), (self.steps(len(order)),))
        return tf.constant(rates, tf.float32)

    def explore(self, order: NDArray[np.integer], learning_rate: Rates) -> tuple[float, dict[str, float]]:
        """Train as `epoch` does; return the mean loss and its mean derivative by the width of each tensor,
        per bit.

        The derivative is a surrogate, see `VariableFixedPoint`. Tensors without one are left out: states of
        recurrent layers, tables, and what isn't rounded.
        """
        mode = self.model.mode
        mode.exact, mode.training, mode.moving, mode.dtype = True, True, True, tf.float32
        try:
            traced = self.model.traced("explore_epoch", self._exploring, self._SIGNATURE)
            loss, slopes = traced(tf.constant(order, tf.int32), self._rates(order, learning_rate))
        finally:
            mode.moving = False
        found = zip(self._moved, slopes.numpy(), strict=True)
        return float(loss), {key: float(slope) for key, slope in found}

    def reached(self) -> frozenset[str]:
        """Return the tensors whose widths `explore` gives a derivative of; nothing is trained."""
        self.explore(np.zeros(0, np.int32), 0.0)
        return frozenset(self._moved)

    def _epoch(self, order: Any, rates: Any) -> Any:
        total, steps = tf.constant(0.0), self._steps(order)
        for step in tf.range(steps):
            self.optimizer.learning_rate = rates[step]
            with tf.GradientTape() as tape:
                loss = self._batch_loss(order, step)
            self._apply(tape.gradient(loss, self._free))
            for average, variable in zip(self._averages, self._free, strict=False):
                average.assign(variable + self._decay * (average - variable))
            total += loss
        return total / tf.cast(steps, tf.float32)

    def _mean_loss(self, order: Any) -> Any:
        total, steps = tf.constant(0.0), self._steps(order)
        for step in tf.range(steps):
            total += self._batch_loss(order, step)
        return total / tf.cast(steps, tf.float32)

    def _exploring(self, order: Any, rates: Any) -> Any:
        variables, quantizers = self._free, self.model.quantizers
        widths = [q.width for q in quantizers.values()]
        # which widths the loss reaches is known from one trace
        with tf.GradientTape() as tape:
            tape.watch(widths)
            loss = self._batch_loss(order, 0)
        reached = [g is not None for g in tape.gradient(loss, widths)]
        self._moved = [key for key, on in zip(quantizers, reached, strict=True) if on]
        widths = [w for w, on in zip(widths, reached, strict=True) if on]
        total, slopes, steps = tf.constant(0.0), tf.zeros((len(widths),)), self._steps(order)
        for step in tf.range(steps):
            self.optimizer.learning_rate = rates[step]
            with tf.GradientTape() as tape:
                tape.watch(widths)
                loss = self._batch_loss(order, step)
            found = tape.gradient(loss, [*variables, *widths])
            self._apply(found[: len(variables)])
            self.per_weight_steps.hear({id(v): g for v, g in zip(variables, found, strict=False)})
            self.per_weight_steps.pull(rates[step])
            slopes += tf.stack(found[len(variables) :])
            total += loss
        count = tf.cast(steps, tf.float32)
        return total / count, slopes / count

    def _steps(self, order: Any) -> Any:
        return (tf.shape(order)[0] + self.batch_size - 1) // self.batch_size

    def _batch_loss(self, order: Any, step: Any) -> Any:
        chosen = order[step * self.batch_size : (step + 1) * self.batch_size]
        batch = [tf.gather(part, chosen) for part in self._x]
        outputs = self.model.forward(batch, stop_before=self._logits_of)
        parts = zip(self._losses, self._y, self._weights, outputs, strict=True)
        found = []
        for place, (one, y, weights, output) in enumerate(parts):
            losses = one(tf.gather(y, chosen), output)
            if self._distillation is not None:
                teacher = tf.gather(self._teacher[place], chosen)
                losses = self._distillation.mixed(losses, teacher, output, self._tasks[place])
            if weights is not None:
                axes = [1] * (
                    losses.shape.rank - 1
                )  # a loss an element, where the output has axes of its own
                losses *= tf.reshape(tf.gather(weights, chosen), [-1, *axes])
            found.append(tf.reduce_mean(losses))
        return tf.add_n(found)

    def _apply(self, gradients: Sequence[Any]) -> None:
        if not self._free:
            return
        known = zip(gradients, self._free, strict=True)
        self.optimizer.apply([g if g is not None else tf.zeros_like(v) for g, v in known], self._free)
        for kernel, mask in zip(self._kernels, self._masks, strict=True):
            kernel.assign(mask * kernel)


def _spread(graph: Graph, key: str) -> bool:
    """Whether a kernel has zeros that are no weights of its layer: of a dilated or grouped convolution."""
    return bool(graph[key.rpartition("/")[0]].attrs.get("spread"))


def _moving(graph: Graph, key: str) -> NDArray[np.float32]:
    """Return 1 where a kernel isn't zero as the graph has it; biases move whatever they are."""
    node, role = key.rsplit("/", 1)
    values = np.asarray(graph.weights[node][role], np.float32)
    return (values != 0).astype(np.float32) if is_kernel(role) else np.ones_like(values)


def _loss(task: str, name: str) -> Any:
    """Return the loss of labels and outputs; a classifier's outputs are logits."""
    if name != "auto":
        found = keras.losses.get(name)
        if isinstance(found, keras.losses.Loss):
            found.reduction = "none"  # a loss a sample, as the functions of that module give it
        return found
    if task == "binary":
        return lambda y, z: tf.nn.sigmoid_cross_entropy_with_logits(
            labels=tf.reshape(y, tf.shape(z)), logits=z
        )
    if task == "multiclass":
        return lambda y, z: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=z)
    return lambda y, z: tf.square(tf.reshape(y, tf.shape(z)) - z)
