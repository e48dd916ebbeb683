"""Design descriptions of what a user has: a Keras model at one precision, a bundle, the trials of a study."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from bitfront.hls import DesignDescription, check_hardware, describe
from bitfront.hls.precision import uniform_types
from bitfront.spaces import FixedPoint, UserError, lower

from ..config import StudyConfig, load_study
from ..evaluator.design import candidate_design
from ..storage.study_folder import StudyFolder
from ..trials.evaluation import Evaluation
from .reload import load_float_model, rebuild

__all__ = ["bundle_design", "is_bundle", "model_design", "study_designs"]

_PRECISION, _CONFIG, _MODEL = "precision.json", "hls4ml_config.yaml", "model.keras"


def model_design(
    model: Any,
    precision: FixedPoint,
    *,
    part: str,
    clock_ns: float,
    io_type: str = "io_parallel",
    backend: str = "Vitis",
    strategy: str = "Latency",
    reuse_factor: int = 1,
) -> DesignDescription:
    """Describe a Keras model with `precision` in all of it; a last softmax is left off, as a study does.

    Raises:
        UserError: when hls4ml can't build a layer of it, or not for this interface and strategy.
    """
    graph = lower(model)
    check_hardware(graph, io_type=io_type, strategies=(strategy,), reuse_factors=(reuse_factor,))
    shared = [node.name for node in graph if node.traits.family in {"linear", "recurrent"}]
    return describe(
        graph,
        uniform_types(graph, precision),
        graph.weights,
        name=f"{model.name} {precision}",
        part=part,
        clock_ns=clock_ns,
        io_type=io_type,
        backend=backend,
        strategy=dict.fromkeys(shared, strategy),
        reuse_factor=dict.fromkeys(shared, reuse_factor),
    )


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
        chosen = {node.name: layers[node.name] for node in graph if node.traits.hardware}
        return describe(
            graph,
            {key: FixedPoint.parse(one["type"]) for key, one in tensors.items()},
            graph.weights,
            name=folder.resolve().name,
            part=config["Part"],
            clock_ns=float(config["ClockPeriod"]),
            io_type=config["IOType"],
            backend=config["Backend"],
            strategy={name: layer["Strategy"] for name, layer in chosen.items()},
            reuse_factor={name: int(layer["ReuseFactor"]) for name, layer in chosen.items()},
            recurrent_reuse_factor={
                name: int(layer["RecurrentReuseFactor"])
                for name, layer in chosen.items()
                if "RecurrentReuseFactor" in layer
            },
            recurrent_mode={
                name: "static" if layer.get("Static", True) else "non_static"
                for name, layer in chosen.items()
            },
            table_size=max((int(layer.get("TableSize", 1024)) for layer in layers.values()), default=1024),
        )
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
            f"{folder} can't be read as a bundle ({type(error).__name__}: {str(error).splitlines()[0][:120]}): "
            "export it again."
        ) from error


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
