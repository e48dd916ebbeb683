"""A study in two sentences: what was tried, and what its best trade of score for resources is worth."""

from __future__ import annotations

from ..trials.evaluation import Evaluation
from .against_float import against_float
from .view import StudyView, si


def headline(view: StudyView) -> str:
    """Return the study in two sentences of plain text."""
    reference = view.reference
    device = f" on {reference.device['part']}" if reference.device.get("part") else ""
    subject = reference.model or reference.study
    feasible = sum(e.feasible for e in view.evaluations)
    baseline = sum(e.kind == "uniform" for e in view.evaluations)
    text = (
        f"{len(view.evaluations)} candidates for {subject}{device} at {reference.clock_ns:g} ns"
        f"{f' ({baseline} of them uniform baselines)' if baseline else ''}: {feasible} meet every limit, "
        f"{len(view.front) if view.any_feasible else 0} are on the front. "
    )
    knee = view.picks.get("knee")
    if knee is None:
        return text + f"The float model scores {reference.float_score:.4f} on validation data."
    now, cost = view.against(knee), view.costs[0]
    text += f"On {now.split} data the float model scores {now.float_score:.4f}"
    text += (
        f", the knee, trial {knee.number} ({knee.method.upper()}), {now.score:.4f} with "
        f"{si(cost.value(knee))} {cost.label}."
    )
    if knee.kind == "uniform":
        text += (
            f" It is the uniform {view.width_names[knee.number]} baseline: so far, no mixed precision is "
            f"a better trade."
        )
    elif uniform_match := nearest_uniform(view, knee):
        split = view.against(uniform_match).split
        told = against_float(view.reference, uniform_match, validation=split != now.split)
        aside = "" if split == now.split else " on validation data"
        only = "" if view.uniform_trained else ", rounded only: no uniform width was trained"
        text += (
            f" The uniform baseline nearest in score, trial {uniform_match.number} "
            f"({view.names[uniform_match.number]}{only}), has {told.score:.4f}{aside} with "
            f"{si(cost.value(uniform_match))}{f', the knee {knee.score:.4f} there' if aside else ''}."
        )
    return text


def nearest_uniform(view: StudyView, e: Evaluation) -> Evaluation | None:
    """Return the feasible uniform baseline whose score is nearest, on the split that candidate and float
    model compare on.

    On validation data where no uniform one was scored there, as in older studies. Of those that are equally
    near, as far as four decimals show, the cheapest.
    """
    pool = [u for u in view.scored if u.kind == "uniform" and u.feasible]
    same = [u for u in pool if view.against(u).split == view.against(e).split]
    cost = view.costs[0]

    def score(one: Evaluation) -> float:
        return against_float(view.reference, one, validation=not same).score

    return min(
        same or pool,
        key=lambda u: (round(abs(score(u) - score(e)), 4), cost.value(u), u.number),
        default=None,
    )
