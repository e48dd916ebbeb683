"""What Keras alone scores: a program of its own, which imports nothing of bitfront.

    python score.py CASE [FLOAT.keras]

Prints `{"val": ..., "test": ...}` for the model that the case's `model.py` builds, or for the trained one of
a study. The metric is the study's (accuracy or mean squared error where it names none), of the output that it
ranks.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import yaml


def load_model(study: dict[str, Any], trained: str | None) -> Any:
    """Return the case's model; importing its file registers the layers that the trained one needs."""
    import keras

    source = str(study["model"])
    build = None
    if ":" in source:
        file, _, name = source.rpartition(":")
        build = getattr(importlib.import_module(Path(file).stem), name)
    if trained is None and build is not None:
        keras.utils.set_random_seed(int(study.get("seed", 1)))
        return build()
    objects: dict[str, Any] = {}
    from qkeras.utils import _add_supported_quantized_objects

    _add_supported_quantized_objects(objects)
    return keras.models.load_model(trained or source, custom_objects=objects, compile=False, safe_mode=False)


def load_data(study: dict[str, Any]) -> dict[str, Any]:
    """Return the case's arrays by name."""
    source = str(study["data"])
    if source.endswith(".npz"):
        with np.load(source, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    file, _, name = source.rpartition(":")
    return dict(getattr(importlib.import_module(Path(file).stem), name)())


def named(model: Any) -> list[str]:
    """Return the names of the model's outputs in its order."""
    return [tensor._keras_history.operation.name for tensor in model.outputs]


def outputs(model: Any, x: Any) -> list[Any]:
    """Return the model's outputs in its order."""
    import keras

    if isinstance(x, dict):
        x = [np.asarray(x[tensor._keras_history.operation.name], np.float32) for tensor in model.inputs]
    else:
        x = [np.asarray(x, np.float32)]
    flat = keras.Model(model.inputs, list(model.outputs))
    made = flat.predict(x if len(x) > 1 else x[0], verbose=0, batch_size=1024)
    return list(made) if isinstance(made, list | tuple) else [made]


def score(metric: str, task: str, y: Any, found: Any, probabilities: bool) -> float:
    """Return one metric of one output.

    Raises:
        ValueError: for a metric that is not computed here.
    """
    from sklearn.metrics import accuracy_score, mean_absolute_error, mean_squared_error, roc_auc_score

    y = np.asarray(y)
    if metric == "accuracy" and task == "multiclass":
        labels = y.argmax(-1) if y.ndim == 2 and y.shape[1] > 1 else y.ravel()
        # classes that share the largest score share the sample, as a study counts them unless it says
        # otherwise
        best = np.asarray(found) == np.asarray(found).max(-1, keepdims=True)
        return float(np.mean(best[np.arange(len(labels)), labels.astype(int)] / best.sum(-1)))
    if metric == "accuracy":
        return float(
            accuracy_score(y.ravel() > 0.5, np.asarray(found).ravel() > (0.5 if probabilities else 0.0))
        )
    if metric == "roc_auc" and task == "binary":
        return float(roc_auc_score(y.ravel(), np.asarray(found).ravel()))
    measure = {"mse": mean_squared_error, "mae": mean_absolute_error}.get(metric)
    if measure is None:
        raise ValueError(metric)
    flat = np.asarray(found).reshape(len(y), -1)
    return float(measure(y.reshape(flat.shape), flat))


def anomalies(data: dict[str, Any], split: str, found: Any) -> float:
    """Return the area of each sample's squared error against labels: in `extra`, or in the targets' place."""
    from sklearn.metrics import roc_auc_score

    x, y = np.asarray(data[f"x_{split}"]), data.get(f"y_{split}")
    labels = (data.get(f"extra_{split}") or {}).get("labels", y)
    target = x if y is None or np.shape(y) != np.shape(found) else np.asarray(y)
    error = (np.asarray(found, np.float64) - target) ** 2
    return float(roc_auc_score(np.asarray(labels).ravel(), error.reshape(len(error), -1).mean(axis=1)))


def main(case: str, trained: str | None = None) -> None:
    """Print the scores."""
    sys.path.insert(0, case)
    study = yaml.safe_load((Path(case) / "study.yaml").read_text(encoding="utf-8"))
    model, data = load_model(study, trained), load_data(study)
    names = named(model)
    task = study["task"]
    metric = study.get("metric") or {}
    metric = {"name": metric} if isinstance(metric, str) else metric
    ranked = [metric["output"]] if metric.get("output") else names
    scores = {}
    for split in ("val", "test"):
        if f"x_{split}" not in data:
            continue
        found = dict(zip(names, outputs(model, data[f"x_{split}"]), strict=True))
        parts = []
        for name in ranked:
            own = task[name] if isinstance(task, dict) else task
            y = data.get(f"y_{split}")
            wanted = metric.get("name") or ("mse" if own == "regression" else "accuracy")
            if wanted == "reconstruction_auc":
                parts.append(anomalies(data, split, found[name]))
                continue
            last = model.outputs[names.index(name)]._keras_history.operation
            kind = getattr(getattr(last, "activation", None), "__name__", type(last).__name__).lower()
            parts.append(
                score(
                    wanted,
                    own,
                    y[name] if isinstance(y, dict) else y,
                    found[name],
                    kind in {"sigmoid", "softmax"},
                )
            )
        scores[split] = sum(parts) / len(parts)
    print(json.dumps(scores))


if __name__ == "__main__":
    main(*sys.argv[1:])
