"""What an evaluation looks like as an MLflow run: names, limits, files.

Knows MLflow's rules, not its client.
"""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from bitfront.spaces import dimension_kind

from ..analysis.test_scores import read_test_scores
from ..measurements.record import SynthesisRecord
from ..trials import layer_table
from ..trials.evaluation import Evaluation
from ..trials.files import trial_folder

# Seen in MLflow 3.17: the server refuses longer values, more params a call, and other characters in a name.
MAX_VALUE = 6000
MAX_TAG = 5000
MAX_NAME = 250
PARAMS_A_BATCH = 100
_REFUSED = re.compile(r"[^\w\-. :/]", re.ASCII)

TRIAL_FILES = ("precision.json", layer_table.FILE, "hls4ml_config.yaml", "log.txt")
"""Files of a trial's folder that its run keeps, where they exist."""


def run_name(evaluation: Evaluation) -> str:
    """Return `00012 qat`, so that runs sort by trial."""
    suffix = " uniform" if evaluation.kind == "uniform" else ""
    return f"{evaluation.number:05d} {evaluation.method}{suffix}"


def note(params: Mapping[str, str | int | float]) -> str:
    """Return the study's description, which MLflow shows as Markdown: what it is, and where to look."""
    about = ", ".join(str(params[key]) for key in ("model", "data", "part") if params.get(key))
    return (
        f"Search of the precision of every layer: {about}.\n\n"
        "The whole study as a page: *Artifacts*, `report.html`. Each child run is a candidate; "
        "`tags.pareto = 'true'` leaves the front, `tags.status = 'failed'` what went wrong."
    )


def clean_name(name: str) -> str:
    """Return `name` with what MLflow refuses in a key replaced by an underscore."""
    return _REFUSED.sub("_", name)[:MAX_NAME]


def run_params(evaluation: Evaluation) -> dict[str, str]:
    """Return the flat params of a trial: `method`, `bits.<dimension>` and the dimensions that aren't widths.

    `method` is what the candidate is, also where it was to be trained and training made it worse.
    """
    params: dict[str, str] = {"method": evaluation.method}
    for name, value in evaluation.params.items():
        if name == "method":
            continue
        bits = dimension_kind(name) in {"width", "shift"}
        params[clean_name(f"bits.{name}" if bits else name)] = str(value)[:MAX_VALUE]
    return params


def run_metrics(evaluation: Evaluation) -> dict[str, float]:
    """Return the grouped metrics of a trial; nothing is made up where a trial has none.

    `score/final` (the one that counts), `score/qat`, `score/test`; `ties/share` and what the score is by how
    they fall; `est/lut`, `est/lut_low`, ... (the prefix names the source of the figure); `est/lut_upper`,
    where a limit asks for a confidence; `violation/lut`; `time/qat_s`. `score/ptq` of
    a trained candidate is the score of another design, whose own costs are `ptq/lut`, ...; `score/gain` is
    there where training changed nothing of the design but its weights.
    """
    prefix = "est" if evaluation.source == "estimate" else evaluation.source
    metrics = {f"score/{'final' if k == 'score' else k}": v for k, v in evaluation.metrics.items()}
    if evaluation.gain is not None:
        metrics["score/gain"] = evaluation.gain
    metrics |= {f"ties/{k}": v for k, v in evaluation.ties.items()}
    metrics |= {f"{prefix}/{k}": v for k, v in evaluation.resources.items()}
    metrics |= {f"ptq/{k}": v for k, v in evaluation.ptq_resources.items()}
    if evaluation.epochs:
        metrics["train/epochs"] = evaluation.epochs
    for key, (low, high) in evaluation.intervals.items():
        metrics |= {f"{prefix}/{key}_low": low, f"{prefix}/{key}_high": high}
    metrics |= {f"{prefix}/{key}_upper": value for key, value in evaluation.upper.items()}
    metrics |= {f"violation/{k}": v for k, v in evaluation.constraints.items()}
    metrics |= {f"time/{k}_s": v for k, v in evaluation.seconds.items()}
    return {clean_name(k): v for k, v in metrics.items()}


def test_scores(study_dir: Path) -> dict[int | None, float]:
    """Return what is known of a study on test data, by trial; the float model's under None."""
    known = read_test_scores(study_dir)
    return {row.trial: row.score for row in known.rows} if known else {}


def synthesis_metrics(record: SynthesisRecord) -> dict[str, float]:
    """Return what a synthesis measured, `csynth/lut` say, and how long it took."""
    outcome = record.outcome
    metrics = {f"{stage}/{k}": v for stage, figures in outcome.measured.items() for k, v in figures.items()}
    if outcome.clock_ns is not None:
        metrics["csynth/clock_ns"] = outcome.clock_ns
    return metrics | {f"time/{outcome.fidelity}_s": outcome.seconds}


def synthesis_tags(record: SynthesisRecord) -> dict[str, str]:
    """Return the tags that say what a synthesis came to, and by which it is not sent twice."""
    outcome = record.outcome
    state = "complete" if outcome.ok else f"failed: {outcome.cause}"
    return {
        f"synthesis.{record.folder.name}": state,
        "synthesis": f"{outcome.fidelity} {state}",
        "synthesis.tool": " ".join(filter(None, (outcome.tool, outcome.version))),
    }


def run_curves(evaluation: Evaluation) -> Iterator[tuple[str, float, int]]:
    """Yield (name, value, epoch) of the QAT curves; a loss that was no number is left out."""
    for position, row in enumerate(evaluation.history, start=1):
        epoch = int(row.get("epoch", position))
        for key, value in row.items():
            if key != "epoch" and math.isfinite(value):
                yield clean_name(f"train/{key}"), value, epoch


def run_tags(evaluation: Evaluation, study_id: str) -> dict[str, str]:
    """Return the tags by which runs are filtered, and by which a resumed study finds them again."""
    tags = {
        "bitfront.study_id": study_id,
        "bitfront.trial": str(evaluation.number),
        "bitfront.digest": evaluation.digest,
        "method": evaluation.method,
        "start": evaluation.start,
        "status": evaluation.status,
        "kind": evaluation.kind,
        "source": evaluation.source,
        "feasible": str(evaluation.feasible).lower(),
        "pareto": "false",
    }
    if evaluation.reason:
        tags["reason"] = evaluation.reason.split(":", 1)[0].strip()[:MAX_TAG]
        tags["bitfront.reason"] = evaluation.reason[:MAX_TAG]
    return tags


def gather_files(evaluation: Evaluation, study_dir: Path, into: Path) -> None:
    """Copy the trial's files `into` a folder; types and layers come from the evaluation where no file has
    them.
    """
    folder = trial_folder(study_dir, evaluation.number)
    for name in TRIAL_FILES:
        if (folder / name).is_file():
            shutil.copyfile(folder / name, into / name)
    if evaluation.precision and not (into / "precision.json").exists():
        (into / "precision.json").write_text(
            json.dumps(dict(evaluation.precision), indent=1), encoding="utf-8"
        )
    if evaluation.layers and not (into / layer_table.FILE).exists():
        (into / layer_table.FILE).write_text(layer_table.layers_csv(evaluation.layers), encoding="utf-8")
