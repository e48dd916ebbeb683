"""The study folder: what stands where, written so that a cut at any moment loses nothing that was finished.

`study.yaml` the study as run; `float.keras` the float model; `float_weights.npz`; `reference.json`;
`journal.log` Optuna's; `golden.npz` some samples for bundles; `trials/00012/` one folder a finished trial;
`manifest.sha256` the digests of them all.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from bitfront.hls import part
from bitfront.spaces import FixedPoint, UserError, Weights

from ..config.settings import BEFORE, as_begun
from ..evaluator.hardware import hardware_notices, moved_hardware
from ..problem.labels import class_counts
from ..trials import layer_table
from ..trials.evaluation import Evaluation
from ..trials.files import save_atomic, trial_folder, write_atomic
from ..trials.manifest import begin
from ..trials.objectives import parse_objectives
from ..trials.reference import FILE, Reference
from ..trials.stored import arrays_of
from ..trials.weight_arrays import from_arrays, packed
from .identity import (
    Identity,
    changed_settings,
    of_the_space,
    other_settings,
    recorded_values,
    require_same_problem,
)
from .locks import locked
from .model_files import keep_float_model, keep_golden

if TYPE_CHECKING:
    from ..config import StudyConfig
    from ..evaluator.evaluator import Evaluator
    from ..problem.load import Problem

_log = logging.getLogger(__name__)
WEIGHTS = "weights.npz"
"""In a trial's folder: the weights that training gave it."""


