"""Training of the float model, from which every candidate starts."""

from __future__ import annotations

from typing import Any

import numpy as np

from bitfront.search.config.base import nearest
from bitfront.search.data import Inputs
from bitfront.search.problem import Problem, ends_in_probabilities
from bitfront.spaces.errors import UserError


def train_float(problem: Problem, *, verbose: bool = False) -> None:
    """Train `problem.model` in place, seeded by the study's seed, as `training` in its study file says.

    With `early_stopping` the weights of the epoch with the least validation loss are kept. `verbose` prints Keras'
    line an epoch.

    Raises:
        UserError: when the loss is unknown or doesn't fit the labels, or training diverges.
    """
    import keras

    config, data, model = problem.config.training, problem.data, problem.model
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
    model.compile(optimizer=optimizer, loss=_loss(problem))
    try:
        model.fit(
            _fed(data.x_train),
            _targets(problem, data.y_train),
            validation_data=(_fed(data.x_val), _targets(problem, data.y_val)),
            batch_size=config.batch_size,
            epochs=config.float_epochs,
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


def float_outputs(problem: Problem, x: Inputs) -> Any:
    """Return the float model's outputs, float32 of shape (samples, *output)."""
    return problem.model.predict(_fed(x), batch_size=2048, verbose=0)


def _loss(problem: Problem) -> Any:
    """Return the Keras loss: by name, or for the task and what the model ends with."""
    import keras

    wanted = problem.config.training.loss
    if wanted != "auto":
        try:
            return keras.losses.get(wanted)
        except ValueError:
            known = [name for name in dir(keras.losses) if name.islower() and not name.startswith("_")]
            known = [name for name in known if name not in {"deserialize", "get", "serialize"}]
            raise UserError(
                f"training.loss = {wanted!r} isn't known: {nearest(wanted, known)}.".replace("?.", "?")
            ) from None
    logits = not ends_in_probabilities(problem.model)
    if problem.config.task == "binary":
        return keras.losses.BinaryCrossentropy(from_logits=logits)
    if problem.config.task == "multiclass":
        return keras.losses.SparseCategoricalCrossentropy(from_logits=logits)
    return keras.losses.MeanSquaredError()


def _targets(problem: Problem, y: Any) -> Any:
    """Return labels in the form that the loss takes: a column where binary."""
    return np.asarray(y, np.float32)[:, None] if problem.config.task == "binary" else y


def _fed(x: Inputs) -> Any:
    return x[0] if len(x) == 1 else list(x)
