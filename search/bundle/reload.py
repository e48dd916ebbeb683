"""A finished trial as models, types and golden data, from the study folder alone."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bitfront.hls import BitTrue, hls_config, shrunk, to_keras, to_qkeras
from bitfront.spaces import Candidate, FixedPoint, Graph, Space, UserError, Weights, lower

from ..evaluator.prepare import bit_true_model, from_logits
from ..evaluator.space import space_of
from ..problem.load import output_names
from ..problem.own_layers import with_own_layers
from ..storage.identity import recorded_study
from ..storage.study_folder import StudyFolder
from ..trials.evaluation import FILE, Evaluation
from ..trials.files import trial_folder
from ..trials.reference import Reference
from ..trials.stored import DamagedFile, read_arrays, require_sound_keras
from .score import golden_score
from .source import BundleSource

if TYPE_CHECKING:
    from ..config import StudyConfig

_RUN_AGAIN = "run the study again, which makes it again"
_PACKAGES = ("tensorflow", "keras", "qkeras-v3", "hls4ml", "optuna", "numpy")


@dataclass(frozen=True)
class ScoredTrial:
    """A scored trial of a study, computing again."""

    evaluation: Evaluation
    config: StudyConfig
    float_model: Any
    graph: Graph
    candidate: Candidate
    types: dict[str, FixedPoint]
    weights: Weights
    bit_true: BitTrue
    """The bit-true model, holding the trial's weights and types."""


def reload_trial(study_dir: Path, number: int) -> ScoredTrial:
    """Return a scored trial from `study.yaml`, `float.keras` and the trial's own folder; nothing else is
    read.

    Raises:
        UserError: when one of them is missing or damaged, or the trial was never scored.
    """
    evaluation = Evaluation.read(trial_folder(study_dir, number) / FILE)
    if evaluation.status != "complete":
        raise UserError(
            f"Trial {number} is {evaluation.status} ({evaluation.reason}): choose one that was scored."
        )
    config = recorded_study(study_dir)
    float_model = load_float_model(study_dir, trust=config.trust_model)
    types = {key: FixedPoint.parse(text) for key, text in evaluation.precision.items()}
    graph, space = rebuild(config, float_model, types)
    candidate = space.candidate(evaluation.params)
    bit_true = bit_true_model(config, graph, space)
    weights: Weights = StudyFolder(study_dir).weights(evaluation) or graph.weights
    bit_true.restore(weights)
    bit_true.assign(types)
    return ScoredTrial(evaluation, config, float_model, graph, candidate, types, weights, bit_true)


def candidate_artifacts(study_dir: Path, number: int) -> BundleSource:
    """Return all that a bundle of trial `number` is made of.

    Raises:
        UserError: when the folder is no study, or the trial was never scored.
    """
    study_dir = Path(study_dir)
    trial = reload_trial(study_dir, number)
    reference = Reference.read(study_dir)
    config, left = trial.config, shrunk(trial.graph, trial.weights, trial.types)
    graph, weights, types = left.graph, left.weights, left.types
    golden, labels = golden_inputs(study_dir), golden_labels(study_dir)
    outputs = trial.bit_true.predict(golden)
    drawn, origin = len(labels[0]) if labels else len(golden[0]), "the study's"
    if drawn < len(golden[0]):
        origin = f"({drawn} of the study's, {len(golden[0]) - drawn} mixed from these)"
    plain = to_keras(graph, weights, types)
    return BundleSource(
        name=f"{reference.study}-{number:05d}",
        quantized_model=to_qkeras(
            graph,
            weights,
            types,
            table_size=config.space.table_size,
            narrow_accumulators=trial.bit_true.narrow_accumulators,
        ),
        model=plain,
        float_model=trial.float_model,
        precision=types,
        hls_config=hls_config(
            graph,
            types,
            plain,
            trial.candidate.hardware,
            config.target,
        ),
        part=config.device.part,
        clock_ns=config.device.clock_ns,
        golden_inputs=golden,
        golden_outputs=outputs,
        golden_labels=labels,
        golden_origin=origin,
        golden_score=golden_score(
            config, outputs, labels, output_names(trial.float_model), from_logits(trial.graph)
        ),
        evaluation=trial.evaluation.to_json(),
        study={
            "name": reference.study,
            "digest": config.digest,
            "trial": number,
            "candidate": trial.evaluation.digest,
            "seed": config.seed,
            "model": reference.model,
            "data": reference.data,
            "data_digest": str(reference.params.get("data_digest", "")),
            "float_scores": dict(reference.float_scores),
            "head_left_off": graph.dropped_head,
            "python": platform.python_version(),
            "versions": {name: version(name) for name in _PACKAGES},
        },
        metric=reference.metric.name,
        backend=config.hls.backend,
        io_type=config.hls.io_type,
    )


def load_float_model(study_dir: Path, *, trust: bool) -> Any:
    """Return the study's trained float model.

    Raises:
        UserError: when it is missing or damaged.
    """
    import keras

    path = Path(study_dir) / "float.keras"
    try:
        require_sound_keras(path, _RUN_AGAIN)
    except FileNotFoundError:
        raise UserError(f"{study_dir} has no float.keras: run the study first.") from None
    source = recorded_study(study_dir).model
    try:
        return with_own_layers(
            lambda: keras.models.load_model(path, compile=False, safe_mode=not trust),
            source,
            StudyFolder(Path(study_dir)).source_folders,
        )
    except UserError:
        raise
    except Exception as error:  # Keras raises whatever a layer's constructor does
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        hint = "run the study again"
        if "register_keras_serializable" in str(error):
            hint = f"it holds a layer of your own, so run this in the folder of {source}"
        raise UserError(f"{path} can't be loaded ({reason[:200]}): {hint}.") from error


def rebuild(config: StudyConfig, model: Any, types: dict[str, FixedPoint]) -> tuple[Graph, Space]:
    """Return the graph of a study's trial, whose inputs have the signs that `types` say, and the study's
    space.
    """
    graph = lower(model, head=config.space.head)
    unsigned = {name: 0.0 if not types[f"{name}/result"].signed else -1.0 for name in graph.inputs}
    graph = graph.with_data(unsigned)
    return graph, space_of(config, graph)


def golden_inputs(study_dir: Path) -> list[Any]:
    """Return the samples that a study keeps for bundles, validation ones first, one array per input.

    Raises:
        UserError: when the file is missing or damaged.
    """
    return _golden(study_dir, "x")


def golden_labels(study_dir: Path) -> list[Any] | None:
    """Return their class numbers or targets, one array per output; None where an earlier version kept the
    samples alone.

    Raises:
        UserError: when the file is missing or damaged.
    """
    return _golden(study_dir, "y") or None


def _golden(study_dir: Path, letter: str) -> list[Any]:
    path = Path(study_dir) / "golden.npz"
    try:
        arrays = read_arrays(path, _RUN_AGAIN)
        return [arrays[f"{letter}{i}"] for i in range(sum(name.startswith(letter) for name in arrays))]
    except (FileNotFoundError, KeyError) as error:
        raise DamagedFile(path, getattr(error, "strerror", None) or error, _RUN_AGAIN) from error
