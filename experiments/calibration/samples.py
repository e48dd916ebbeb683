"""Published results as samples for the fit: features and rule-made figures beside what was measured."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bitfront.hls import DesignDescription
from bitfront.hls.design import DesignError, from_record
from bitfront.hls.estimate import LayerStructure, family_of, merge, structure_of, timing_of
from bitfront.spaces import UserError

__all__ = ["Held", "Sample", "load_samples", "measured", "shared_folder"]

Json = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A design, or one function of it, with rules applied.

    Attributes:
        name, repo, family, era: where it comes from; `era` is `vivado` or `vitis`.
        features: summed over its layers.
        rules: dsp, latency_cycles, ii_cycles by rule.
        csynth, implemented: measured quantities, as far as known.
        module: whether it is one function of a design rather than a whole one.
        score: accuracy or AUC that its authors gave, if they did.
    """

    name: str
    repo: str
    family: str
    era: str
    features: Mapping[str, float]
    rules: Mapping[str, float] = field(default_factory=dict)
    csynth: Mapping[str, float]
    implemented: Mapping[str, float] = field(default_factory=dict)
    module: bool = False
    score: float | None = None

    def measured(self, kind: str) -> Mapping[str, float]:
        """Return what was measured: `csynth` or `implemented`."""
        return self.csynth if kind == "csynth" else self.implemented

    @property
    def author(self) -> str:
        """Who published it: the first part of the repository's name."""
        return self.repo.split("/")[0]


@dataclass(frozen=True)
class Held:
    """A design predicted by a fit that hadn't seen it."""

    sample: Sample
    kind: str
    scheme: str
    predicted: Mapping[str, float]
    truth: Mapping[str, float]


def shared_folder(given: str | None = None) -> Path:
    """Return the folder of the published results: `given`, or `csynth` in BITFRONT_SHARED or in `../shared`.

    Raises:
        UserError: no `designs.jsonl` there.
    """
    root = os.environ.get("BITFRONT_SHARED")
    near = Path(__file__).resolve().parents[3] / "shared"
    folder = Path(given) if given else (Path(root) if root else near) / "csynth"
    if not (folder / "designs.jsonl").is_file():
        raise UserError(
            f"{folder} holds no designs.jsonl: give its folder with --data or set BITFRONT_SHARED."
        )
    return folder


def _numbers(plain: Json | None, names: Mapping[str, str]) -> dict[str, float]:
    found = {}
    for name, key in names.items():
        value = (plain or {}).get(key)
        if isinstance(value, int | float):
            found[name] = float(value)
    return found


FABRIC = {"lut": "lut", "ff": "ff", "dsp": "dsp", "bram18": "bram18"}


def measured(record: Json, kind: str) -> dict[str, float]:
    """Return the measured quantities of a record: `csynth`, or `implemented` (post-route before logic
    synthesis).
    """
    if kind == "implemented":
        for key in ("postroute", "vsynth"):
            if record.get(key):
                found = _numbers(record[key], FABRIC)
                halves = _numbers(record[key], {"bram18": "bram36"})
                if "bram18" not in found and halves:
                    found["bram18"] = 2 * halves["bram18"]
                return found
        return {}
    found = _numbers(record.get("csynth"), {**FABRIC, "latency_cycles": "lat_max", "ii_cycles": "ii_max"})
    simulated = _numbers(record.get("sim"), {"latency_cycles": "latency_cycles", "ii_cycles": "ii_cycles"})
    return {**simulated, **found}


SWEEPS = {"jdweitz/wa-hls4ml": "mlp_sweep"}
"""Repositories of one space's near-identical designs, whose errors stand apart: 61 dense networks with reuse
factors of mostly 1,024 and more.
"""
NO_LAYERS = frozenset({"block", "other"})
"""Families of records that are no networks of hls4ml's layers: random-number generators and parts of layers
(`block`), single functions of one fork, out of their network (`other`). Two of those alone moved the price of
an adder by 45 %.
"""


def load_samples(folder: Path) -> list[Sample]:
    """Read `designs.jsonl` and `modules.jsonl`, and `described.jsonl`, `da_postroute.jsonl` and files of
    `bitfront selftest --vitis` (`*selftest*.jsonl`) where they are.

    Records that can't be described are left out.
    """
    return [*_published(folder), *_described(folder), *_routed(folder)]


