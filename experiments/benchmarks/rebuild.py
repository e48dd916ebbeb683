"""The way AutoQKeras and SNAC-Pack try a precision: a new QKeras model, compiled and traced again, every
trial.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bitfront.search import Problem

WIDTHS = (2, 8)
"""Lowest and highest width that a trial draws."""
UNQUANTIZED = {
    "MaxPooling2D",
    "Flatten",
    "InputLayer",
    "EinsumDense",
    "MultiHeadAttention",
    "LayerNormalization",
    "Add",
    "GlobalAveragePooling1D",
}
"""Layers that QKeras has no equivalent of, or that need none."""
_LOSSES = {
    "binary": "binary_crossentropy",
    "multiclass": "sparse_categorical_crossentropy",
    "regression": "mse",
}


@dataclass
class Rebuilding:
    """Trials of a `Problem` whose model has the ready studies' layers.

    Activations other than ReLU stay in float and a state is not rounded, which is cheaper than what those
    tools build: the comparison errs in their favour. QKeras has no attention and no layer normalization: a
    transformer keeps Keras's own, in float, and only its dense layers and its input to them are quantized.
    """

    problem: Problem
    draw: random.Random
    predict_batch: int = 2048

    def build(self) -> Any:
        """Return an uncompiled QKeras model of random widths that holds the float weights.

        Raises:
            ValueError: when the model has a layer of another kind than the ready studies.
        """
        import keras

        source = self.problem.model

        if isinstance(source, keras.Sequential):
            built = keras.Sequential([keras.Input(source.input_shape[1:])])
            for layer in source.layers:
                for made in self._layers(layer):
                    built.add(made)
        else:
            built = keras.models.clone_model(source, clone_function=self._in_one)
        built.set_weights(source.get_weights())
        return built

    def ptq_seconds(self) -> float:
        """Build a model, compute its validation metric, and return the wall seconds that took."""
        import keras

        started = time.perf_counter()
        model, data = self.build(), self.problem.data
        self._compile(model)
        outputs = model.predict(fed(data.x_val), batch_size=self.predict_batch, verbose=0)
        self.problem.ranking(data.y_val, [outputs])
        keras.backend.clear_session()
        return time.perf_counter() - started

    def qat_seconds(self) -> float:
        """Build a model, train it for one epoch, and return the wall seconds that took."""
        import keras

        started = time.perf_counter()
        model = self.build()
        self._compile(model)
        fit_epoch(self.problem, model)
        keras.backend.clear_session()
        return time.perf_counter() - started

    def _compile(self, model: Any) -> None:
        compile_for(self.problem, model)

    def _bits(self, integer: int = 0) -> Any:
        import qkeras

        width = self.draw.randint(*WIDTHS)
        return qkeras.quantized_bits(width, min(integer, width - 1), keep_negative=True, alpha=1.0)

    def _in_one(self, layer: Any) -> Any:
        import keras

        made = self._layers(layer)
        return made[0] if len(made) == 1 else keras.Sequential(made, name=layer.name)

    def _layers(self, layer: Any) -> list[Any]:
        """Return what stands for one layer of the float model."""
        import keras
        import qkeras

        kind, config = type(layer).__name__, layer.get_config()
        quantizers = {"kernel_quantizer": self._bits(), "bias_quantizer": self._bits()}
        if kind == "Dense":
            made = qkeras.QDense(config["units"], **quantizers)
        elif kind == "Conv2D":
            shape = {key: config[key] for key in ("strides", "padding")}
            made = qkeras.QConv2D(config["filters"], config["kernel_size"], **shape, **quantizers)
        elif kind in {"LSTM", "GRU"}:
            cell = {"LSTM": qkeras.QLSTM, "GRU": qkeras.QGRU}[kind]
            own = {
                "activation": "tanh",
                "recurrent_activation": "sigmoid",
                "recurrent_quantizer": self._bits(),
            }
            if kind == "GRU":
                own["reset_after"] = config["reset_after"]
            return [cell(config["units"], **own, **quantizers)]
        elif kind in UNQUANTIZED:
            return [type(layer).from_config(config)]
        else:
            raise ValueError(f"{layer.name}: there is no rule that rebuilds a {kind}.")
        if config["activation"] == "relu":
            return [made, qkeras.QActivation(qkeras.quantized_relu(self.draw.randint(*WIDTHS), 2))]
        return [made, keras.layers.Activation(config["activation"])]


def compile_for(problem: Problem, model: Any) -> None:
    """Compile a model for the study's task, with its optimizer and learning rate."""
    import keras

    training = problem.config.training
    config = {"learning_rate": training.learning_rate}
    optimizer = keras.optimizers.get({"class_name": training.optimizer, "config": config})
    model.compile(optimizer=optimizer, loss=_LOSSES[str(problem.config.task)])


def fit_epoch(problem: Problem, model: Any) -> None:
    """Train a compiled model for one epoch of the training part, in the study's batches."""
    data = problem.data
    (labels,) = data.y_train
    target = labels if problem.config.task == "multiclass" else labels.reshape(-1, 1)
    model.fit(fed(data.x_train), target, batch_size=problem.config.training.batch_size, epochs=1, verbose=0)


def fed(x: Any) -> Any:
    """Return a study's inputs as Keras takes them: the array itself where there is one."""
    return x[0] if len(x) == 1 else list(x)
