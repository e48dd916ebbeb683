"""What a linear model scores on a ready study's data: below it, a search is not worth its name.

    python -m bitfront.experiments.benchmarks.linear_baseline jets_mlp [MORE]

Logistic regression (scikit-learn's default, inputs standardised, flattened) on the training split, scored on
validation and test as the study is, beside the score that the study's `metric_drop` allows.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import numpy as np

from bitfront.experiments.gallery import data_of, ready_study
from bitfront.spaces import UserError

from ..command import returns_exit_code

__all__ = ["linear_scores", "main"]


def linear_scores(name: str) -> dict[str, float]:
    """Return the ROC AUC of logistic regression on a binary study's splits, by `val` and `test`.

    Raises:
        UserError: the study is no binary one, or its data isn't here.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    data = data_of(name)
    if set(np.unique(data["y_train"])) != {0, 1}:
        raise UserError(f"{name} has no two classes: logistic regression is scored on binary studies alone.")
    flat = {part: np.asarray(data[f"x_{part}"]).reshape(len(data[f"x_{part}"]), -1) for part in PARTS}
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    model.fit(flat["train"], data["y_train"])
    return {
        part: float(roc_auc_score(data[f"y_{part}"], model.predict_proba(flat[part])[:, 1]))
        for part in ("val", "test")
    }


PARTS = ("train", "val", "test")


@returns_exit_code
def main(arguments: Sequence[str] | None = None) -> None:
    """Print a row for each study."""
    parser = argparse.ArgumentParser(description="Logistic regression on the data of binary ready studies.")
    parser.add_argument("studies", nargs="+", help="names of ready studies")
    print("| study | logistic regression, validation | test |\n|---|---:|---:|")
    for name in parser.parse_args(arguments).studies:
        found = linear_scores(ready_study(name).name)
        print(f"| {name} | {found['val']:.4f} | {found['test']:.4f} |")


if __name__ == "__main__":
    sys.exit(main())
