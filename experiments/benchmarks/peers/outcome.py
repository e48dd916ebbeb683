"""Hypervolume of what the peers found, against time and trainings, and their least costs at a score."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .judge import LEVELS, Found, front, least

SHARES = (0.1, 0.25, 0.5, 1.0)
"""Of the time, at which the hypervolume is told."""
COLORS = ("#0072B2", "#56B4E9", "#E69F00", "#D55E00", "#009E73", "#CC79A7", "#8a8f98", "#000000", "#b0a000")


@dataclass(frozen=True)
class RunLog:
    """What one peer found on one task with one seed, in the order of time."""

    task: str
    peer: str
    seed: int
    found: tuple[Found, ...]


@dataclass(frozen=True)
class Box:
    """Scale of a task's hypervolume: scores from the worst that counts to the best, logarithm of EBOPs
    likewise.
    """

    worst: float
    best: float
    least: float
    most: float

    @classmethod
    def of(cls, run_logs: Iterable[RunLog], worst: float) -> Box:
        """Return the box of everything that was found with a test score above `worst`."""
        useful = [f for c in run_logs for f in c.found if f.test > worst]
        costs = [np.log2(1 + f.ebops) for f in useful]
        return cls(worst, max(f.test for f in useful), min(costs), max(costs))

    def volume(self, members: Sequence[Found]) -> float:
        """Return the share of the box that the test scores of these candidates dominate."""
        from bitfront.search.trials import dominated

        points = [(-f.test, np.log2(1 + f.ebops)) for f in members if f.test > self.worst and f.ebops >= 0]
        losses = np.array([(loss, max(cost, self.least)) for loss, cost in points if cost <= self.most])
        area = dominated(losses, np.array([-self.worst, self.most]))
        return area / ((self.best - self.worst) * (self.most - self.least))


def hypervolumes(run_log: RunLog, box: Box, *, by: str = "seconds") -> list[tuple[float, float]]:
    """Return (seconds or trainings, hypervolume of the front until then) after each candidate.

    The front is chosen by validation scores, its volume is that of its test scores, so it can fall.
    """
    ordered = sorted(run_log.found, key=lambda f: getattr(f, by))
    return [
        (getattr(one, by), box.volume(front(ordered[: position + 1]))) for position, one in enumerate(ordered)
    ]


def at(history: Sequence[tuple[float, float]], when: float) -> float:
    """Return the hypervolume at a moment, 0 before the first candidate."""
    before = [volume for moment, volume in history if moment <= when]
    return before[-1] if before else 0.0


def table(run_logs: Sequence[RunLog], boxes: dict[str, Box], seconds: float) -> str:
    """Return a Markdown table a task: hypervolume at shares of the time, medians over the seeds with the
    spread.
    """
    lines = []
    for task in dict.fromkeys(c.task for c in run_logs):
        heads = [f"{share * seconds:.0f} s" for share in SHARES]
        lines += [f"**{task}**", ""]
        lines += [f"| peer | {' | '.join(heads)} | trainings | candidates |"]
        lines.append("|---|" + "---:|" * (len(heads) + 2))
        for peer in dict.fromkeys(c.peer for c in run_logs if c.task == task):
            chosen = [c for c in run_logs if (c.task, c.peer) == (task, peer)]
            histories = [hypervolumes(c, boxes[task]) for c in chosen]
            cells = [_spread([at(h, share * seconds) for h in histories]) for share in SHARES]
            trainings = np.median([max((f.trainings for f in c.found), default=0.0) for c in chosen])
            count = np.median([len(c.found) for c in chosen])
            lines.append(f"| {peer} | {' | '.join(cells)} | {trainings:.0f} | {count:.0f} |")
        lines.append("")
    return "\n".join(lines)


def least_costs(run_logs: Sequence[RunLog], levels: Mapping[tuple[str, int], Sequence[float]]) -> str:
    """Return a Markdown table a task: least EBOPs and da4ml's LUTs of a front's members at test scores.

    Args:
        run_logs: what was found.
        levels: (task, seed) -> the test scores that `LEVELS` stand for.

    A cell holds the medians over the seeds; "never" counts as infinitely many. The last column is bitfront's
    EBOPs over those of the best of the others that aren't bitfront's own ways.
    """
    lines = []
    for task in dict.fromkeys(c.task for c in run_logs):
        peers = list(dict.fromkeys(c.peer for c in run_logs if c.task == task))
        lines += [f"**{task}**, EBOPs (LUTs by da4ml)", "", f"| score | {' | '.join(peers)} | share |"]
        lines.append("|---|" + "---:|" * (len(peers) + 1))
        for place, share in enumerate(LEVELS):
            costs: dict[str, tuple[float, float]] = {}
            for peer in peers:
                chosen = [c for c in run_logs if (c.task, c.peer) == (task, peer)]
                members = [least(c.found, levels[task, c.seed][place]) for c in chosen]
                ebops = [one.ebops if one else math.inf for one in members]
                luts = [math.inf if one is None else _known(one.da4ml) for one in members]
                costs[peer] = float(np.median(ebops)), float(np.median(luts))
            scores = [levels[task, c.seed][place] for c in run_logs if c.task == task]
            cells = [_cost(*costs[peer]) for peer in peers]
            rivals = [costs[peer][0] for peer in peers if peer in RIVALS]
            own = costs[own_peer(peers)][0] if own_peer(peers) not in RIVALS else math.nan
            compares = rivals and math.isfinite(min(rivals)) and not math.isnan(own)
            told = f"{own / min(rivals):.2f}" if compares else "-"
            lines.append(f"| {np.median(scores):.3f} ({100 * share:g} %) | {' | '.join(cells)} | {told} |")
        lines.append("")
    return "\n".join(lines)


RIVALS = ("nsga2, rebuilt", "autoqkeras", "hgq2")
"""Peers that aren't bitfront with other settings."""


