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
import statistics
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bitfront.spaces import UserError

from .conformal import coverage, format_coverage, residuals
from .priors import AS_BUILT, IMPLEMENTED, IMPLEMENTED_SHARES, PRIORS, SPREAD
from .problem import Fitted, Problem, fit, pulls
from .samples import Held, Sample, load_samples, shared_folder
from .scores import error_table, format_table

__all__ = ["Fitted", "cross_validate", "fit", "main"]

RULES = ("dsp", "latency_cycles", "ii_cycles")
NOTE = (
    "Left out of the fit of the weights for lut, ff and bram18. The rules for dsp, latency_cycles and "
    "ii_cycles and the choice of features were made with all repositories in view."
)
"""Stands beside the table of errors, so that nobody takes them for those of designs of a new kind."""


def fit_all(samples: list[Sample]) -> dict[str, dict[str, Fitted]]:
    """Fit every quantity of both kinds; returns them by kind and quantity."""
    fitted: dict[str, dict[str, Fitted]] = {"csynth": {}, "implemented": {}}
    for quantity, prior in PRIORS.items():
        own = fit(samples, quantity, "csynth", prior, SPREAD["csynth"][quantity])
        fitted["csynth"][quantity] = own
        # What C-synthesis reports, scaled, is the prior of what is implemented.
        scales = IMPLEMENTED_SHARES.get(quantity, {})
        start = {
            name: prior[name] if name in AS_BUILT else weight * scales.get(name, IMPLEMENTED[quantity])
            for name, weight in own.weights.items()
        }
        fitted["implemented"][quantity] = fit(
            samples, quantity, "implemented", start, SPREAD["implemented"][quantity]
        )
    return fitted


def cross_validate(samples: list[Sample], progress: Callable[[str], None] = lambda _: None) -> list[Held]:
    """Predict every whole design by fits without its author, and by fits without a fifth of each
    repository.
    """
    held: list[Held] = []
    authors = sorted({sample.author for sample in samples})
    folds = [("author", {s.name for s in samples if s.author == author}) for author in authors]
    folds += [("design", {s.name for s in samples if _fold(s.name) == number}) for number in range(5)]
    for number, (scheme, out) in enumerate(folds, 1):
        progress(f"fold {number} of {len(folds)}")
        fitted = fit_all([sample for sample in samples if sample.name not in out])
        for sample in samples:
            if sample.module or sample.name not in out:
                continue
            for kind in ("csynth", "implemented"):
                truth = dict(sample.measured(kind))
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
    fitted = fit_all(samples)
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


def format_kinds(samples: list[Sample], held: list[Held], fitted: Mapping[str, Mapping[str, Fitted]]) -> str:
    """Lay the designs with trained weights out by kind: median of estimate over truth, before and after they
    were fitted.
    """
    rows: dict[str, list[Sample]] = {}
    for sample in samples:
        if ":" in sample.name and sample.csynth:
            rows.setdefault(sample.name.split(":")[0], []).append(sample)
    unseen = {
        one.sample.name: one.predicted for one in held if one.scheme == "author" and one.kind == "csynth"
    }
    lines = [
        f"{'kind':<10}{'n':>4}" + "".join(f"{name:>22}" for name in ("lut", "ff", "dsp", "latency_cycles"))
    ]
    for kind, members in rows.items():
        cells = ""
        for name in ("lut", "ff", "dsp", "latency_cycles"):
            before = [(unseen[s.name][name] + 1) / (s.csynth[name] + 1) for s in members if name in s.csynth]
            model = fitted["csynth"].get(name)
            after = [
                ((model.predict(s) if model else s.rules[name]) + 1) / (s.csynth[name] + 1)
                for s in members
                if name in s.csynth
            ]
            cells += f"{statistics.median(before):>12.2f} -> {statistics.median(after):>6.2f}"
        lines.append(f"{kind:<10}{len(members):>4}{cells}")
    return "\n".join(lines)


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
    print(format_table(plain["provenance"]["errors"]))
    print(NOTE)
    print(format_coverage(plain["provenance"]["coverage"]))
    _print_more(samples, held)
    if given.out:
        Path(given.out).write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    return 0


def _print_more(samples: list[Sample], held: list[Held]) -> None:
    """Print the order of designs, what choosing by it costs, designs by kind, and samples that pull a
    weight.
    """
    from .ranking import choices, format_choices, format_ranks, ranks

    print(format_ranks(ranks(held)))
    scores = {sample.name: sample.score for sample in samples if sample.score is not None}
    print(format_choices(choices(held, scores)))
    print(format_kinds(samples, held, fit_all(samples)))
    for quantity, prior in PRIORS.items():
        problem = Problem.of(samples, quantity, "csynth", prior, SPREAD["csynth"][quantity])
        for pull in pulls(problem):
            print(f"{pull.sample} alone moves {quantity} of {pull.feature} by {pull.factor:.2f}")


if __name__ == "__main__":
    raise SystemExit(main())
