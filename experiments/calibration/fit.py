"""Refit the coefficients: `python -m bitfront.experiments.calibration.fit --data DIR --out FILE`.

Each quantity (LUT, FF, RAMB18) is a sum of features, each with a positive weight, times a factor of the tool
era. The weights start at hand-set priors and move only as far as the reports ask: a maximum a posteriori fit
of the logarithm of the predictions with a robust loss. It is deterministic. Errors are counted twice, leaving
out one author at a time, and a fifth of each repository at a time; the first make the intervals (see
`conformal`).

What is left out is left out of the fit of the weights alone. The rules behind DSPs, latency and interval, and
the choice of features, were made with all of these repositories in view, so their errors here are those of a
description, and lower than on designs of a new kind.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import UserError

from .conformal import coverage, format_coverage, residuals
from .priors import (
    AS_BUILT,
    COUNTED,
    COUNTED_SPREAD,
    IMPLEMENTED,
    IMPLEMENTED_CHECKED,
    PRIORS,
    SPREAD,
)
from .samples import Sample, load_samples, shared_folder
from .scores import error_table, format_table

__all__ = ["Fitted", "cross_validate", "fit", "main"]

Array = NDArray[np.float64]
ERAS = ("vivado", "vitis")
OFFSET = {"lut": 30.0, "ff": 30.0, "bram18": 1.0}
"""Added to prediction and truth before the logarithm: below it, differences don't matter."""
ERA_SPREAD = 0.15
MODULE_WEIGHT = 0.4
RULES = ("dsp", "latency_cycles", "ii_cycles")
NOTE = (
    "Left out of the fit of the weights for lut, ff and bram18. The rules for dsp, latency_cycles and "
    "ii_cycles and the choice of features were made with all repositories in view."
)
"""Stands beside the table of errors, so that nobody takes them for those of designs of a new kind."""


@dataclass(frozen=True)
class Fitted:
    """Weights of one quantity and the eras' factors."""

    weights: Mapping[str, float]
    era: Mapping[str, float]

    def predict(self, sample: Sample) -> float:
        """Predict the quantity for one sample."""
        total = sum(self.weights.get(name, 0.0) * value for name, value in sample.features.items())
        return total * self.era[sample.era]


def fit(samples: list[Sample], quantity: str, kind: str, prior: Mapping[str, float], spread: float) -> Fitted:
    """Fit one quantity to the samples that have it measured.

    `prior`: starting weights; `spread`: standard deviation allowed to their logarithms.
    """
    from scipy.optimize import least_squares

    names = list(prior)
    used = [
        sample
        for sample in samples
        if quantity in (sample.csynth if kind == "csynth" else sample.implemented)
    ]
    if not used:
        return Fitted(dict(prior), dict.fromkeys(ERAS, 1.0))
    matrix = np.array([[sample.features.get(name, 0.0) for name in names] for sample in used])
    truth = np.array(
        [(sample.csynth if kind == "csynth" else sample.implemented)[quantity] for sample in used]
    )
    eras = np.array([[sample.era == era for era in ERAS] for sample in used], dtype=np.float64)
    counts = Counter((sample.repo, sample.module) for sample in used)
    # A repository counts with the root of its size, so that a sweep of one network doesn't outvote the
    # others.
    strength = np.array(
        [(MODULE_WEIGHT if s.module else 1.0) * counts[s.repo, s.module] ** -0.25 for s in used]
    )  # fmt: skip
    start = np.array([prior[name] for name in names])
    offset = OFFSET[quantity]
    goal = np.log(truth + offset)
    tight = min(ERA_SPREAD, spread)
    spreads = [min(spread, COUNTED_SPREAD) if name in COUNTED else spread for name in names]
    stiffness = np.concatenate([0.3 / np.array(spreads), np.full(len(ERAS), 0.3 / tight)])

    def parts(theta: Array) -> tuple[Array, Array]:
        costs = matrix * (start * np.exp(theta[: len(names)]))
        return costs, np.exp(eras @ theta[len(names) :])

    def residuals(theta: Array) -> Array:
        costs, factor = parts(theta)
        error = (np.log(costs.sum(axis=1) * factor + offset) - goal) * strength
        # soft_l1 by hand, so that the priors stay quadratic
        robust = np.sign(error) * np.sqrt(0.5 * (np.sqrt(1 + 4 * error**2) - 1))
        return np.concatenate([robust, theta * stiffness])

    def jacobian(theta: Array) -> Array:
        costs, factor = parts(theta)
        total = costs.sum(axis=1) * factor
        error = (np.log(total + offset) - goal) * strength
        root = np.sqrt(1 + 4 * error**2)
        size = np.sqrt(0.5 * (root - 1))
        slope = np.where(np.abs(error) < 1e-6, 1.0, np.abs(error) / (np.maximum(size, 1e-12) * root))
        by_total = (slope * strength / (total + offset))[:, None]
        upper = np.hstack([costs * factor[:, None] * by_total, eras * total[:, None] * by_total])
        return np.vstack([upper, np.diag(stiffness)])

    solution = least_squares(residuals, np.zeros(len(stiffness)), jac=jacobian, method="trf", max_nfev=60)
    weights = start * np.exp(solution.x[: len(names)])
    factors = np.exp(solution.x[len(names) :])
    return Fitted(
        {name: float(f"{weight:.4g}") for name, weight in zip(names, weights, strict=True)},
        {era: float(f"{factor:.4g}") for era, factor in zip(ERAS, factors, strict=True)},
    )


