"""A study recomputed from its folder by code of its own: JSON, NumPy and Optuna's fANOVA, nothing of
bitfront.

What report, terminal, JSON, CSV and MLflow say is held against this in `witness_page` and `witness_text`.
Nothing is imported from the code whose figures it checks, so that no mistake is made on both sides.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from functools import cached_property
from pathlib import Path

import numpy as np
from witness_sums import importance, volume_below

NUMBER = r"[+-]?(?:\d[\d,]*)(?:\.\d+)?(?:e[+-]?\d+)?(?: [kMG]\b)?"
"""A figure as people write it: `49.7 k`, `1,020`, `-0.0034`."""


class Beginning(str):
    """A text that may go on after a comma."""

    __slots__ = ()

    def __eq__(self, other):
        return str(other) == str(self) or str(other).startswith(f"{self}, ")

    def __hash__(self):
        return super().__hash__()


SCALE = {" k": 1e3, " M": 1e6, " G": 1e9}
LABELS = {
    "lut": "C-synthesis LUT",
    "lut_implemented": "Implemented LUT",
    "ff": "C-synthesis FF",
    "ff_implemented": "Implemented FF",
    "dsp": "DSP",
    "bram18": "BRAM (18 Kbit)",
    "latency_ns": "Latency (ns)",
}
STOCK = {"lut_implemented": "lut", "ff_implemented": "ff"}
"""What a device's stock is called of a figure that is not called alike."""


def shows(text, value):
    """Whether a written figure is a value, rounded to the digits that are written."""
    text = str(text).strip()
    if value is None:
        return text in {"", "none"}
    found = re.fullmatch(NUMBER, text)
    if found is None:
        return False
    digits, scale = (text[:-2], SCALE[text[-2:]]) if text[-2:] in SCALE else (text, 1.0)
    mantissa, _, exponent = digits.replace(",", "").partition("e")
    places = len(mantissa.partition(".")[2])
    unit = scale * 10.0 ** (int(exponent or 0) - places)
    written = float(mantissa) * 10.0 ** int(exponent or 0) * scale
    return abs(written - value) <= 0.5 * unit * (1 + 1e-9) + 1e-12


