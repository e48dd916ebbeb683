"""Points that others published, as data, and what a study has beside them.

A file of points (`experiments/records/*.yaml`) holds what is known of one data set: the metric's value, what
it cost and how that cost was found. A study is only compared with points of the data set that it names, and
its estimate of a figure only with points whose figure is of the same kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from pydantic import Field, ValidationError, model_validator

from bitfront.spaces import UserError

from ..config.base import Section, at, explain, nearest
from ..config.load import read_yaml
from ..config.ready import ready_studies
from ..quantities import METRICS, QUANTITIES, Quantity
from ..trials.evaluation import Evaluation
from ..trials.objectives import SIGNS
from .view import StudyView

FOLDER = "records"
"""Beside the ready studies' folders of a package: where its files of points lie."""
Evidence = Literal["routed", "csynth", "estimate", "ebops"]
COMPARED: Mapping[Evidence, str] = {
    "routed": "lut_implemented",
    "estimate": "lut_implemented",
    "csynth": "lut",
    "ebops": "ebops",
}
"""The quantity of a study whose estimate stands beside a point's figure, by how that was found."""
EVIDENCE: Mapping[Evidence, str] = {
    "routed": "after routing",
    "estimate": "estimated for the implemented design",
    "csynth": "reported by C-synthesis",
    "ebops": "effective bit operations",
}


class PublishedPoint(Section):
    """One published network: what it scores and what it costs."""

    name: str = Field(min_length=1, description="method and size, as its authors call it")
    value: float = Field(description="the metric")
    spread: float | None = Field(default=None, ge=0, description="its standard deviation over trainings")
    split: Literal["test", "val"] = Field(default="test", description="what it was scored on")
    evidence: Evidence = Field(description="how the cost was found")
    lut: float | None = Field(default=None, ge=0)
    ff: float | None = Field(default=None, ge=0)
    dsp: float | None = Field(default=None, ge=0)
    ebops: float | None = Field(default=None, ge=0)
    latency_ns: float | None = Field(default=None, gt=0)
    data_set: str | None = Field(default=None, description="where it isn't the file's: other inputs, say")
    source: str = Field(min_length=1, description="who says so, and where")
    note: str = ""

    @model_validator(mode="after")
    def _has_its_cost(self) -> PublishedPoint:
        if self.cost is None:
            raise at("lut", f"is missing, which {self.evidence} evidence is about")
        return self

    @property
    def cost(self) -> float | None:
        """The figure that it is compared by: EBOPs, or LUTs as its evidence has them."""
        return self.ebops if self.evidence == "ebops" else self.lut


class PublishedPoints(Section):
    """The points of one file."""

    format: Literal[1] = Field(description="version of this format")
    data_set: str = Field(pattern=r"^[a-z0-9_]+$", description="what a study's `data_set` must say")
    title: str = Field(min_length=1)
    identity: str = Field(min_length=1, description="which samples, which split: what makes it this set")
    metric: str = Field(description="one of bitfront's metrics")
    points: tuple[PublishedPoint, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _sound(self) -> PublishedPoints:
        known = METRICS.get(self.metric)
        if known is None:
            raise at("metric", f"= {self.metric!r} isn't known: {nearest(self.metric, METRICS)}")
        for point in self.points:
            if not (known.least or 0.0) <= point.value <= (point.value if known.most is None else known.most):
                raise at("points", f"has {point.name} with {point.value:g}, which no {self.metric} can be")
        facts = [(p.name, p.data_set, p.evidence, p.value) for p in self.points]
        twice = next((p for p in facts if facts.count(p) > 1), None)
        if twice:
            raise at("points", f"names {twice[0]} twice with the same value")
        return self

    def data_set_of(self, point: PublishedPoint) -> str:
        """Return the data set that a point is of."""
        return point.data_set or self.data_set

    @property
    def data_sets(self) -> tuple[str, ...]:
        """All of them, the file's own first."""
        return tuple(dict.fromkeys([self.data_set, *map(self.data_set_of, self.points)]))


def read_published(path: Path) -> PublishedPoints:
    """Read a file of published points.

    Raises:
        UserError: when it is missing, isn't YAML, or a key doesn't fit.
    """
    try:
        return PublishedPoints.model_validate(read_yaml(path))
    except ValidationError as error:
        raise explain(error, str(path), PublishedPoints) from None


def published_files() -> dict[str, Path]:
    """Return the files of published points that installed packages bring, by name."""
    folders = dict.fromkeys(study.folder.parent / FOLDER for study in ready_studies().studies)
    return {file.stem: file for folder in folders for file in sorted(folder.glob("*.yaml"))}


def find_published(name: str) -> PublishedPoints:
    """Return the points that go by a name (`mnist`), or those of a file of the user's own.

    Raises:
        UserError: when there are none, or the file doesn't fit.
    """
    if name.endswith((".yaml", ".yml")):
        return read_published(Path(name))
    known = published_files()
    file = known.get(name.replace("-", "_"))
    if file is None:
        hint = nearest(name, known) if known else "none is installed"
        raise UserError(
            f"--against {name}: there are no such points: {hint}, or name a file.".replace("?,", "?")
        )
    return read_published(file)


@dataclass(frozen=True)
class Beside:
    """A published point, and the cheapest candidate of a study that scores at least as well."""

    point: PublishedPoint
    cost: float
    trial: int | None
    score: float | None
    own_cost: float | None
    best: float
    """The best score of the study."""

    @property
    def ratio(self) -> float | None:
        """Its cost as a share of the point's."""
        return self.own_cost / self.cost if self.own_cost is not None and self.cost else None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "name": self.point.name, "value": self.point.value, "evidence": self.point.evidence,
            "cost": self.cost, "source": self.point.source, "trial": self.trial, "score": self.score,
            "own_cost": self.own_cost, "ratio": self.ratio, "best": self.best,
        }  # fmt: skip


