"""Hypervolume of what the peers found, against time and trainings: table and figure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .judge import Found

SHARES = (0.1, 0.25, 0.5, 1.0)
"""Of the time, at which the hypervolume is told."""
COLORS = ("#0072B2", "#56B4E9", "#E69F00", "#D55E00", "#009E73", "#CC79A7", "#8a8f98")


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


def front(found: Sequence[Found]) -> list[Found]:
    """Return what no other candidate beats in validation score and EBOPs: what a user would be shown."""
    kept: list[Found] = []
    for one in sorted(found, key=lambda f: (f.ebops, -f.val)):
        if not kept or one.val > kept[-1].val:
            kept.append(one)
    return kept


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


def reached(run_logs: Sequence[RunLog], boxes: dict[str, Box], seconds: float) -> str:
    """Return in sentences how soon bitfront reached what each peer had at the end, medians over the seeds."""
    lines = []
    for task in dict.fromkeys(c.task for c in run_logs):
        own = {
            c.seed: hypervolumes(c, boxes[task]) for c in run_logs if (c.task, c.peer) == (task, "bitfront")
        }
        for peer in dict.fromkeys(c.peer for c in run_logs if c.task == task and c.peer != "bitfront"):
            times = []
            for c in run_logs:
                if (c.task, c.peer) == (task, peer) and c.seed in own:
                    end = at(hypervolumes(c, boxes[task]), seconds)
                    times.append(next((t for t, volume in own[c.seed] if volume >= end), np.inf))
            if times:
                median = float(np.median(times))
                told = f"after {median:.1f} s" if np.isfinite(median) else "not within the time"
                lines.append(f"- {task}: bitfront has what {peer} has after {seconds:.0f} s {told}.")
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
