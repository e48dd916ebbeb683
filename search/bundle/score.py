"""What the golden outputs of a bundle score, with all that is needed to compute it again, and which classes
they leave undecided.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..problem.metrics import build_ranking
from ..problem.score_warnings import MOST_TIES, percent, ties_range
from ..quantities import METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ..config import StudyConfig
    from .source import BundleSource

FILE = "golden/score.json"


def golden_score(
    config: StudyConfig,
    outputs: Sequence[NDArray[Any]],
    labels: Sequence[NDArray[Any]] | None,
    names: Sequence[str],
    from_logits: Sequence[bool],
) -> dict[str, Any]:
    """Return the metric of golden outputs and how it is computed; empty without labels, for a user's own
    metric, and for one that sees more than outputs and targets.

    Args:
        config: the study, whose metric it is.
        outputs: of the bit-true model for the golden samples, one array per output.
        labels: class numbers or targets of the first of them, one array per output; None where the study
            kept none.
        names: of the outputs in the model, in its order.
        from_logits: whether each gives logits.
    """
    built_in = METRICS.get(config.metric.name)
    if labels is None or built_in is None or built_in.sees_labels:
        return {}
    tasks = {name: config.task_of(name) for name in names}
    ranking = build_ranking(config, Path())(tasks).on_logits(from_logits)
    # perturbed inputs, which follow the study's samples where these are few, have no labels
    found = ranking.outcome(labels, [one[: len(labels[0])] for one in outputs])
    rows = [
        {"name": name, "task": task, "logits": logits, "counts": counts is not None}
        for (name, task), logits, counts in zip(tasks.items(), from_logits, ranking.outputs, strict=True)
    ]
    known: dict[str, Any] = {
        "metric": config.metric.name,
        "ties": config.metric.ties,
        "score": found.score,
        "samples": len(labels[0]),
    }
    known |= {key: getattr(config.metric, key) for key in built_in.options}
    return known | {"outputs": rows, "by_ties": dict(found.ties)}


def write_score(golden: Path, source: BundleSource) -> None:
    """Write the labels beside the golden outputs, and `score.json`; nothing where there is none."""
    if not source.golden_score or source.golden_labels is None:
        return
    rows = []
    for index, (row, labels) in enumerate(
        zip(source.golden_score["outputs"], source.golden_labels, strict=True)
    ):
        file = "labels.npy" if len(source.golden_labels) == 1 else f"labels_{index}.npy"
        np.save(golden / file, labels)
        rows.append({**row, "labels": file})
    plain = {"schema": 1, **source.golden_score, "outputs": rows}
    (golden / Path(FILE).name).write_text(json.dumps(plain, indent=2) + "\n")


def score_lines(source: BundleSource) -> list[str]:
    """Return what the README says of the golden score, and of undecided classes, in the candidate's
    validation outputs too.
    """
    lines: list[str] = []
    score = source.golden_score
    mixed = score and score["samples"] < len(source.golden_inputs[0])
    whose = f" of the study's own {score['samples']} samples" if mixed else ""
    if score:
        lines += [
            "## Score",
            "",
            f"The golden outputs{whose} score {score['score']:.6g} ({source.metric}) with the labels in "
            "`golden/labels*.npy`; `golden/score.json` says how that is computed.",
            "",
        ]
    ties: Mapping[str, float] = source.evaluation.get("ties", {})
    golden = score.get("by_ties", {}) if score else {}
    for where, found in (("validation samples", ties), ("golden samples", golden)):
        if found.get("share", 0.0) > MOST_TIES:
            told = ties_range(found, source.metric.replace("_", " "))
            lines += [
                f"**Undecided classes:** {percent(found['share'])} of the {where} have no single largest "
                f"output{f': {told}' if told else ''}. What reads the outputs should take the lowest of "
                "equal ones, as an argmax in hardware does, to get the last figure.",
                "",
            ]
    return lines