def own_peer(peers: Sequence[str]) -> str:
    """Return the way of bitfront's that is compared: by default where it ran, else the first."""
    return next((one for one in ("bitfront, default", "bitfront") if one in peers), peers[0])


def _known(luts: float | None) -> float:
    return math.nan if luts is None else luts


def _cost(ebops: float, luts: float) -> str:
    if not math.isfinite(ebops):
        return "never"
    return f"{ebops:,.0f} ({luts:,.0f})" if math.isfinite(luts) else f"{ebops:,.0f}"


def reached(run_logs: Sequence[RunLog], boxes: dict[str, Box], seconds: float) -> str:
    """Return in sentences how soon bitfront reached what each peer had at the end, medians over the seeds."""
    lines = []
    for task in dict.fromkeys(c.task for c in run_logs):
        peers = list(dict.fromkeys(c.peer for c in run_logs if c.task == task))
        ours = own_peer(peers)
        own = {c.seed: hypervolumes(c, boxes[task]) for c in run_logs if (c.task, c.peer) == (task, ours)}
        for peer in (one for one in peers if one != ours):
            times = []
            for c in run_logs:
                if (c.task, c.peer) == (task, peer) and c.seed in own:
                    end = at(hypervolumes(c, boxes[task]), seconds)
                    times.append(next((t for t, volume in own[c.seed] if volume >= end), np.inf))
            if times:
                median = float(np.median(times))
                told = f"after {median:.1f} s" if np.isfinite(median) else "not within the time"
                lines.append(f"- {task}: {ours} has what {peer} has after {seconds:.0f} s {told}.")
    return "\n".join(lines)


def _spread(values: Sequence[float]) -> str:
    found = sorted(values)
    return f"{np.median(found):.3f} ({found[0]:.3f}-{found[-1]:.3f})"


def draw(run_logs: Sequence[RunLog], boxes: dict[str, Box], seconds: float, file: Path) -> None:
    """Draw hypervolume against time and trainings, and the fronts of all seeds on test data, a row a task."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    tasks = list(dict.fromkeys(c.task for c in run_logs))
    peers = list(dict.fromkeys(c.peer for c in run_logs))
    figure = Figure(figsize=(13, 4.0 * len(tasks)), constrained_layout=True)
    FigureCanvasAgg(figure)
    rows = figure.subplots(len(tasks), 3, squeeze=False)
    for task, (left, middle, right) in zip(tasks, rows, strict=True):
        for peer, color in zip(peers, COLORS, strict=False):
            chosen = [c for c in run_logs if (c.task, c.peer) == (task, peer)]
            for axes, by, end in ((left, "seconds", seconds), (middle, "trainings", None)):
                histories = [hypervolumes(c, boxes[task], by=by) for c in chosen if c.found]
                if not histories:
                    continue
                moments = sorted({t for h in histories for t, _ in h} | ({end} if end else set()))
                values = np.array([[at(h, t) for t in moments] for h in histories])
                axes.step(moments, np.median(values, 0), where="post", color=color, label=peer)
                axes.fill_between(moments, values.min(0), values.max(0), step="post", color=color, alpha=0.15)
            members = [f for c in chosen for f in front(c.found)]
            right.scatter(
                [f.ebops for f in members], [f.test for f in members], s=12, color=color, label=peer
            )
        left.set_xlabel("seconds")
        left.set_ylabel(f"{task}\nhypervolume on test data")
        middle.set_xlabel("whole trainings")
        middle.set_xscale("symlog", linthresh=1)
        right.set_xlabel("EBOPs")
        right.set_xscale("log")
        right.set_ylabel("test metric")
        right.set_ylim(boxes[task].worst, None)
        left.legend(frameon=False, fontsize=8)
    figure.savefig(file, dpi=120)
