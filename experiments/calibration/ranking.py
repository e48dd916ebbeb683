"""What a search needs of an estimate: the order of designs, and the front that it makes one choose.

A search compares candidates of one project with each other, so rank correlations are given within a project,
and between kinds of one network (floating point's widths, uniform narrow, binary, ternary, sparse with a
width per weight), where an estimate that flatters one kind would send the search astray. Where designs have a
score too, the front is chosen by estimate and judged by truth: the share of hypervolume that is lost is what
the estimate's error costs.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bitfront.search.trials import dominated

from .samples import Held
from .scores import spearman

__all__ = ["Choice", "choices", "format_choices", "format_ranks", "hypervolume_loss", "ranks"]

LEAST = 5
"""Designs that a group needs for a rank correlation."""


@dataclass(frozen=True)
class Choice:
    """What choosing by estimate costs in one group of designs with scores.

    Attributes:
        group: the repository; kind: `csynth` or `implemented`.
        n: designs; front: those on the true front; found: those of them on the front by estimate.
        loss: share of the true front's hypervolume that the designs chosen by estimate lack.
    """

    group: str
    kind: str
    n: int
    front: int
    found: int
    loss: float


def ranks(held: Iterable[Held], quantity: str = "lut") -> list[dict[str, Any]]:
    """Return rank correlations of held-out estimates within each repository, and within each task of designs
    that come in several kinds (`model:.../task`).
    """
    groups: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for one in held:
        if one.scheme == "author" and quantity in one.truth and quantity in one.predicted:
            pair = (one.predicted[quantity], one.truth[quantity])
            groups[one.kind, one.sample.repo].append(pair)
            if ":" in one.sample.name and "/" in one.sample.name:
                task = one.sample.name.split("/")[1 if "hgq" in one.sample.name else -1]
                groups[one.kind, f"{one.sample.repo}, {task}, between kinds"].append(pair)
    rows = []
    for (kind, group), pairs in sorted(groups.items()):
        predicted, truth = (np.array(side) for side in zip(*pairs, strict=True))
        correlation = spearman(predicted, truth)
        if len(pairs) >= LEAST and not math.isnan(correlation):
            rows.append({"kind": kind, "group": group, "n": len(pairs), "rank": round(correlation, 3)})
    return rows


def hypervolume_loss(
    scores: Sequence[float], estimates: Sequence[float], truth: Sequence[float]
) -> tuple[int, int, float]:
    """Return designs on the true front, those of them on the front by estimate, and the hypervolume lost.

    Higher scores and lower costs are better; the costs' logarithm counts, since they differ by orders. The
    reference point is the worst score and the highest cost of all.
    """
    worst = (min(scores), math.log(max(truth) + 1))
    points = [(score, math.log(cost + 1)) for score, cost in zip(scores, truth, strict=True)]
    guessed = [(score, math.log(cost + 1)) for score, cost in zip(scores, estimates, strict=True)]
    true_front, chosen = _front(points), _front(guessed)
    whole = _volume([points[index] for index in true_front], worst)
    kept = _volume([points[index] for index in chosen], worst)
    found = len(set(true_front) & set(chosen))
    return len(true_front), found, 0.0 if whole == 0 else max(0.0, 1 - kept / whole)


def _front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return the indices of points that no other one dominates."""
    order = sorted(range(len(points)), key=lambda index: (points[index][1], -points[index][0]))
    best, front = -math.inf, []
    for index in order:
        if points[index][0] > best:
            best = points[index][0]
            front.append(index)
    return front


def _volume(points: Iterable[tuple[float, float]], worst: tuple[float, float]) -> float:
    """Return the area that points dominate, down to the worst score and up to the worst cost."""
    losses = np.array([(-score, cost) for score, cost in points])
    return dominated(losses, np.array([-worst[0], worst[1]]))


def choices(held: Iterable[Held], scores: Mapping[str, float], quantity: str = "lut") -> list[Choice]:
    """Return what choosing by held-out estimates costs, by repository; `scores` by the samples' names."""
    groups: dict[tuple[str, str], list[Held]] = defaultdict(list)
    for one in held:
        if one.scheme == "author" and quantity in one.truth and one.sample.name in scores:
            groups[one.sample.repo, one.kind].append(one)
    found = []
    for (repo, kind), members in sorted(groups.items()):
        if len(members) >= LEAST:
            given = [scores[one.sample.name] for one in members]
            guessed = [one.predicted[quantity] for one in members]
            front = hypervolume_loss(given, guessed, [one.truth[quantity] for one in members])
            found.append(Choice(repo, kind, len(members), *front))
    return found


def format_ranks(rows: Iterable[Mapping[str, Any]]) -> str:
    """Lay the rank correlations out for a terminal."""
    lines = [f"{'kind':<12}{'n':>4}{'rank':>7}  within"]
    lines += [f"{row['kind']:<12}{row['n']:>4}{row['rank']:>7.2f}  {row['group']}" for row in rows]
    return "\n".join(lines)


def format_choices(rows: Iterable[Choice]) -> str:
    """Lay the costs of choosing by estimate out for a terminal."""
    lines = [f"{'kind':<12}{'n':>4}{'front':>7}{'found':>7}{'lost':>8}  of"]
    lines += [
        f"{row.kind:<12}{row.n:>4}{row.front:>7}{row.found:>7}{100 * row.loss:>6.1f} %  {row.group}"
        for row in rows
    ]
    return "\n".join(lines)
