"""Errors of estimates against reports: SMAPE, median error, share within a factor, rank correlation,
coverage.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .samples import Held

__all__ = ["error_table", "format_table", "scores", "spearman"]

Array = NDArray[np.float64]


def _ranks(values: Array) -> Array:
    """Ranks with ties shared."""
    order = np.argsort(values, kind="stable")
    ranks = np.empty(len(values))
    ranks[order] = np.arange(len(values), dtype=np.float64)
    for value in np.unique(values):
        same = values == value
        ranks[same] = ranks[same].mean()
    return ranks


def spearman(a: Array, b: Array) -> float:
    """Rank correlation; nan where one side is constant or there are fewer than three pairs."""
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(_ranks(a), _ranks(b))[0, 1])


def scores(predicted: Array, truth: Array, groups: list[str] | None = None) -> dict[str, float]:
    """Scores of one quantity.

    `smape` (percent; 0 where both are 0), `median` absolute percentage error (of truth + 1), `within2` (share
    within a factor of two, of value + 1), `within25` (share within 25 %), `spearman`, and with `groups` the
    median of the rank correlations inside each group of five or more.
    """
    total = np.abs(predicted) + np.abs(truth)
    smape = 200 * np.abs(predicted - truth) / np.where(total > 0, total, 1.0)
    ratio = (predicted + 1) / (truth + 1)
    found = {
        "n": float(len(truth)),
        "smape": float(smape.mean()),
        "median": float(np.median(100 * np.abs(ratio - 1))),
        "within2": float(((ratio <= 2) & (ratio >= 0.5)).mean()),
        "within25": float((np.abs(ratio - 1) <= 0.25).mean()),
        "spearman": spearman(predicted, truth),
    }
    if groups:
        inside = []
        for group in sorted(set(groups)):
            here = np.array([name == group for name in groups])
            if here.sum() >= 5:
                inside.append(spearman(predicted[here], truth[here]))
        known = [value for value in inside if not np.isnan(value)]
        found["spearman_inside"] = float(np.median(known)) if known else float("nan")
    return found


def error_table(held: Iterable[Held]) -> list[dict[str, Any]]:
    """Scores for each kind, scheme, family and quantity, of all designs and of those of each tool era."""
    pairs: dict[tuple[str, str, str, str, str], list[tuple[float, float, str]]] = defaultdict(list)
    for one in held:
        for name, truth in one.truth.items():
            row = one.predicted[name], truth, one.sample.repo
            for era in ("all", one.sample.era):
                pairs[one.kind, one.scheme, one.sample.family, name, era].append(row)
    rows = []
    for (kind, scheme, family, name, era), found in sorted(pairs.items()):
        if era != "all" and len(found) == len(pairs[kind, scheme, family, name, "all"]):
            continue
        predicted = np.array([row[0] for row in found])
        truth_ = np.array([row[1] for row in found])
        own = scores(predicted, truth_, [row[2] for row in found])
        shown = {key: None if np.isnan(value) else round(value, 3) for key, value in own.items()}
        where = {"kind": kind, "left_out": scheme, "family": family, "quantity": name, "era": era}
        rows.append({**where, **shown})
    return rows


def format_table(rows: list[dict[str, Any]]) -> str:
    """Lay the table out for a terminal."""
    head = (
        f"{'kind':<12}{'left out':<9}{'family':<12}{'quantity':<15}{'era':<7}{'n':>4}"
        f"{'SMAPE':>8}{'median':>8}{'in 2x':>7}{'in 25%':>7}{'rank':>7}{'inside':>7}"
    )
    lines = [head, "-" * len(head)]
    for row in rows:
        shown = [
            row.get(key) for key in ("smape", "median", "within2", "within25", "spearman", "spearman_inside")
        ]
        widths = (8, 8, 7, 7, 7, 7)
        digits = (1, 1, 2, 2, 2, 2)
        cells = "".join(
            f"{'-':>{width}}" if value is None else f"{value:>{width}.{digit}f}"
            for value, width, digit in zip(shown, widths, digits, strict=True)
        )
        lines.append(
            f"{row['kind']:<12}{row['left_out']:<9}{row['family']:<12}{row['quantity']:<15}{row['era']:<7}"
            f"{row['n']:>4.0f}{cells}"
        )
    return "\n".join(lines)
