"""What a study is about, loaded and checked: the float model, the data, and the metric that ranks
candidates.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bitfront.search.config import PYTHON_OBJECT, StudyConfig
from bitfront.search.config.base import nearest
from bitfront.search.config.load import read_yaml
from bitfront.search.config.ready import ready_studies
from bitfront.search.config.regular import require_regular
from bitfront.search.model_files import (
    Reading,
    format_of,
    from_keras2,
    from_torch,
    is_keras2,
    is_torch,
    load_weights,
    read_model,
)
from bitfront.search.problem.class_weights import ClassWeights, class_weights
from bitfront.search.problem.data import Dataset, Shape, check, half_of_memory, read_npz
from bitfront.search.problem.labels import Output
from bitfront.search.problem.metrics import Ranking, build_ranking, check_beside, sees_labels
from bitfront.search.problem.user_code import UserFunction
from bitfront.spaces import UserError

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Problem:
    """A study's model, data and metric, which fit each other."""

    config: StudyConfig
    base_dir: Path
    """The folder that the study's files are relative to."""
    model: keras.Model
    """The float model, built; its weights are random where `needs_training`."""
    data: Dataset
    ranking: Ranking
    """Takes the labels and every output of `model`, whose scores are logits where it lacks a last sigmoid or
    softmax.
    """
    outputs: Mapping[str, Output]
    """The model's outputs in its order, by name."""
    needs_training: bool
    class_weights: ClassWeights
    """What each class weighs in the loss of each output, None where all weigh alike."""
    zeros: Mapping[int, NDArray[np.bool_]]
    """Where kernels of a model that needs training are zero and are to stay so, by place in
    `model.weights`.
    """
    digest: str
    """Identifies configuration, data and model: 16 hex digits; a study goes on only with the same one."""

    @property
    def keeps_zeros(self) -> bool:
        """Whether the zeros among the float model's kernels are to stay."""
        return self.config.training.keep_zeros and (not self.needs_training or bool(self.zeros))


def load_problem(config: StudyConfig, base_dir: Path) -> Problem:
    """Load what a study file names, and check that it fits together.

    The seed of Python, NumPy and Keras is set, so that a model function gives the same weights each time.

    Raises:
        UserError: in one sentence: a file or function is missing or fails, the model has no fixed layers, its
            output doesn't fit the task, the data don't fit the model, or classes are weighed that aren't
            there.
    """
    base_dir = Path(base_dir)
    ranking = build_ranking(config, base_dir)
    model, trained = _model(config, base_dir)
    if config.model_trained != "auto":
        trained = config.model_trained
    shape = _shape(model, config)
    source = str(config.data) if isinstance(config.data, str | Path) else "data"
    data = check(
        load_data(config.data, base_dir),
        shape,
        source,
        config.validation_split,
        config.seed,
        stratify=config.stratify,
        labelled=sees_labels(config.metric.name),
    )
    check_beside(config.metric.name, {split: data.beside(split) for split in ("val", "test")}, source)
    if trained:
        _check_weights(model)
    return Problem(
        config=config,
        base_dir=base_dir,
        model=model,
        data=data,
        ranking=ranking({name: output.task for name, output in shape.outputs.items()}).on_logits(
            [not ends_in_probabilities(model, position) for position in range(len(shape.outputs))]
        ),
        outputs=shape.outputs,
        needs_training=not trained,
        class_weights=class_weights(config.training.class_weights, shape.outputs, data.y_train),
        zeros={} if trained or not config.training.keep_zeros else _pruned(model),
        digest=_digest(config.digest, config, model, data, trained),
    )


def problem_digest(problem: Problem, config_digest: str) -> str:
    """Return what `Problem.digest` is under other settings, before the float model has other weights than it
    came with.
    """
    return _digest(config_digest, problem.config, problem.model, problem.data, not problem.needs_training)


def load_model(
    source: Any, base_dir: Path, *, weights: str | None = None, trust: bool = False, seed: int = 1
) -> keras.Model:
    """Return the Keras model that a source means: `file.py:function`, a model file, a ready study, or a
    model.

    `weights`: a file of weights for it, relative to `base_dir`.

    Raises:
        UserError: when it is missing, fails to load, or holds a Lambda without `trust`.
    """
    return _loaded(source, Path(base_dir), weights, trust, seed)[0]


