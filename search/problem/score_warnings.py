"""What makes a study's scores less sure than they look: undecided classes, classes of few samples, classes
never found.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..trials.evaluation import Evaluation
from ..trials.reference import Reference
from .labels import LEAST_OF_CLASS

MOST_TIES = 0.01
"""Share of the samples without a decided class beyond which it is said."""
_NAMED = 3
"""Trials, or classes, that one sentence names at most."""


def tied(evaluation: Evaluation) -> bool:
    """Whether so many classes are undecided that it must be said."""
    return evaluation.ties.get("share", 0.0) > MOST_TIES


def ties_note(evaluation: Evaluation) -> str:
    """Return `58 % tied`, or nothing where it needn't be said."""
    return f"{percent(evaluation.ties['share'])} tied" if tied(evaluation) else ""


def ties_range(ties: Mapping[str, float], metric: str) -> str:
    """Return what ties do to a score, in a clause: `accuracy is 0.1818 to 0.2545 by how they fall, ...`."""
    if "worst" not in ties:
        return ""
    return (
        f"{metric} is {ties['worst']:.4f} to {ties['best']:.4f} by how they fall: {ties['expected']:.4f} "
        f"where the tied classes draw lots, {ties['lowest']:.4f} by an argmax in hardware, which takes the "
        "lowest"
    )


def float_warnings(reference: Reference) -> list[str]:
    """Return what is wrong before any candidate is tried: classes of few samples, or that the float model
    never finds.
    """
    found = []
    for name, counts in reference.class_counts.items():
        few = [(count, one) for one, count in enumerate(counts) if 0 < count < LEAST_OF_CLASS]
        if few:
            found.append(
                f"{_few(few, len(counts))}{_of(name, reference)} ha{'ve' if len(few) > 1 else 's'} fewer "
                f"than {LEAST_OF_CLASS} validation samples: one more or less that is right moves the recall "
                "by over 5 %."
            )
    for name, recall in reference.float_recall.items():
        missed = never_found(recall)
        if missed:
            found.append(
                f"The float model never finds {_classes(missed)}{_of(name, reference)}: train it longer, or "
                "set training.class_weights: balanced."
            )
    return found


def trial_warnings(reference: Reference, evaluations: Iterable[Evaluation]) -> list[str]:
    """Return what is wrong with some candidates, those of a front say: undecided classes, and classes never
    found.
    """
    known = [e for e in evaluations if e.status == "complete"]
    found = []
    undecided = sorted((e for e in known if tied(e)), key=lambda e: -e.ties["share"])
    for e in undecided[:_NAMED]:
        told = ties_range(e.ties, reference.metric.label.lower())
        found.append(
            f"Trial {e.number}: {percent(e.ties['share'])} of the validation samples have no single largest "
            f"output{f'; its {told}' if told else ''}."
        )
    if len(undecided) > _NAMED:
        found.append(
            f"{len(undecided) - _NAMED} more trials leave over {MOST_TIES:.0%} of the classes undecided."
        )
    for name in dict.fromkeys(name for e in known for name in e.recall):
        by_class: dict[int, list[int]] = {}
        for e in known:
            for one in never_found(e.recall.get(name, ())):
                by_class.setdefault(one, []).append(e.number)
        for one, trials in list(by_class.items())[:_NAMED]:
            found.append(
                f"{_trials(trials)} never find{'s' * (len(trials) == 1)} class {one}{_of(name, reference)}."
            )
        if len(by_class) > _NAMED:
            found.append(
                f"{len(by_class) - _NAMED} more classes{_of(name, reference)} are never found by some trial."
            )
    return found


def never_found(recall: Sequence[float | None]) -> list[int]:
    """Return the classes that have samples, none of which counts as right."""
    return [one for one, share in enumerate(recall) if share == 0.0]


def percent(share: float) -> str:
    """Return a share as `58 %`, or `1.4 %` where it is small."""
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.1f} %"


def _few(few: Sequence[tuple[int, int]], classes: int) -> str:
    if len(few) > _NAMED:
        count, one = min(few)
        return f"{len(few)} of {classes} classes (class {one}: {count})"
    text = ", ".join(f"{one} ({count})" for count, one in few)
    return f"Class{'es' * (len(few) > 1)} {text}"


def _classes(classes: Sequence[int]) -> str:
    named = ", ".join(map(str, classes[:_NAMED]))
    more = f" and {len(classes) - _NAMED} more" if len(classes) > _NAMED else ""
    return f"class{'es' * (len(classes) > 1)} {named}{more}"


def _trials(numbers: Sequence[int]) -> str:
    named = ", ".join(map(str, numbers[:_NAMED]))
    more = f" and {len(numbers) - _NAMED} more" if len(numbers) > _NAMED else ""
    return f"Trial{'s' * (len(numbers) > 1)} {named}{more}"


def _of(name: str, reference: Reference) -> str:
    return f" of {name}" if len(reference.class_counts) > 1 else ""
