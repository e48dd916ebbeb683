"""What a study's run left in its folder, in Optuna's storage and in MLflow, and how two runs differ."""

from __future__ import annotations

import collections
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bitfront.search import read_evaluations
from bitfront.search.storage import JOURNAL, open_storage
from bitfront.search.tracking import default_uri

SCORE_TOLERANCE = 0.02
"""Of accuracy: threads sum in another order from run to run, which a trained weight may show after
rounding.
"""


@dataclass(frozen=True)
class RunLog:
    """The trials of one finished study, each as its folder, its storage and MLflow have it."""

    trials: dict[int, tuple[str, str, str]]
    """Number -> digest of the candidate, status, kind: what must not depend on who was killed when."""
    scores: dict[int, float]
    """Number -> accuracy of those that were scored."""
    faults: tuple[str, ...]
    """Contradictions between folder, storage and MLflow; none in a sound study."""

    @classmethod
    def of(cls, study_dir: Path, *, storage: str = JOURNAL, uri: str | None = None) -> RunLog:
        """Read a study's folder, its storage and its runs in MLflow."""
        evaluations = {e.number: e for e in read_evaluations(study_dir)}
        trials: dict[int, tuple[str, str, str]] = {
            n: (e.digest, e.status, e.kind) for n, e in evaluations.items()
        }
        faults = _gaps(trials) + _in_storage(study_dir, storage, trials) + _in_mlflow(study_dir, uri, trials)
        scores = {n: e.score for n, e in evaluations.items() if e.status == "complete"}
        return cls(trials, scores, tuple(faults))

    def differences(self, other: RunLog) -> list[str]:
        """Return what this study has otherwise than another, a sentence each."""
        found = list(self.faults)
        for number in sorted(self.trials.keys() | other.trials.keys()):
            mine, theirs = self.trials.get(number), other.trials.get(number)
            if mine != theirs:
                found.append(f"trial {number} is {mine}, undisturbed {theirs}")
        for number in sorted(self.scores.keys() & other.scores.keys()):
            if abs(self.scores[number] - other.scores[number]) > SCORE_TOLERANCE:
                found.append(
                    f"trial {number} scores {self.scores[number]}, undisturbed {other.scores[number]}"
                )
        return found

    def first(self, count: int) -> RunLog:
        """Return the part of the first trials."""
        return replace(
            self,
            trials={n: row for n, row in self.trials.items() if n < count},
            scores={n: score for n, score in self.scores.items() if n < count},
        )


def _gaps(trials: dict[int, Any]) -> list[str]:
    missing = set(range(len(trials))) - trials.keys()
    return [f"trials {sorted(missing)} are missing from the folder"] if missing else []


def _in_storage(study_dir: Path, url: str, trials: dict[int, tuple[str, str, str]]) -> list[str]:
    """Compare Optuna's trials with the folder's."""
    storage = open_storage(url, study_dir)
    states = {"complete": "COMPLETE", "infeasible": "PRUNED", "failed": "FAIL"}
    found = {
        t.number: t.state.name for s in storage.get_all_studies() for t in storage.get_all_trials(s._study_id)
    }
    expected = {number: states[status] for number, (_, status, _) in trials.items()}
    return [
        f"trial {n} is {found.get(n)} in Optuna's storage and {expected.get(n)} in the folder"
        for n in sorted(found.keys() | expected.keys())
        if found.get(n) != expected.get(n)
    ]


def _in_mlflow(study_dir: Path, uri: str | None, trials: dict[int, tuple[str, str, str]]) -> list[str]:
    """Compare MLflow's runs with the folder's trials: one each, ended, with its files."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri or default_uri(study_dir.parent))
    experiments = [e.experiment_id for e in client.search_experiments()]
    parents = client.search_runs(experiments, "tags.`bitfront.role` = 'study'")
    if len(parents) != 1:
        return [f"MLflow has {len(parents)} runs of the study"]
    faults = []
    if parents[0].info.status != "FINISHED":
        faults.append(f"MLflow's run of the study is {parents[0].info.status}")
    runs, token = [], None
    while True:
        page = client.search_runs(
            experiments,
            f"tags.`mlflow.parentRunId` = '{parents[0].info.run_id}'",
            max_results=1000,
            page_token=token,
        )
        runs += list(page)
        token = page.token
        if not token:
            break
    counts = collections.Counter(int(run.data.tags["bitfront.trial"]) for run in runs)
    faults += [
        f"trial {n} has {counts[n]} runs in MLflow"
        for n in sorted(counts | dict.fromkeys(trials, 0))
        if counts[n] != 1
    ]
    for run in runs:
        number = int(run.data.tags["bitfront.trial"])
        digest, status, _ = trials.get(number, ("", "", ""))
        seen = (run.data.tags.get("bitfront.digest"), run.data.tags.get("status"))
        if seen != (digest, status):
            faults.append(f"trial {number} is {seen} in MLflow and {(digest, status)} in the folder")
        if run.info.status not in ("FINISHED", "FAILED"):
            faults.append(f"trial {number} is {run.info.status} in MLflow")
        if status == "complete" and "precision.json" not in {
            f.path for f in client.list_artifacts(run.info.run_id)
        }:
            faults.append(f"trial {number} has no precision.json in MLflow")
    return faults
