"""Errors of designs held out, as the intervals need them, and how often such intervals hold.

A design counts with the estimate of a fit that hadn't seen its author (the part of a repository's name before
the slash), and weighs `1 / sqrt(n)` of the n designs of that author, so that a sweep of one network doesn't
outvote the others. A family has few authors, and a user is one more: the errors of the other families stand
beside its own, worth as much as `BORROWED` authors together, but for sweeps of near-identical designs
(`samples.SWEEPS`), which speak for themselves alone. Nothing else is shared: kinds of figures and quantities
stand alone.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bitfront.hls.estimate import Residuals, log_ratio

from .samples import SWEEPS, Held

__all__ = ["coverage", "format_coverage", "residuals"]

SCHEME = "author"
"""Of the ways in which designs are held out, the one that counts: with all others of their author."""
BORROWED = 2.0
"""How many authors the designs of all other families are worth beside a family's own."""
_ALONE = frozenset(SWEEPS.values())
"""Families whose designs lend nothing to others, and aren't counted with all."""
SHARE = 0.8
"""Of the truth, which intervals are to hold."""


@dataclass(frozen=True)
class _Error:
    family: str
    author: str
    value: float


def residuals(held: Iterable[Held]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the errors by kind, family (`all` for every design) and quantity, as `coefficients.json` has
    them.
    """
    found: dict[str, dict[str, dict[str, Any]]] = {"csynth": {}, "implemented": {}}
    for (kind, quantity), errors in _errors(held).items():
        for family in ("all", *sorted({one.family for one in errors})):
            known = _residuals(errors, family)
            if known is not None:
                found.setdefault(kind, {}).setdefault(family, {})[quantity] = known.to_json()
    return found


def coverage(held: Iterable[Held]) -> list[dict[str, Any]]:
    """Return how often an 80 % interval holds the truth of a design whose author gave none of its errors.

    One row by kind, family and quantity, and by kind and quantity of all designs (`all`): `n` designs by
    `authors`, the `share` inside.
    """
    inside: dict[tuple[str, str, str], list[tuple[str, bool]]] = defaultdict(list)
    for (kind, quantity), errors in _errors(held).items():
        for author, family in sorted({(one.author, one.family) for one in errors}):
            known = _residuals([one for one in errors if one.author != author], family)
            if known is None:
                continue
            tail = (1 - SHARE) / 2
            low, high = min(0.0, known.quantile(tail)), max(0.0, known.quantile(1 - tail))
            for one in errors:
                if (one.author, one.family) == (author, family):
                    holds = low - 1e-9 <= one.value <= high + 1e-9
                    for where in (family, "all") if family not in _ALONE else (family,):
                        inside[kind, where, quantity].append((author, holds))
    return [
        {
            "kind": kind,
            "family": family,
            "quantity": quantity,
            "n": len(rows),
            "authors": len({author for author, _ in rows}),
            "share": round(sum(holds for _, holds in rows) / len(rows), 3),
        }
        for (kind, family, quantity), rows in sorted(inside.items())
    ]


def format_coverage(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the shares as a table of text."""
    lines = [f"{'kind':<12}{'family':<12}{'quantity':<15}{'n':>4}{'authors':>9}{'inside 80 %':>13}"]
    lines += [
        f"{row['kind']:<12}{row['family']:<12}{row['quantity']:<15}{row['n']:>4}{row['authors']:>9}"
        f"{100 * row['share']:>11.0f} %"
        for row in rows
    ]
    return "\n".join(lines)


def _errors(held: Iterable[Held]) -> dict[tuple[str, str], list[_Error]]:
    """Return the errors that count, by kind and quantity."""
    found: dict[tuple[str, str], list[_Error]] = defaultdict(list)
    for one in held:
        if one.scheme != SCHEME:
            continue
        for name, truth in one.truth.items():
            if name in one.predicted:
                value = log_ratio(truth, one.predicted[name])
                found[one.kind, name].append(_Error(one.sample.family, one.sample.author, value))
    return dict(sorted(found.items()))


def _residuals(errors: Sequence[_Error], family: str) -> Residuals | None:
    """Return the errors of a family with those that it borrows; None without any."""
    every = [one for one in errors if one.family not in _ALONE]
    own = every if family == "all" else [one for one in errors if one.family == family]
    others = [] if family == "all" else [one for one in every if one.family != family]
    authors = len({one.author for one in own})
    share = BORROWED / (authors + BORROWED) if others and own else float(not own)
    weighed = [*_weighed(own, 1 - share), *_weighed(others, share)]
    if not weighed:
        return None
    values, weights = zip(*weighed, strict=True)
    return Residuals.of(values, weights, designs=len(own), authors=authors, borrowed=share)


def _weighed(errors: Sequence[_Error], total: float) -> list[tuple[float, float]]:
    """Return each error with its weight, `total` together; nothing where they are to weigh nothing."""
    count = Counter(one.author for one in errors)
    weights = [1 / math.sqrt(count[one.author]) for one in errors]
    scale = total / sum(weights) if errors else 0.0
    return [(one.value, weight * scale) for one, weight in zip(errors, weights, strict=True) if scale]