@dataclass
class StudyFolder:
    """Reads and writes one study's folder."""

    folder: Path

    # -- opening ---------------------------------------------------------------------------------------------

    def set_aside(self) -> None:
        """Move an existing study out of the way, to the first free `NAME.1`, `NAME.2`, ...

        Raises:
            UserError: when it is being run.
        """
        if not self.folder.exists():
            return
        number = 1
        while (aside := self.folder.with_name(f"{self.folder.name}.{number}")).exists():
            number += 1
        with locked(self.folder):
            self.folder.rename(aside)

    def open(self, config: StudyConfig, base_dir: Path) -> Problem:
        """Load model and data and train the float model, or take up what an earlier run left.

        Raises:
            UserError: when the folder holds a study with other settings, model or data.
        """
        from ..evaluator.preflight import preflight
        from ..problem.load import load_problem

        known = Identity.read(self.folder)
        if known:
            config, older = as_begun(config, recorded_values(self.folder))
            if older:
                values = ", ".join(f"{path}: {str(value).lower()}" for path, value in older.items())
                how = "" if older.keys() <= BEFORE.keys() else " or had other defaults"
                _log.info(
                    f"This study began before {' and '.join(older)} existed{how}, and goes on with {values}."
                )
        problem = load_problem(config, base_dir)
        for notice in problem.data.notices:
            _log.info(f"Note: {notice}")
        changed = self._changed(known, problem) if known else {}
        graph, space = preflight(problem)
        for notice in hardware_notices(config, graph, space):
            _log.info(f"Note: {notice}")
        if known and changed:
            from .widening import widen

            widen(self.folder, known, problem, changed)
        begin(self.folder)
        keep_float_model(self.folder, problem)
        write_atomic(self.folder / "study.yaml", _yaml(config))
        keep_golden(self.folder, problem)
        if not known:
            Identity(
                config=config.digest,
                problem=problem.digest,
                data=problem.data.digest,
                run=uuid.uuid4().hex[:8],
                folder=os.path.relpath(base_dir, self.folder),
            ).write(self.folder)
        return problem

    def _changed(self, known: Identity, problem: Problem) -> dict[str, tuple[Any, Any]]:
        """Return which keys of the space differ from what the folder's study has, with old and new value;
        nothing else may.
        """
        changed = changed_settings(self.folder, problem.config)
        if changed is None and known.config == problem.config.digest and not known.carried:
            changed = {}
        if changed is None or any(not of_the_space(path) for path in changed):
            raise other_settings(self.folder, changed)
        require_same_problem(self.folder, known, problem)
        return changed

    @property
    def identity(self) -> Identity:
        """What the folder's study is.

        Raises:
            UserError: when it holds none.
        """
        known = Identity.read(self.folder)
        if known is None:
            raise UserError(f"{self.folder} holds no study: run it first.")
        return known

    @property
    def source_folders(self) -> tuple[Path, ...]:
        """Folders that the study's own files (`model.py`) may lie in: where they lay when it was begun, and
        here.
        """
        known = Identity.read(self.folder)
        return (*([self.folder / known.folder] if known and known.folder else []), Path())

    # -- what is measured against ----------------------------------------------------------------------------

    def write_reference(self, evaluator: Evaluator, *, test: bool = False) -> Reference:
        """Write `reference.json`; with `test`, the float model's test score too."""
        config, problem = evaluator.problem.config, evaluator.problem
        device = part(config.device.part)
        scores = {"val": evaluator.float_score}
        if test:
            scores["test"] = evaluator.scores.of_float("test")
        identity = self.identity
        data = problem.data
        objectives = parse_objectives(config.objectives, evaluator.metric_record)
        known = (self.folder / FILE).exists()
        reference = Reference(
            study=config.name,
            study_id=f"{config.name}-{identity.config}-{identity.problem}",
            metric=evaluator.metric_record,
            float_scores=scores,
            objectives=objectives,
            box=Reference.read(self.folder).box if known else evaluator.box(objectives),
            constraints=evaluator.constraints,
            device={"part": device.name, **device.capacity()},
            clock_ns=config.device.clock_ns,
            knee_drop=None if config.knee_drop is None else config.knee_drop.value,
            model=f"{problem.model.name}, {problem.model.count_params():,} parameters",
            data=" / ".join(f"{len(x[0]):,}" for x in (data.x_train, data.x_val, data.x_test)) + " samples",
            experiment=config.tracking.experiment or config.name,
            space_size=evaluator.space.size,
            class_counts=class_counts(data.y_val, problem.outputs),
            float_recall=evaluator.float_outcome.recall,
            moved=tuple(
                {"node": one.node, "key": one.kind, "asked": one.asked, "built": one.built}
                for one in moved_hardware(config, evaluator.graph, evaluator.space)
            ),
            params={
                "sampler": config.sampler,
                "seed": config.seed,
                "backend": config.hls.backend,
                "io_type": config.hls.io_type,
                "data_digest": data.digest,
                **{f"version.{name}": version(name) for name in ("keras", "hls4ml", "qkeras-v3", "optuna")},
            },
        )
        reference.write(self.folder)
        return reference

    # -- trials ----------------------------------------------------------------------------------------------

    def attempt(self, number: int) -> int:
        """Count one more attempt at a trial that may take this process with it; return how many there
        were.
        """
        path = trial_folder(self.folder, number) / "attempts"
        try:
            count = int(path.read_text()) + 1
        except (OSError, ValueError):
            count = 1
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{count}\n")
        return count

    def write_trial(self, evaluation: Evaluation, weights: Weights | None, log: str = "") -> Evaluation:
        """Write a trial's folder and return the evaluation, which says now which weights belong to it.

        `evaluation.json` comes last and makes the trial finished.
        """
        folder = trial_folder(self.folder, evaluation.number)
        folder.mkdir(parents=True, exist_ok=True)
        if log:
            write_atomic(folder / "log.txt", log + "\n")
        digest = ""
        if weights is not None:
            stored = packed(weights)
            digest = hashlib.sha256(stored).hexdigest()
            save_atomic(folder / WEIGHTS, lambda path: Path(path).write_bytes(stored))
        write_atomic(folder / "precision.json", json.dumps(dict(evaluation.precision), indent=1) + "\n")
        write_atomic(folder / layer_table.FILE, layer_table.layers_csv(evaluation.layers))
        evaluation = replace(evaluation, weights_sha256=digest)
        evaluation.write(self.folder)
        (folder / "attempts").unlink(missing_ok=True)
        return evaluation

    def weights(self, evaluation: Evaluation) -> Weights | None:
        """Return the weights that gave a trial's score, or None where these are the float model's.

        Whoever computes with a trial's weights gets them here.

        Raises:
            UserError: when they are missing, damaged, or not those that the trial was scored with.
        """
        path = trial_folder(self.folder, evaluation.number) / WEIGHTS
        if not evaluation.has_weights:
            return None
        self.require_weights([evaluation])
        way_out = "restore the file, or delete the trial's folder to go on without it"
        try:
            stored = path.read_bytes()
        except OSError as error:
            raise UserError(f"{path} can't be read ({error.strerror}): {way_out}.") from error
        if evaluation.weights_sha256 not in (None, hashlib.sha256(stored).hexdigest()):
            raise UserError(
                f"{path} isn't the file that trial {evaluation.number} was scored with, by its SHA-256: "
                f"{way_out}."
            )
        return from_arrays(arrays_of(stored, path, way_out))

    def require_weights(self, evaluations: Iterable[Evaluation]) -> None:
        """Refuse trials whose weights are gone; what is in the files is looked at when they are read.

        Raises:
            UserError: naming the first.
        """
        for evaluation in evaluations:
            path = trial_folder(self.folder, evaluation.number) / WEIGHTS
            if evaluation.has_weights and not path.is_file():
                raise UserError(
                    f"{path} is missing, which gave trial {evaluation.number} its score: restore the file, "
                    "or delete the trial's folder to go on without it."
                )

    def score_on_test(self, evaluator: Evaluator, evaluation: Evaluation) -> Evaluation:
        """Return the evaluation with its test score, kept in its file; scored once."""
        if "test" in evaluation.metrics or evaluation.status != "complete":
            return evaluation
        types = {key: FixedPoint.parse(text) for key, text in evaluation.precision.items()}
        score = evaluator.scores.of(types, self.weights(evaluation), "test")
        scored = replace(evaluation, metrics={**evaluation.metrics, "test": score})
        scored.write(self.folder)
        return scored

    def spent_seconds(self) -> float:
        """Return the wall seconds that earlier runs spent searching."""
        try:
            return float((self.folder / "spent_seconds").read_text())
        except (OSError, ValueError):
            return 0.0

    def spend(self, seconds: float) -> None:
        """Remember the wall seconds spent so far."""
        write_atomic(self.folder / "spent_seconds", f"{seconds:.1f}\n")


def _yaml(config: StudyConfig) -> str:
    try:
        return config.to_yaml()
    except (TypeError, ValueError):  # models and data given as objects have no text
        return yaml.safe_dump({"name": config.name, "task": config.task}, sort_keys=False)