def _fit_all(samples: list[Sample]) -> dict[str, dict[str, Fitted]]:
    fitted: dict[str, dict[str, Fitted]] = {"csynth": {}, "implemented": {}}
    for quantity, prior in PRIORS.items():
        own = fit(samples, quantity, "csynth", prior, SPREAD["csynth"][quantity])
        fitted["csynth"][quantity] = own
        # What C-synthesis reports, scaled, is the prior of what is implemented.
        scales = IMPLEMENTED_CHECKED if quantity == "lut" else {}
        start = {
            name: prior[name] if name in AS_BUILT else weight * scales.get(name, IMPLEMENTED[quantity])
            for name, weight in own.weights.items()
        }
        fitted["implemented"][quantity] = fit(
            samples, quantity, "implemented", start, SPREAD["implemented"][quantity]
        )
    return fitted


@dataclass(frozen=True)
class Held:
    """A design predicted by a fit that hadn't seen it."""

    sample: Sample
    kind: str
    scheme: str
    predicted: Mapping[str, float]
    truth: Mapping[str, float]


def cross_validate(samples: list[Sample], progress: Callable[[str], None] = lambda _: None) -> list[Held]:
    """Predict every whole design by fits without its author, and by fits without a fifth of each repository."""
    held: list[Held] = []
    authors = sorted({sample.author for sample in samples})
    folds = [("author", {s.name for s in samples if s.author == author}) for author in authors]
    folds += [("design", {s.name for s in samples if _fold(s.name) == number}) for number in range(5)]
    for number, (scheme, out) in enumerate(folds, 1):
        progress(f"fold {number} of {len(folds)}")
        fitted = _fit_all([sample for sample in samples if sample.name not in out])
        for sample in samples:
            if sample.module or sample.name not in out:
                continue
            for kind in ("csynth", "implemented"):
                truth = dict(sample.csynth if kind == "csynth" else sample.implemented)
                if kind == "implemented" and truth:
                    # Cycles don't change after C-synthesis; simulations of implemented designs are the truth
                    # there.
                    truth |= {name: sample.csynth[name] for name in RULES[1:] if name in sample.csynth}
                if not truth:
                    continue
                predicted = {name: model.predict(sample) for name, model in fitted[kind].items()}
                held.append(Held(sample, kind, scheme, {**predicted, **sample.rules}, truth))
    return held


def _fold(name: str) -> int:
    return int(hashlib.sha256(name.split("/")[0].encode()).hexdigest(), 16) % 5


def refit(
    samples: list[Sample], progress: Callable[[str], None] = lambda _: None
) -> tuple[dict[str, Any], list[Held]]:
    """Fit everything and cross-validate; returns what `coefficients.json` holds, and the held-out
    predictions.
    """
    fitted = _fit_all(samples)
    held = cross_validate(samples, progress)
    plain = {
        "weights": {
            kind: {name: dict(one.weights) for name, one in by.items()} for kind, by in fitted.items()
        },
        "era": {kind: {name: dict(one.era) for name, one in by.items()} for kind, by in fitted.items()},
        "residuals": residuals(held),
        "provenance": {
            "command": "python -m bitfront.experiments.calibration.fit",
            "designs": sum(not sample.module for sample in samples),
            "functions": sum(sample.module for sample in samples),
            "repositories": len({sample.repo for sample in samples}),
            "note": NOTE,
            "errors": error_table(held),
            "coverage": coverage(held),
        },
    }
    return plain, held


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="bitfront.experiments.calibration.fit", description=__doc__.split("\n\n")[0] if __doc__ else ""
    )
    parser.add_argument(
        "--data", help="folder with designs.jsonl and modules.jsonl (default: csynth in BITFRONT_SHARED)"
    )
    parser.add_argument(
        "--out", help="file for the coefficients; without it only the table of errors is printed"
    )
    given = parser.parse_args(arguments)
    try:
        samples = load_samples(shared_folder(given.data))
    except UserError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    plain, held = refit(samples, lambda text: print(text, file=sys.stderr))
    print(format_table(error_table(held)))
    print(NOTE)
    print(format_coverage(coverage(held)))
    if given.out:
        Path(given.out).write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