@dataclass(frozen=True)
class Against:
    """A study beside published points of its data set."""

    published: PublishedPoints
    data_set: str
    split: str
    """Of the study's scores: `test`, or `validation` where nothing was scored on test data."""
    candidates: tuple[Evaluation, ...]
    """Those that are compared: feasible, and scored on that split."""
    rows: tuple[Beside, ...]
    notes: tuple[str, ...]
    """What is left out or differs in kind, a sentence each."""

    def points(self, quantity: str) -> list[PublishedPoint]:
        """Return the points that are compared by a quantity, by its name."""
        return [row.point for row in self.rows if COMPARED[row.point.evidence] == quantity]

    @property
    def quantities(self) -> list[Quantity]:
        """The quantities by which points are compared."""
        return [QUANTITIES[name] for name in dict.fromkeys(COMPARED.values()) if self.points(name)]

    def score(self, e: Evaluation) -> float:
        """Return a candidate's score on the split that is compared."""
        return e.metrics["test"] if self.split == "test" else e.score

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "data_set": self.data_set, "metric": self.published.metric, "split": self.split,
            "rows": [row.to_json() for row in self.rows], "notes": list(self.notes),
        }  # fmt: skip


def data_set_of(config: Mapping[str, Any]) -> str | None:
    """Return the data set that a study file's values name: by `data_set`, or through the ready study whose
    data they take.
    """
    if config.get("data_set"):
        return str(config["data_set"])
    study = ready_studies().find(str(config.get("data", "")))
    return data_set_of(read_yaml(study.file)) if study else None


def against(view: StudyView, published: PublishedPoints) -> Against:
    """Return a study beside published points.

    Raises:
        UserError: when the study says no data set or another one, or has another metric.
    """
    told = view.reference.study
    own = data_set_of(yaml.safe_load(view.config) or {})
    sets = " or ".join(published.data_sets)
    if own is None:
        raise UserError(
            f"{told} doesn't say which data set it is of, and these points are of {sets}: add "
            f"data_set: {published.data_set} to its study.yaml if it is of that one ({published.identity})."
        )
    if own not in published.data_sets:
        raise UserError(f"{told} is of the data set {own}, the points are of {sets}: these don't compare.")
    if view.reference.metric.name != published.metric:
        raise UserError(
            f"{told} is ranked by {view.reference.metric.name}, the points by {published.metric}: they don't "
            "compare."
        )
    feasible = [e for e in view.scored if e.feasible]
    tested = [e for e in feasible if "test" in e.metrics]
    split = "test" if tested else "validation"
    found = Against(published, own, split, tuple(tested or feasible), (), ())
    chosen = [p for p in published.points if published.data_set_of(p) == own]
    rows = [row for p in chosen if (row := _beside(view, found, p)) is not None]
    return Against(published, own, split, found.candidates, tuple(rows), tuple(_notes(found, chosen)))


def _beside(view: StudyView, found: Against, point: PublishedPoint) -> Beside | None:
    key = QUANTITIES[COMPARED[point.evidence]].key
    able = [e for e in found.candidates if key in e.resources]
    if point.cost is None or not able:
        return None
    sign = SIGNS[view.reference.metric.direction]
    best = max(able, key=lambda e: sign * found.score(e))
    reach = [e for e in able if sign * (found.score(e) - point.value) >= 0]
    e = min(reach, key=lambda e: (e.resources[key], e.number), default=None)
    scored, cost = (found.score(e), e.resources[key]) if e else (None, None)
    return Beside(point, point.cost, e.number if e else None, scored, cost, found.score(best))


def _notes(found: Against, chosen: list[PublishedPoint]) -> list[str]:
    published = found.published
    notes = [
        f"The study's figures are estimates; the points' are {EVIDENCE[kind]} ({count} of them), drawn over "
        f"the study's {QUANTITIES[COMPARED[kind]].label}."
        for kind in get_args(Evidence)
        if (count := sum(p.evidence == kind for p in chosen))
    ]
    others = [one for one in published.data_sets if one != found.data_set]
    left = len(published.points) - len(chosen)
    if left:
        notes.append(f"{left} points of {', '.join(others)} are left out: they don't compare.")
    val = sum(p.split == "val" for p in chosen)
    if val:
        notes.append(f"{val} points were scored on validation data, which chose them.")
    if found.split != "test":
        notes.append("Nothing was scored on test data yet: the study's scores are those on validation data.")
    else:
        notes.append("The candidates that were scored on test data are compared: those of the front.")
    return notes
