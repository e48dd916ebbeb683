"""Design descriptions of what a user has: a Keras model at one precision, a bundle, the trials of a study."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from bitfront.hls import DesignDescription, Target, check_hardware, describe
from bitfront.hls.precision import uniform_types
from bitfront.spaces import FixedPoint, LayerHardware, UserError, lower

from ..config import StudyConfig, load_study
from ..evaluator.design import candidate_design
from ..storage.study_folder import StudyFolder
from ..trials.evaluation import Evaluation
from .reload import load_float_model, rebuild

__all__ = ["bundle_design", "is_bundle", "model_design", "study_designs"]

_PLAIN = LayerHardware()
_PRECISION, _CONFIG, _MODEL = "precision.json", "hls4ml_config.yaml", "model.keras"


def model_design(
    model: Any,
    precision: FixedPoint,
    target: Target,
    hardware: LayerHardware = _PLAIN,
) -> DesignDescription:
    """Describe a Keras model with `precision` and `hardware` in all of it; a last softmax is left off, as a
    study does.

    Raises:
        UserError: when hls4ml can't build a layer of it, or not for this interface and strategy.
    """
    graph = lower(model)
    check_hardware(
        graph,
        io_type=target.io_type,
        backend=target.backend,
        strategies=(hardware.strategy or "Latency",),
        reuse_factors=(hardware.reuse_factor or 1,),
    )
    shared = [node.name for node in graph if node.traits.family in {"linear", "recurrent"}]
    design = describe(
        graph, uniform_types(graph, precision), graph.weights, dict.fromkeys(shared, hardware), target
    )
    return replace(design, name=f"{model.name} {precision}")


def is_bundle(folder: Path) -> bool:
    """Return whether a folder looks like what `bitfront export` writes."""
    return all((folder / name).is_file() for name in (_PRECISION, _CONFIG, _MODEL))


def bundle_design(folder: Path) -> DesignDescription:
    """Describe a bundle's design from its files: types, weights, strategies and reuse factors as exported.

    Raises:
        UserError: when a file is missing or damaged.
    """
    import keras

    import bitfront.hls.keras_layers  # noqa: F401 - so that Keras can load them

    try:
        config: Mapping[str, Any] = yaml.safe_load((folder / _CONFIG).read_text(encoding="utf-8"))
        tensors = json.loads((folder / _PRECISION).read_text(encoding="utf-8"))["tensors"]
        graph = lower(keras.models.load_model(folder / _MODEL, compile=False), head="keep")
        layers: Mapping[str, Any] = config["HLSConfig"]["LayerName"]
        design = describe(
            graph,
            {key: FixedPoint.parse(one["type"]) for key, one in tensors.items()},
            graph.weights,
            {node.name: _hardware(layers[node.name]) for node in graph if node.traits.hardware},
            Target(
                part=config["Part"],
                clock_ns=float(config["ClockPeriod"]),
                io_type=config["IOType"],
                backend=config["Backend"],
                table_size=max((int(one.get("TableSize", 1024)) for one in layers.values()), default=1024),
            ),
        )
        return replace(design, name=folder.resolve().name)
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
        yaml.YAMLError,
    ) as error:
        raise UserError(
            f"{folder} can't be read as a bundle ({type(error).__name__}: "
            f"{str(error).splitlines()[0][:120]}): export it again."
        ) from error


def _hardware(layer: Mapping[str, Any]) -> LayerHardware:
    """Return how a layer is built, from its part of hls4ml's configuration."""
    recurrent = layer.get("RecurrentReuseFactor")
    return LayerHardware(
        strategy=layer["Strategy"],
        reuse_factor=int(layer["ReuseFactor"]),
        recurrent_reuse_factor=None if recurrent is None else int(recurrent),
        recurrent_mode="static" if layer.get("Static", True) else "non_static",
    )


def study_designs(study_dir: Path, chosen: Iterable[Evaluation]) -> dict[int, DesignDescription]:
    """Describe trials of a study by number, with the weights that gave their scores.

    Raises:
        UserError: when the folder is no study, or lacks its float model.
    """
    config: StudyConfig = load_study(study_dir / "study.yaml")
    model = load_float_model(study_dir, trust=config.trust_model)
    study_folder = StudyFolder(study_dir)
    found = {}
    for evaluation in chosen:
        types = {key: FixedPoint.parse(text) for key, text in evaluation.precision.items()}
        graph, space = rebuild(config, model, types)
        found[evaluation.number] = candidate_design(
            config,
            graph,
            space.candidate(evaluation.params),
            types,
            study_folder.weights(evaluation) or graph.weights,
            name=f"{config.name} trial {evaluation.number}",
        )
    return found