def _lines(path: Path) -> list[Json]:
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _described(folder: Path) -> Iterator[Sample]:
    """Designs that come with their description: rebuilt from trained weights, or sent by who ran `bitfront
    selftest --vitis`.
    """
    files = (folder / "described.jsonl", *sorted(folder.glob("*selftest*.jsonl")))
    for plain in (one for file in files for one in _lines(file)):
        design = DesignDescription.from_json(plain["design"])
        features, rules, era, _ = _of_design(design)
        yield Sample(
            name=f"{plain['model']}:{plain['run']}", repo=plain["source"].split()[0], era=era,
            family=family_of(design), features=features, rules=rules,
            csynth={name: float(value) for name, value in plain["csynth"].items() if value is not None},
        )  # fmt: skip


def _routed(folder: Path) -> Iterator[Sample]:
    """Networks in distributed arithmetic after routing: da4ml's own cost is all that is known of them."""
    for plain in _lines(folder / "da_postroute.jsonl"):
        yield Sample(
            name=f"{plain['design']}:{plain['checkpoint']}", repo=plain["source"].split(",")[0],
            family="distributed", era="vitis", features={"adder_graph": plain["da_cost"]}, csynth={},
            implemented={"lut": float(plain["postroute"]["lut"]), "dsp": float(plain["postroute"]["dsp"])},
            rules={"dsp": 0.0}, score=float(plain["accuracy"]),
        )  # fmt: skip


def _published(folder: Path) -> list[Sample]:
    modules: dict[str, list[Json]] = {}
    path = folder / "modules.jsonl"
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            plain = json.loads(line)
            modules.setdefault(plain["design"], []).append(plain)
    samples: list[Sample] = []
    for line in (folder / "designs.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if record.get("family") in NO_LAYERS:
            continue
        try:
            design = from_record(record)
            samples += _samples(record, design, modules.get(record["id"], []))
        except DesignError:
            continue
    return samples


def _of_design(
    design: DesignDescription,
) -> tuple[dict[str, float], dict[str, float], str, list[LayerStructure]]:
    """Return the features of all layers, the figures that rules give, the tool's era, and each layer's
    rules.
    """
    context, structures = structure_of(design)
    features: dict[str, float] = {"design": 1.0}
    for structure in structures:
        merge(features, structure.features)
    latency, interval = timing_of(design, context, structures)
    rules = {
        "dsp": sum(structure.dsp for structure in structures),
        "latency_cycles": float(latency),
        "ii_cycles": float(interval),
    }
    return features, rules, "vitis" if context.vitis else "vivado", structures


def _samples(record: Json, design: DesignDescription, modules: list[Json]) -> Iterator[Sample]:
    features, rules, era, structures = _of_design(design)
    repo = str(record.get("repo", "?"))
    family = SWEEPS.get(repo, str(record.get("family") or family_of(design)))
    yield Sample(
        name=design.name, family=family, features=features, rules=rules, csynth=measured(record, "csynth"),
        implemented=measured(record, "implemented"), repo=repo, era=era, score=_score(record),
    )  # fmt: skip
    layers = (record.get("structure") or {}).get("layers") or []
    if len(layers) != len(structures):
        return
    for plain, structure in zip(layers, structures, strict=True):
        report = _module_of(plain, modules)
        if report is None:
            continue
        own = {
            name: value
            for name, value in structure.features.items()
            if not name.startswith(("fifo", "input_registers"))
        }
        yield Sample(
            name=f"{design.name}/{plain.get('name')}", family=family, features=own,
            csynth=_numbers(report["csynth"], FABRIC), module=True, repo=repo, era=era,
        )  # fmt: skip


def _score(record: Json) -> float | None:
    return next((float(value) for value in (record.get("metric") or {}).values()), None)


def _module_of(layer: Json, modules: list[Json]) -> Json | None:
    """Return the report of the layer's own function: its name starts with the function's, its config is the
    layer's.
    """
    config = str(layer.get("cfg") or "")
    if not re.search(r"config\d+$", config):
        return None
    found = [
        module
        for module in modules
        if module["module"].startswith(str(layer["fn"]).removesuffix("_cl"))
        and re.search(rf"(^|_){re.escape(config)}(_|$)", module["module"])
        and "Pipeline" not in module["module"]
    ]
    return max(found, key=lambda module: module["csynth"].get("lut") or 0, default=None)