def output_names(model: keras.Model) -> list[str]:
    """Return the names by which a study file knows the outputs of a model, in their order."""
    return [tensor._keras_history.operation.name for tensor in model.outputs]


def ends_in_probabilities(model: keras.Model, output: int = 0) -> bool:
    """Whether an output of the model passed a sigmoid or softmax, in a layer of its own or as an
    activation.
    """
    history = model.outputs[output]._keras_history
    layer: Any = history.operation
    if getattr(layer, "outputs", None) and hasattr(layer, "layers"):  # a model used as a layer
        return ends_in_probabilities(layer, history.tensor_index)
    if type(layer).__name__ == "Softmax":
        return True
    activation = getattr(layer, "activation", None)
    name = activation if isinstance(activation, str) else getattr(activation, "__name__", None)
    name = str(name or type(activation).__name__).removeprefix("quantized_")
    return name.startswith(("sigmoid", "softmax"))


def _model(config: StudyConfig, base_dir: Path) -> tuple[keras.Model, bool]:
    return _loaded(config.model, base_dir, config.model_weights, config.trust_model, config.seed)


def _loaded(
    source: Any, base_dir: Path, weights: str | None, trust: bool, seed: int
) -> tuple[keras.Model, bool]:
    """Return the model and whether it comes trained, as its kind of source suggests."""
    if weights is None:
        return _of_source(source, base_dir, Reading(trust, half_of_memory()), seed)
    reading = Reading(trust, half_of_memory(), base_dir / weights)
    model, _ = _of_source(source, base_dir, reading, seed)
    if not str(source).lower().endswith(".json"):  # which needs them to be read at all
        load_weights(model, base_dir / weights, reading)
    return model, True


def _of_source(source: Any, base_dir: Path, reading: Reading, seed: int) -> tuple[keras.Model, bool]:
    import keras

    if is_keras2(source):
        source = from_keras2(source, "the model given")
    elif is_torch(source):
        source = from_torch(source, "the model given")
    if isinstance(source, keras.Model):
        return _built(source, "model"), True
    if not isinstance(source, str | Path):
        raise UserError(
            f"model is a {type(source).__name__}: give a keras.Model, file.py:function or a model file."
        )
    text = str(source)
    if ".py:" not in text and not (base_dir / text).is_dir():
        require_regular(base_dir / text, "model: ")
    if ".py:" not in text and format_of(base_dir / text) is not None:
        return _built(read_model(base_dir / text, reading), text), True
    if ":" in text:
        function = UserFunction(text, base_dir, "model")
        # Layers without a name are counted by the process: start anew, or a study could not go on after
        # another.
        keras.utils.clear_session(free_memory=False)
        keras.utils.set_random_seed(seed)
        model = function()
        if is_torch(model):
            return _built(from_torch(model, text), text), True
        if is_keras2(model):
            model = from_keras2(model, text)
        if not isinstance(model, keras.Model):
            raise UserError(f"model: {text} returned a {type(model).__name__}: return a keras.Model.")
        return _built(model, text), False
    inner, folder = _ready(text, "model")
    return _of_source(inner, folder, reading, seed)


def _ready(name: str, key: str) -> tuple[str, Path]:
    """Return what a ready study has for `key`, and its folder."""
    ready = ready_studies()
    study = ready.find(name)
    if study is None:
        hint = nearest(name, ready.names)
        kinds = "a model file" if key == "model" else "an .npz"
        raise UserError(
            f"{key} = {name!r} is neither file.py:function nor {kinds} nor a ready study: {hint}.".replace(
                "?.", "?"
            )
            + ready.hint
        )
    inner = read_yaml(study.file).get(key)
    if not isinstance(inner, str) or (":" not in inner and not inner.endswith((".keras", ".npz"))):
        raise UserError(f"{study.file}: {key} = {inner!r} names no file: install bitfront again.")
    return inner, study.folder


