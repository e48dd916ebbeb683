"""The exported trial as a registered model: one model a study, its alias `champion` on the last export.

Searches register nothing: only what someone chose to carry away becomes a version.
"""

from __future__ import annotations

import json
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bitfront.spaces import UserError

from ..config.secrets import shown
from ..quantities import QUANTITIES
from ..trials.evaluation import Evaluation
from ..trials.files import write_atomic
from ..trials.reference import Reference
from ..trials.stored import DamagedFile, read_json
from . import content, firmware
from .mlflow_tracker import client_class, first_line, quiet
from .sync import sync, tracking_uri

ALIAS = "champion"
CHOSEN = "champion.json"
"""In the study folder: the trial that was exported last, so that `bitfront sync` can register it later."""
ARTIFACT = "model"


@dataclass(frozen=True)
class Registered:
    """A version of a registered model."""

    name: str
    version: str
    trial: int

    @property
    def uri(self) -> str:
        """What `mlflow.pyfunc.load_model` takes."""
        return f"models:/{self.name}@{ALIAS}"


def choose(study_dir: Path, number: int) -> None:
    """Note that trial `number` is the one to register."""
    write_atomic(Path(study_dir) / CHOSEN, json.dumps({"trial": number}) + "\n")


def chosen(study_dir: Path) -> int | None:
    """Return the trial that was exported last, None where none was.

    Raises:
        UserError: when the file is damaged.
    """
    path = Path(study_dir) / CHOSEN
    try:
        return int(read_json(path, "delete it")["trial"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedFile(path, repr(error), "delete it") from error


def register(study_dir: Path, number: int, uri: str | None = None) -> Registered:
    """Register a scored trial and give its version the alias `champion`; a version that is there is not made
    twice.

    The model predicts what the firmware outputs, bit for bit. Its files lie with the trial's run, which is
    sent first where MLflow lacks it.

    Args:
        study_dir: the study folder.
        number: a trial that was scored.
        uri: tracking URI; the study's own by default.

    Raises:
        UserError: when the trial can't be loaded, or the store fails.
    """
    study_dir = Path(study_dir)
    uri = uri or tracking_uri(study_dir)
    reference = Reference.read(study_dir)
    client = client_class()(tracking_uri=uri)
    try:
        with quiet():
            return _register(client, study_dir, reference, number, uri)
    except UserError:
        raise
    except Exception as error:  # whatever a store, a driver or a server throws
        raise UserError(
            f"MLflow at {shown(uri)} failed ({first_line(error)}): trial {number} isn't registered; "
            f"run `bitfront sync {study_dir}` when it answers."
        ) from error


def _register(client: Any, study_dir: Path, reference: Reference, number: int, uri: str) -> Registered:
    from mlflow.exceptions import MlflowException

    run = _run(client, reference, number)
    if run is None:
        sync(study_dir, uri=uri)
        run = _run(client, reference, number)
    assert run is not None, "sync sends every trial"
    evaluation = Evaluation.read(study_dir / "trials" / f"{number:05d}" / "evaluation.json")
    name = content.clean_name(reference.study).replace("/", "_").replace(":", "_")
    try:
        client.create_registered_model(name, description=f"{reference.model}; {reference.data}")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    known = [v for v in client.search_model_versions(f"name = '{name}'") if v.run_id == run.info.run_id]
    if known:
        made = known[0]
    else:
        _log_model(client, run.info.run_id, study_dir, number)
        made = client.create_model_version(
            name,
            f"{run.info.artifact_uri}/{ARTIFACT}",
            run.info.run_id,
            tags=version_tags(evaluation, reference),
        )
    client.set_registered_model_alias(name, ALIAS, made.version)
    return Registered(name, str(made.version), number)


def version_tags(evaluation: Evaluation, reference: Reference) -> Mapping[str, str]:
    """Return what a version says of itself: its scores, its figures with their source, the part and the
    clock.

    `score` is the validation score, `score_test` that of the test data where it is known.
    """
    tags = {
        "trial": str(evaluation.number),
        "method": evaluation.method,
        "digest": evaluation.digest,
        "metric": reference.metric.name,
        "score": f"{evaluation.score:.6g}",
        "part": str(reference.device.get("part", "")),
        "clock_ns": f"{reference.clock_ns:g}",
        "source": evaluation.source,
    }
    keys = [quantity.key for quantity in QUANTITIES.values()]
    if "test" in evaluation.metrics:
        tags["score_test"] = f"{evaluation.metrics['test']:.6g}"
    return tags | {key: f"{evaluation.resources[key]:.6g}" for key in keys if key in evaluation.resources}


def _run(client: Any, reference: Reference, number: int) -> Any:
    experiment = client.get_experiment_by_name(reference.experiment or reference.study)
    if experiment is None:
        return None
    condition = f"tags.`bitfront.study_id` = '{reference.study_id}' AND tags.`bitfront.trial` = '{number}'"
    return next(iter(client.search_runs([experiment.experiment_id], condition, max_results=1)), None)


def _log_model(client: Any, run_id: str, study_dir: Path, number: int) -> None:
    """Save the model with its signature, and put it with the trial's run."""
    import mlflow.pyfunc
    from mlflow.models import infer_signature

    from ..bundle.reload import golden_inputs, reload_trial

    trial = reload_trial(study_dir, number)
    samples = [x[:2] for x in golden_inputs(study_dir)]
    inputs = samples[0] if len(samples) == 1 else dict(zip(trial.graph.inputs, samples, strict=True))
    with tempfile.TemporaryDirectory(prefix="bitfront-") as place, warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # MLflow would like an example to predict, though it has the signature
        firmware.gather(study_dir, number, Path(place) / "trial")
        mlflow.pyfunc.save_model(
            str(Path(place) / ARTIFACT),
            loader_module=firmware.LOADER,
            data_path=str(Path(place) / "trial"),
            signature=infer_signature(inputs, firmware.named(trial.bit_true.predict(samples))),
            pip_requirements=[f"{name}=={version(name)}" for name in ("bitfront", "tensorflow", "keras")],
        )
        client.log_artifacts(run_id, str(Path(place) / ARTIFACT), ARTIFACT)