class Truth:
    """One study; `trials` are the records of its evaluations as the files have them, by number."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.reference = json.loads((self.folder / "reference.json").read_text())
        paths = sorted((self.folder / "trials").glob("*/evaluation.json"))
        self.trials = {e["number"]: e for e in (json.loads(path.read_text()) for path in paths)}
        path = self.folder / "test_scores.json"
        self.tests = json.loads(path.read_text()) if path.exists() else None
        path = self.folder / "latency.json"
        self.latency = json.loads(path.read_text()) if path.exists() else []
        self.sign = 1 if self.reference["metric"]["direction"] == "maximize" else -1
        self.objectives = self.reference["objectives"]
        self.costs = [o for o in self.objectives if o["name"] != "metric"]
        self.cost = self.costs[0]
        self.float = self.reference["float"]
        self.metric = {"accuracy": "Accuracy", "roc_auc": "ROC AUC"}[self.reference["metric"]["name"]]

    # -- candidates ------------------------------------------------------------------------------------------

    @cached_property
    def scored(self):
        return [e for e in self.trials.values() if e["status"] == "complete"]

    @cached_property
    def feasible(self):
        return [e for e in self.scored if all(v <= 0 for v in e["constraints"].values())]

    @cached_property
    def designs(self):
        first = {}
        for e in self.feasible:
            first.setdefault(self.design(e), e)
        return list(first.values())

    def design(self, e):
        """What its firmware computes: the rounded candidate where training made it worse."""
        return e.get("kept") or e["digest"]

    @cached_property
    def uniform(self):
        """Scored uniform baselines, each design once."""
        first = {}
        for e in self.scored:
            if e["kind"] == "uniform":
                first.setdefault(self.design(e), e)
        return list(first.values())

    def score(self, e):
        return e["metrics"]["score"]

    def spent(self, e, key=None):
        return e["resources"][key or self.cost["key"]]

    def losses(self, e, names=None):
        """All to be minimised, as they are."""
        chosen = [o for o in self.objectives if names is None or o["name"] in names]
        return [
            -self.sign * self.score(e) if o["name"] == "metric" else e["resources"][o["key"]] for o in chosen
        ]

    def scaled(self, e):
        """Resources by their logarithm, as a knee and a hypervolume see them."""
        return [
            x if o["name"] == "metric" else math.log2(1 + max(0.0, x))
            for x, o in zip(self.losses(e), self.objectives, strict=True)
        ]

    def undominated(self, pool, names=None):
        rows = [(e, self.losses(e, names)) for e in pool]
        return [
            e
            for e, a in rows
            if not any(b != a and all(x <= y for x, y in zip(b, a, strict=True)) for _, b in rows)
        ]

    @cached_property
    def front(self):
        """Cheapest first; of equal costs, the latest trial first."""
        return sorted(self.undominated(self.designs), key=lambda e: (self.spent(e), -e["number"]))

    def standing(self, e):
        if e["status"] != "complete":
            return {"infeasible": "stopped"}.get(e["status"], e["status"])
        if e not in self.feasible:
            return "over limit"
        return "front" if e in self.front else "feasible"

    def method(self, e):
        return e["method"].upper()

    def bits(self, e):
        """The width that most of a uniform baseline's weights have."""
        return Counter(v for k, v in e["params"].items() if k.endswith(".weights")).most_common(1)[0][0]

    def name(self, e):
        """How its name begins; where two would be alike, more tells them apart."""
        return Beginning(f"{self.bits(e)} bit {self.method(e)}")

    def width(self, e):
        """How the name of its widths begins."""
        return Beginning(f"{self.bits(e)} bit")

    def called(self, e):
        """What its method is called in a table: a uniform baseline by its width, a trained one by what became
        of it.
        """
        if e["kind"] == "uniform":
            return self.name(e)
        return self.method(e) + (
            ", training undone" if e["method"] == "ptq" and "qat" in e["metrics"] else ""
        )

    def tied(self, e):
        """The share of samples whose class isn't decided, where that must be said."""
        share = e.get("ties", {}).get("share", 0.0)
        return share if share > 0.01 else None

    # -- the float model, on one split -----------------------------------------------------------------------

    @cached_property
    def tested(self):
        return "test" in self.float and any("test" in e["metrics"] for e in self.scored)

    def split(self, e):
        return "test" if "test" in self.float and "test" in e["metrics"] else "validation"

    def beside(self, e):
        """Return split, the candidate's score on it, the float model's there, and their difference."""
        if self.split(e) == "test":
            pair = e["metrics"]["test"], self.float["test"]
        else:
            pair = self.score(e), self.float["val"]
        return self.split(e), *pair, pair[0] - pair[1]

    def interval(self, number, key):
        rows = self.tests["rows"] if self.tests else []
        return next((row[key] for row in rows if row["trial"] == number), None)

    @cached_property
    def metric_limits(self):
        """The bare limits that constraints put on the metric."""
        found = []
        for c in self.reference["constraints"]:
            if c["name"].startswith("metric"):
                drop = c["limit"] * (abs(self.float["val"]) if c["bound"] == "relative_drop" else 1)
                found.append(self.float["val"] - self.sign * drop if "drop" in c["bound"] else c["limit"])
        return found

    # -- picks -----------------------------------------------------------------------------------------------

    @cached_property
    def drop(self):
        """How much worse than the float model the knee may be."""
        if self.reference.get("knee_drop") is not None:
            return self.reference["knee_drop"]
        at = [o["name"] for o in self.objectives].index("metric")
        return 0.01 * (self.reference["box"]["reference"][at] - self.reference["box"]["ideal"][at])

    @cached_property
    def picks(self):
        if not self.feasible:
            return {}
        first = next((o for o in self.costs if o["name"] == "lut"), self.cost)["key"]
        by_metric = sorted(
            self.front,
            key=lambda e: (-self.sign * self.score(e), self.spent(e, first), *self.losses(e), e["number"]),
        )
        by_cost = sorted(
            self.front, key=lambda e: (self.spent(e, first), -self.sign * self.score(e), e["number"])
        )
        lost = {e["number"]: self.sign * (self.float["val"] - self.score(e)) for e in self.front}
        near = [e for e in self.front if lost[e["number"]] <= self.drop + 1e-12] or self.front
        members = sorted(near, key=lambda e: e["number"])
        table = np.array([self.scaled(e) for e in members])
        span = table.max(0) - table.min(0)
        share = (table - table.min(0)) / np.where(span > 0, span, 1)
        weights = [1 if o["name"] == "metric" else 1 / len(self.costs) for o in self.objectives]
        return {
            "best": by_metric[0],
            "knee": members[int(np.argmin(share @ weights))],
            "smallest": by_cost[0],
        }

    @cached_property
    def knee_lost(self):
        """By how much the knee is worse than the float model where that is too much, and on which split."""
        knee = self.picks["knee"]
        on_validation = self.sign * (self.float["val"] - self.score(knee))
        split, *_, difference = self.beside(knee)
        if on_validation > self.drop:
            return on_validation, "validation"
        return (
            (-self.sign * difference, "test")
            if split == "test" and -self.sign * difference > self.drop
            else None
        )

    @cached_property
    def nearest_uniform(self):
        """The feasible uniform baseline nearest to the knee on the split that is told; of those as near, the
        cheapest.
        """
        split, at, *_ = self.beside(self.picks["knee"])
        pool = [e for e in self.feasible if e["kind"] == "uniform" and self.split(e) == split]
        return min(
            pool,
            key=lambda e: (round(abs(self.beside(e)[1] - at), 4), self.spent(e), e["number"]),
            default=None,
        )

    # -- tables ----------------------------------------------------------------------------------------------

    @cached_property
    def uniform_trained(self):
        return any(e["kind"] == "uniform" and "qat" in e["metrics"] for e in self.trials.values())

    def best(self, pool):
        return min(pool, key=lambda e: (-self.sign * self.score(e), self.spent(e), e["number"]), default=None)

    def test_gain(self, e, other):
        if e is None or "test" not in e["metrics"] or "test" not in other["metrics"]:
            return None
        return self.sign * (e["metrics"]["test"] - other["metrics"]["test"])

    @cached_property
    def uniform_matches(self):
        """Rows of what beats each uniform baseline, in the order of its trials."""
        rows = []
        known = {self.design(e) for e in self.trials.values() if e["kind"] == "uniform"}
        pool = [e for e in self.feasible if e["kind"] == "search" and self.design(e) not in known]
        for u in self.uniform:
            as_good = [e for e in pool if self.sign * (self.score(e) - self.score(u)) >= 0]
            cheaper = min(
                as_good, key=lambda e: (self.spent(e), -self.sign * self.score(e), e["number"]), default=None
            )
            better = self.best([e for e in pool if self.spent(e) <= self.spent(u)])
            rows.append(
                {
                    "trial": u["number"],
                    "name": self.name(u),
                    "score": self.score(u),
                    "cost": self.spent(u),
                    "epochs": None if u["method"] == "qat" and not u["epochs"] else u["epochs"],
                    "cheaper": cheaper and cheaper["number"],
                    "ratio": cheaper and self.spent(cheaper) / self.spent(u),
                    "better": better and better["number"],
                    "gain": better and self.sign * (self.score(better) - self.score(u)),
                    "test": u["metrics"].get("test"),
                    "cheaper_test_gain": self.test_gain(cheaper, u),
                    "better_test_gain": self.test_gain(better, u),
                }
            )
        return rows

    @cached_property
    def budgets(self):
        """The best rounded and the best trained design within each uniform width's cost, the largest
        first.
        """
        within_limits = [
            e
            for e in self.scored
            if all(v <= 0 for k, v in e["constraints"].items() if not k.startswith("metric"))
        ]
        limits = {}  # no two widths of these studies are called alike
        for e in self.scored:
            if e["kind"] == "uniform":
                limits[self.bits(e)] = max(self.spent(e), limits.get(self.bits(e), 0))
        rows = []
        for bits, limit in sorted(limits.items(), key=lambda item: -item[1]):
            sides = []
            for method in ("ptq", "qat"):
                e = self.best([e for e in within_limits if e["method"] == method and self.spent(e) <= limit])
                sides.append(e and [e["number"], self.score(e), self.spent(e)])
            gain = self.sign * (sides[1][1] - sides[0][1]) if all(sides) else None
            rows.append(
                {"limit": limit, "name": f"{bits} bit", "ptq": sides[0], "qat": sides[1], "gain": gain}
            )
        return rows

    def gain(self, e):
        """What training added to a design; None where it made another of it."""
        redesigned = e["params"].get("sparsity", 0) > 0 or (
            "sparsity" in e["params"] and (e["start"] == "gradient" or e["start"].startswith("trial"))
        )
        if redesigned or not {"ptq", "qat"} <= set(e["metrics"]):
            return None
        return e["metrics"]["qat"] - e["metrics"]["ptq"]

    @cached_property
    def optimistic(self):
        found = []
        for e in self.front:
            ends = self.interval(e["number"], "interval")
            if ends and all(self.sign * (self.score(e) - end) > 0 for end in ends):
                found.append(e["number"])
        return found

    # -- progress --------------------------------------------------------------------------------------------

    @cached_property
    def seconds(self):
        """Of evaluation, up to and with each trial."""
        return np.cumsum([sum(e["seconds"].values()) for e in self.trials.values()]).tolist()

    @cached_property
    def hypervolumes(self):
        """After each trial, of the feasible ones so far."""
        ideal, worst = (np.array(self.reference["box"][key]) for key in ("ideal", "reference"))
        feasible = {e["number"] for e in self.feasible}
        rows, volume, found = [], 0.0, []
        for number, e in self.trials.items():
            if number in feasible:
                row = tuple(np.minimum((np.array(self.scaled(e)) - ideal) / (worst - ideal), 1.0))
                if not any(all(a <= b for a, b in zip(r, row, strict=True)) for r in rows):
                    rows = [r for r in rows if not all(a <= b for a, b in zip(row, r, strict=True))] + [row]
                    volume = volume_below(rows)
            found.append(volume)
        return found

    @cached_property
    def last_gain(self):
        """The last trial by which the hypervolume grew by more than a thousandth of what it ended at."""
        best, last = 0.0, None
        for number, volume in zip(self.trials, self.hypervolumes, strict=True):
            if volume > best + 1e-3 * max(self.hypervolumes):
                best, last = volume, number
        return last

    @cached_property
    def importances(self):
        """Shares by objective and dimension, over the latest 500 scored trials."""
        rows = [(e["params"], self.scaled(e)) for e in self.scored][-500:]
        return {o["name"]: importance([(p, v[i]) for p, v in rows]) for i, o in enumerate(self.objectives)}