def _built(model: keras.Model, source: str) -> keras.Model:
    """Return the model if its inputs and outputs are known.

    Raises:
        UserError: when it isn't built, or its layers can't be read.
    """
    try:
        known = bool(model.inputs) and bool(model.outputs)
    except (AttributeError, ValueError):
        known = False
    if not known:
        raise UserError(
            f"model: {source} has no known inputs: start a Sequential model with keras.Input(shape), or "
            "write it as a functional model."
        )
    names = output_names(model)
    if len(set(names)) < len(names):
        raise UserError(f"model: {source} gives out {', '.join(names)}, one of them twice: name each once.")
    return model


def input_shapes(model: keras.Model) -> dict[str, tuple[int | None, ...]]:
    """Return the shape of each input without the batch axis, by the input's name."""
    return {tensor._keras_history.operation.name: tuple(tensor.shape[1:]) for tensor in model.inputs}


def _shape(model: keras.Model, config: StudyConfig) -> Shape:
    shapes = [tuple(tensor.shape[1:]) for tensor in model.outputs]
    outputs = dict(zip(output_names(model), shapes, strict=True))
    if isinstance(config.task, dict) and set(config.task) != set(outputs):
        raise UserError(
            f"task names the outputs {', '.join(config.task)}, the model has {', '.join(outputs)}: name them "
            f"alike."
        )
    found = {name: Output(shape, config.task_of(name)) for name, shape in outputs.items()}
    for name, output in found.items():
        spot = f"its output {name!r}" if len(found) > 1 else "its output"
        if output.task == "binary" and output.shape != (1,):
            raise UserError(
                f"model: {spot} has shape {output.shape}, but task binary needs one number: end with "
                "Dense(1), or set task: multiclass."
            )
        if output.task == "multiclass" and (len(output.shape) != 1 or output.classes < 2):
            raise UserError(
                f"model: {spot} has shape {output.shape}, but task multiclass needs a score for each class: "
                "end with Dense(classes), or set another task."
            )
    return Shape(input_shapes(model), found)


def load_data(source: Any, base_dir: Path) -> Any:
    """Return raw arrays from an `.npz`, a function, a ready study, or as Python gave them.

    Raises:
        UserError: when there is no such source, or it fails.
    """
    if isinstance(source, str | Path):
        text = str(source)
        if text.endswith(".npz"):
            return read_npz(base_dir / text)
        if ":" in text:
            return UserFunction(text, base_dir, "data")()
        inner, folder = _ready(text, "data")
        return load_data(inner, folder)
    if isinstance(source, Mapping | tuple):
        return source
    raise UserError(f"data is a {type(source).__name__}: give a dict of arrays, file.py:function or an .npz.")


def _pruned(model: keras.Model) -> dict[int, NDArray[np.bool_]]:
    """Return where kernels are zero here and there: somebody made them so, for no initializer does.

    Kernels of zeros alone, and those whose other weights are all alike, as of an identity, are what
    initializers make.
    """
    trained = {id(variable) for variable in model.trainable_variables}
    found = {}
    for place, variable in enumerate(model.weights):
        if id(variable) not in trained or len(variable.shape) < 2 or "bias" in variable.name:
            continue
        values = np.asarray(variable)
        others = values[values != 0]
        if others.size < values.size and len(np.unique(others)) > 1:
            found[place] = values == 0
    return found


def _check_weights(model: keras.Model) -> None:
    for variable in model.weights:
        if not np.isfinite(np.asarray(variable)).all():
            raise UserError(f"model: weights {variable.path} hold NaN or infinity: train the model again.")


def _digest(config_digest: str, config: StudyConfig, model: keras.Model, data: Dataset, trained: bool) -> str:
    state = hashlib.sha256(f"{config_digest} {data.digest} {trained}".encode())
    if config.to_dict()["model"] == PYTHON_OBJECT or trained:
        for variable in model.weights:
            state.update(np.ascontiguousarray(np.asarray(variable)).data)
    for layer in model.layers:
        shapes = [tuple(weight.shape) for weight in layer.weights]
        activation = getattr(getattr(layer, "activation", None), "__name__", "")
        state.update(f"{type(layer).__name__} {layer.name} {shapes} {activation}".encode())
    return state.hexdigest()[:16]
