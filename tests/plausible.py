"""Evaluations that look like those of a study, for tests only.

A toy law (accuracy falls as widths shrink, resources grow with the product of widths) gives deterministic
records without a model; no figure here was measured and none may leave the tests.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bitfront.search.quantities import Limit
from bitfront.search.trials.evaluation import Evaluation
from bitfront.search.trials.front import Box
from bitfront.search.trials.objectives import (
    Metric,
    broken,
    constraints_of,
    metric_violations,
    parse_objectives,
    resource_violations,
)
from bitfront.search.trials.reference import Reference

METRIC = Metric("accuracy", "maximize", 1.0)
FLOAT = {"val": 0.842, "test": 0.838}
DEVICE = {
    "part": "xcvu13p-flga2577-2-e",
    "lut": 1728000,
    "ff": 3456000,
    "dsp": 12288,
    "bram18": 5376,
    "uram": 1280,
}
OBJECTIVES = parse_objectives(["accuracy", "lut", "latency"], METRIC)
LIMITS = {
    "lut": Limit(69120, given="4%"),
    "latency": Limit(2000, "ns", "2us"),
    "metric_drop": Limit(0.0842),
}
CONSTRAINTS = constraints_of(LIMITS, METRIC, {k: v for k, v in DEVICE.items() if k != "part"})
CLOCK_NS = 5.0

# node, op, multiplications, roles
_LAYERS = (
    ("input", "input", 0, ("result",)),
    ("lstm", "LSTM", 2080, ("weight", "recurrent_weight", "bias", "result", "accum", "table")),
    ("dense_64", "Dense", 1280, ("weight", "bias", "result")),
    ("relu", "Activation", 0, ("result",)),
    ("output", "Dense", 64, ("weight", "bias", "result")),
    ("sigmoid", "Activation", 0, ("result", "table")),
)
TENSORS = tuple(f"{node}/{role}" for node, _, _, roles in _LAYERS for role in roles)


def plausible(number: int, *, seed: int = 7, width: int | None = None) -> Evaluation:
    """One evaluation; the same arguments always give the same one. `width` makes it a uniform baseline."""
    rng = np.random.default_rng([seed, number])
    kind = "uniform" if width else "search"
    method = "ptq" if width or rng.random() < 0.45 else "qat"
    centre = rng.integers(3, 13)
    widths = {t: width or int(np.clip(centre + rng.integers(-3, 4), 2, 16)) for t in TENSORS}
    params = {"method": method} | {t.replace("/", "."): w for t, w in widths.items()}
    precision = {
        t: f"fixed<{w},{min(w, 3)},RND_CONV,SAT>" if "table" not in t else f"ufixed<{w},0,RND_CONV,SAT>"
        for t, w in widths.items()
    }
    layers, lut, dsp, ebops, cycles = [], 0.0, 0, 0.0, 0
    for node, op, products, roles in _LAYERS:
        weight, result = widths.get(f"{node}/weight", 0), widths[f"{node}/result"]
        bits = products * weight * result
        wide = products // 40 if weight > 10 else 0
        row = {
            "node": node,
            "op": op,
            "types": {role: precision[f"{node}/{role}"] for role in roles},
            "lut": round(0.3 * bits + 12 * result),
            "ff": round(0.5 * bits + 20 * result),
            "dsp": wide,
            "bram18": 2 if "table" in roles else 0,
            "latency_cycles": 160 + 4 * weight if op == "LSTM" else 4 + weight // 2,
            "ii_cycles": 160 + 4 * weight if op == "LSTM" else 1,
            "ebops": bits,
        }
        layers.append(row)
        lut, dsp, ebops, cycles = lut + row["lut"], dsp + wide, ebops + bits, cycles + row["latency_cycles"]
    resources = {
        "lut": lut,
        "ff": sum(r["ff"] for r in layers),
        "dsp": dsp,
        "bram18": sum(r["bram18"] for r in layers),
        "uram": 0,
        "latency_cycles": cycles,
        "ii_cycles": max(r["ii_cycles"] for r in layers),
        "latency_ns": cycles * CLOCK_NS,
        "ii_ns": max(r["ii_cycles"] for r in layers) * CLOCK_NS,
        "ebops": ebops,
        "energy_pj": 0.02 * ebops,
    }
    intervals = {
        k: (round(0.78 * resources[k], 3), round(1.3 * resources[k], 3)) for k in ("lut", "ff", "latency_ns")
    }
    common = {
        "number": number,
        "digest": f"{seed:04x}{number:012x}",
        "method": method,
        "kind": kind,
        "params": params,
        "resources": resources,
        "intervals": intervals,
        "layers": tuple(layers),
        "precision": precision,
    }
    violated = resource_violations(CONSTRAINTS, resources)
    reason = broken(CONSTRAINTS, violated, resources)
    if reason:
        return Evaluation(
            status="infeasible", reason=reason, constraints=violated, seconds={"estimate": 0.004}, **common
        )
    if rng.random() < 0.04 and not width:
        return Evaluation(
            status="failed",
            reason="nan_loss: the loss became NaN in epoch 2",
            history=(
                {"epoch": 1.0, "loss": 0.9, "val": 0.61},
                {"epoch": 2.0, "loss": float("nan"), "val": 0.5},
            ),
            seconds={"estimate": 0.004, "ptq": 0.06, "qat": 0.7},
            **common,
        )
    damage = np.mean([2.0 ** (1.2 * (3.2 - w)) for t, w in widths.items() if "bias" not in t])
    ptq = float(np.clip(FLOAT["val"] - 0.30 * damage + rng.normal(0, 0.002), 0.5, 0.86))
    metrics, history, seconds = {"ptq": ptq, "score": ptq}, (), {"estimate": 0.004, "ptq": 0.06}
    if method == "qat":
        qat = float(ptq + 0.75 * max(0.0, FLOAT["val"] - ptq) + rng.normal(0, 0.002))
        metrics |= {"qat": qat, "score": qat}
        history = tuple(
            {"epoch": float(e), "loss": 0.5 - 0.02 * e, "val": ptq + (qat - ptq) * e / 5} for e in range(1, 6)
        )
        seconds["qat"] = 0.7
        common["ptq_resources"] = {key: 1.1 * value for key, value in resources.items()}
        common["epochs"] = 5.0
    violated |= metric_violations(CONSTRAINTS, metrics["score"], FLOAT["val"])
    return Evaluation(
        status="complete", metrics=metrics, history=history, constraints=violated, seconds=seconds, **common
    )


def plausible_study(trials: int = 60, *, seed: int = 7) -> list[Evaluation]:
    """A study's evaluations: the uniform baselines of 4 to 16 bits first, then the search."""
    widths = (16, 12, 8, 6, 5, 4)
    return [plausible(n, seed=seed, width=widths[n] if n < len(widths) else None) for n in range(trials)]


def reference(name: str) -> Reference:
    """What the toy's candidates are measured against."""
    return Reference(
        study=name,
        study_id=f"id-{name}",
        metric=METRIC,
        float_scores=FLOAT,
        objectives=OBJECTIVES,
        box=Box.spanning([e.resources for e in plausible_study(6)], OBJECTIVES, FLOAT["val"], 0.5),
        constraints=CONSTRAINTS,
        device=DEVICE,
        clock_ns=CLOCK_NS,
        model="LSTM 20, Dense 64",
        data="8,000 training, 2,000 validation and 2,000 test jets",
        space_size=10**14,
    )


def write_study(folder: Path, evaluations: list[Evaluation]) -> Path:
    """Lay out a study folder as the launcher does."""
    for evaluation in evaluations:
        evaluation.write(folder)
    reference(folder.name).write(folder)
    (folder / "study.yaml").write_text("name: toy\nmodel: model.py:build\ndata: data.py:load\ntask: binary\n")
    return folder
