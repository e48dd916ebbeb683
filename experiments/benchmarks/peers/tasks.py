"""A task: a ready study with its float model trained once a seed, as files that every peer reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

if TYPE_CHECKING:
    from bitfront.search import Evaluator, Problem

INPUT_BITS = 8
"""Bits of the inputs that peers without a quantizer for them are given; bitfront and HGQ2 choose their
own.
"""
WORST_SHARE = 0.8
"""Scores below this share of the float model's lead over a blind guess count for nothing."""
PLAIN = ("jets_mlp", "digits_cnn")
"""Tasks of dense and convolutional layers in a row, which all peers' own layers can rebuild."""
RECURRENT = ("top_tagging_gru", "top_tagging_lstm", "japanese_vowels_lstm")
"""Tasks with one recurrent layer before dense ones."""
ATTENTION = ("top_tagging_transformer", "batchnorm_transformer")
"""Tasks with attention, which QKeras has no layer for."""


@dataclass(frozen=True)
class Variant:
    """A task that is a ready study with other settings."""

    study: str
    model: str
    """Another function of its model's file."""
    tuned: tuple[str, ...] = ()
    """Settings that the ready study would have for that model; the default has none."""


VARIANTS: Mapping[str, Variant] = {
    "batchnorm_transformer": Variant(
        "top_tagging_transformer",
        "model.py:build_batch_normalized",
        ("space.layers={attention: {tables: 6..12, softmax_inputs: 5..10}}",),
    )
}
"""A transformer whose layers HGQ2 has too, which layer normalization is not."""
GIVEN = ("model", "data", "validation_split", "stratify", "task", "metric", "device")
"""What a default study takes over from a ready one; everything else is bitfront's own choice."""


@dataclass(frozen=True)
class Task:
    """A ready study with one seed; files lie in `folder`."""

    name: str
    seed: int
    folder: Path

    def settings(self, *more: str) -> list[str]:
        """Return overrides of the study file: metric against EBOPs, no limits but the study's, nothing
        tracked.
        """
        fixed = [f"seed={self.seed}", f"output={self.folder}", "tracking.enabled=false", "cache=0"]
        return [*fixed, "objectives=[metric,ebops]", *self._changes, *more]

    @cached_property
    def evaluator(self) -> Evaluator:
        """The study's evaluator; its float model is trained on first use and kept.

        Raises:
            UserError: there is no such ready study.
        """
        from bitfront.search import Evaluator
        from bitfront.search.storage import StudyFolder

        study_folder = StudyFolder(self.folder / "float")
        study_folder.folder.mkdir(parents=True, exist_ok=True)
        return Evaluator(study_folder.open(self.config("name=float"), self.study_folder))

    def config(self, *more: str) -> Any:
        """Return the study's configuration with these overrides."""
        from bitfront.search import load_study

        return load_study(self.study_folder / "study.yaml", self.settings(*more))

    def default(self, *more: str) -> Any:
        """Return the configuration of a study file with model, data, task, metric, device, objectives and
        budget alone, and these overrides.

        It lies in the task's folder, for the reader; its paths are those of the ready study's folder.
        """
        from bitfront.search import load_study

        ready = yaml.safe_load((self.study_folder / "study.yaml").read_text())
        file = self.folder / "default" / "study.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump({key: ready[key] for key in GIVEN if key in ready}, sort_keys=False))
        changed = [one for one in self.settings(*more) if one not in self._tuned]
        return load_study(file, changed)

    @property
    def study_folder(self) -> Path:
        """Where the ready study's files are."""
        from bitfront.experiments.gallery import ready_study

        variant = VARIANTS.get(self.name)
        return ready_study(variant.study if variant else self.name).folder

    @property
    def _tuned(self) -> tuple[str, ...]:
        """Settings of a variant that a default study doesn't have."""
        variant = VARIANTS.get(self.name)
        return variant.tuned if variant else ()

    @property
    def _changes(self) -> tuple[str, ...]:
        """Settings that make the ready study this task."""
        variant = VARIANTS.get(self.name)
        return (f"model={variant.model}", *variant.tuned) if variant else ()

    @property
    def layers(self) -> set[str]:
        """Kinds of the float model's layers."""
        return {type(layer).__name__ for layer in self.problem.model.layers} - {"InputLayer"}

    @property
    def chain(self) -> bool:
        """Whether each layer has one input and is read by one."""
        graph = self.evaluator.graph
        return len(graph.inputs) == len(graph.outputs) == 1 and all(len(n.inputs) < 2 for n in graph)

    def level(self, share: float) -> float:
        """Return the score at this share of the float model's lead over a blind guess, on test data."""
        scores = self.evaluator.scores
        return float(scores.blind() + share * (scores.of_float("test") - scores.blind()))

    @property
    def problem(self) -> Problem:
        """Model, data and metric."""
        return self.evaluator.problem

    @cached_property
    def input_type(self) -> Any:
        """Type of the inputs that peers are given."""
        evaluator = self.evaluator
        candidate = evaluator.space.candidate(evaluator.space.uniform(INPUT_BITS, "ptq"))
        return evaluator.costs.types(candidate)[f"{evaluator.graph.inputs[0]}/result"]

    def rounded(self, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return inputs in that type."""
        kind = self.input_type
        steps = np.clip(np.round(x / kind.step), kind.min / kind.step, kind.max / kind.step)
        return np.asarray(steps * kind.step, np.float32)

    def write(self) -> Path:
        """Write `task.json` and `task.npz`, what a peer gets, and return the folder.

        The test labels stay here: a peer predicts, the judge scores.
        """
        from bitfront.search.evaluator import Plan

        data, plan = self.problem.data, Plan.of(self.problem.config)
        layers = [
            {"kind": type(layer).__name__, **_wanted(layer.get_config())}
            for layer in self.problem.model.layers
            if type(layer).__name__ != "InputLayer"
        ]
        (output,) = self.problem.outputs.values()
        facts = {
            "layers": layers,
            "model": self.problem.model.to_json(),
            "task": output.task,
            "shape": list(data.x_train[0].shape[1:]),
            "epochs": plan.epochs,
            "batch_size": self.problem.config.training.batch_size,
            "learning_rate": plan.learning_rate,
            "seed": self.seed,
        }
        arrays: dict[str, Any] = {
            "x_train": data.x_train[0],
            "x_val": data.x_val[0],
            "x_test": data.x_test[0],
        }
        arrays |= {f"rounded_{key}": self.rounded(value) for key, value in arrays.items()}
        arrays |= {"y_train": data.y_train[0], "y_val": data.y_val[0]}
        arrays |= {f"w{i}": w for i, w in enumerate(self.problem.model.get_weights())}
        np.savez(self.folder / "task.npz", **arrays)
        (self.folder / "task.json").write_text(json.dumps(facts) + "\n")
        return self.folder


def _wanted(config: dict[str, Any]) -> dict[str, Any]:
    keys = ("name", "units", "filters", "kernel_size", "pool_size", "activation", "padding", "strides")
    return {key: config[key] for key in keys if key in config}
