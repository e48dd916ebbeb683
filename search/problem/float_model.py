"""Training of the float model, from which every candidate starts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bitfront.search.config import DEFAULT_WALL
from bitfront.search.config.base import nearest
from bitfront.search.problem.class_weights import sample_weights
from bitfront.search.problem.data import Inputs
from bitfront.search.problem.labels import Targets
from bitfront.search.problem.load import Problem, ends_in_probabilities
from bitfront.spaces import UserError, untrained_layers

if TYPE_CHECKING:
    import keras

    from bitfront.search.config import StudyConfig

MOST_EPOCHS, LEAST_EPOCHS = 400, 30
"""Of a training that early stopping ends; and those that it has whatever they take."""


def train_float(problem: Problem, *, verbose: bool = False) -> None:
    """Train `problem.model` in place, seeded by the study's seed, as `training` in its study file says.

    With `early_stopping` the weights of the epoch with the least validation loss are kept; class weights
    count in that loss too. Layers with `trainable=False` aren't trained, nor zeros that are to stay
    (`Problem.zeros`). `verbose` prints Keras' line an epoch.

    Raises:
        UserError: when the loss is unknown or doesn't fit the labels, or training diverges.
    """
    import keras

    config, data, model = problem.config.training, problem.data, _flat(problem.model)
    keras.utils.set_random_seed(problem.config.seed)
    optimizer = keras.optimizers.get(
        {"class_name": config.optimizer, "config": {"learning_rate": config.float_learning_rate}}
    )
    callbacks: list[Any] = [keras.callbacks.TerminateOnNaN()]
    if config.early_stopping:
        callbacks.append(
            keras.callbacks.EarlyStopping(
                monitor="val_loss", mode="min", patience=config.early_stopping, restore_best_weights=True
            )
        )
    if config.float_epochs == "auto":
        callbacks.append(_in_time(problem.config.budget.wall or DEFAULT_WALL))
    weights, val_weights = (_weights(problem, y) for y in (data.y_train, data.y_val))
    if problem.zeros:
        callbacks.append(_keeping(problem))
    for layer in untrained_layers(model):  # of a wrapper that was made so, Keras would train what it wraps
        for inner in layer._flatten_layers(include_self=False):
            inner.trainable = False
    model.compile(optimizer=optimizer, loss=_fed(_losses(problem)))
    try:
        model.fit(
            _fed(data.x_train),
            _targets(problem, data.y_train),
            sample_weight=weights,
            validation_data=(_fed(data.x_val), _targets(problem, data.y_val), val_weights),
            batch_size=config.batch_size,
            epochs=float_epochs(problem.config),
            shuffle=True,
            callbacks=callbacks,
            verbose=2 if verbose else 0,
        )
    except (ValueError, TypeError) as error:
        reason = (str(error).strip().splitlines() or [""])[0].rstrip(".")
        raise UserError(
            f"training.loss = {config.loss!r}: Keras can't train with it ({reason[:300]})."
        ) from error
    if not all(np.isfinite(np.asarray(weight)).all() for weight in model.weights):
        raise UserError(
            "The float training diverged, its weights hold NaN: lower training.float_learning_rate "
            f"(now {config.float_learning_rate:g}), or scale the inputs."
        )


def float_epochs(config: StudyConfig) -> int:
    """Return how many epochs a study's float model is trained for at most; `LEAST_EPOCHS` for `auto` without
    early stopping.
    """
    training = config.training
    if training.float_epochs == "auto":
        return MOST_EPOCHS if training.early_stopping else LEAST_EPOCHS
    return training.float_epochs


def _in_time(seconds: float) -> Any:
    """Return a callback that ends a training after so many seconds, though not before `LEAST_EPOCHS`."""
    import keras

    class InTime(keras.callbacks.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            """Begin to count."""
            self.began = time.monotonic()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            """End it where its time is over."""
            if epoch + 1 >= LEAST_EPOCHS and time.monotonic() - self.began > seconds:
                self.model.stop_training = True

    return InTime()


def _keeping(problem: Problem) -> Any:
    """Return a callback that keeps the zeros of a problem's kernels."""
    import keras

    variables = problem.model.weights
    masks = [(variables[place], (~zeros).astype(np.float32)) for place, zeros in problem.zeros.items()]

    class KeepZeros(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            """Make them zero again: the optimizer moves them."""
            for variable, mask in masks:
                variable.assign(variable * mask)

    return KeepZeros()


def float_outputs(problem: Problem, x: Inputs) -> Any:
    """Return the float model's outputs, float32 of shape (samples, *output)."""
    return _flat(problem.model).predict(_fed(x), batch_size=2048, verbose=0)


def _flat(model: keras.Model) -> keras.Model:
    """Return a model of the same layers that takes and gives lists, where `model` has dicts by name."""
    import keras

    if len(model.inputs) == len(model.outputs) == 1:
        return model
    return keras.Model(model.inputs, model.outputs, name=model.name)


def _losses(problem: Problem) -> list[Any]:
    """Return the Keras loss of each output: by name, or for its task and what it ends with."""
    import keras

    wanted = problem.config.training.loss
    if wanted != "auto":
        try:
            return [keras.losses.get(wanted) for _ in problem.outputs]
        except ValueError:
            known = [name for name in dir(keras.losses) if name.islower() and not name.startswith("_")]
            known = [name for name in known if name not in {"deserialize", "get", "serialize"}]
            raise UserError(
                f"training.loss = {wanted!r} isn't known: {nearest(wanted, known)}.".replace("?.", "?")
            ) from None
    found: list[Any] = []
    for position, output in enumerate(problem.outputs.values()):
        logits = not ends_in_probabilities(problem.model, position)
        if output.task == "binary":
            found.append(keras.losses.BinaryCrossentropy(from_logits=logits))
        elif output.task == "multiclass":
            found.append(keras.losses.SparseCategoricalCrossentropy(from_logits=logits))
        else:
            found.append(keras.losses.MeanSquaredError())
    return found


def _targets(problem: Problem, y: Targets) -> Any:
    """Return labels in the form that the losses take: a column where binary."""
    tasks = [output.task for output in problem.outputs.values()]
    pairs = zip(tasks, y, strict=True)
    return _fed([np.asarray(one, np.float32)[:, None] if task == "binary" else one for task, one in pairs])


def _weights(problem: Problem, y: Targets) -> Any:
    """Return the weight of each sample for each output; None where none weighs more than another."""
    found = sample_weights(problem.class_weights, y)
    if all(one is None for one in found):
        return None
    return _fed(
        [
            np.ones(len(labels), np.float32) if one is None else one
            for one, labels in zip(found, y, strict=True)
        ]
    )


def _fed(values: Sequence[Any]) -> Any:
    """Return what Keras takes: the value itself where there is one."""
    return values[0] if len(values) == 1 else list(values)
