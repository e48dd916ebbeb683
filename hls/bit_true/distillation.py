"""Distillation: what the float model answers, as a target of the training beside the labels.

Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015. A label says which class is
right, the float model how sure it may be: where few bits are left, that is easier to follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

LEAST = 1e-7
"""Probability that counts as none: float32 has no smaller distance to 1."""


@dataclass(frozen=True, eq=False)
class Distillation:
    """The float model's outputs on the training data, and what they weigh."""

    outputs: Sequence[NDArray[np.float32]]
    """One array an output: logits of a classifier, values of a regression, (samples, *output)."""
    weight: float
    """Share of the loss, 0 to 1; the labels have the rest."""
    temperature: float = 1.0
    """Divides the logits of both: above 1, what the float model holds possible counts for more."""

    def mixed(self, losses: Any, teacher: Any, output: Any, task: str) -> Any:
        """Return the labels' losses, one a sample, with this share of the float model's outputs in them.

        Soft losses of classifiers are multiplied by the square of the temperature, so that their gradients
        keep their size.
        """
        soft = self._soft(tf.reshape(teacher, tf.shape(output)), output, task)
        while soft.shape.rank > losses.shape.rank:  # losses by name come one a sample
            soft = tf.reduce_mean(soft, -1)
        return (1 - self.weight) * losses + self.weight * soft

    def _soft(self, teacher: Any, output: Any, task: str) -> Any:
        if task == "regression":
            return tf.square(teacher - output)
        t = self.temperature
        if task == "binary":
            labels = tf.sigmoid(teacher / t)
            return t**2 * tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=output / t)
        labels = tf.nn.softmax(teacher / t)
        return t**2 * tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=output / t)


def logits(outputs: NDArray[np.floating], task: str, *, probabilities: bool) -> NDArray[np.float32]:
    """Return a float model's outputs as logits, up to what a softmax doesn't see; those of a regression as
    they are.
    """
    if task == "regression" or not probabilities:
        return np.asarray(outputs, np.float32)
    p = np.clip(np.asarray(outputs, np.float64), LEAST, 1 - LEAST)
    return np.asarray(np.log(p) - np.log1p(-p) if task == "binary" else np.log(p), np.float32)
