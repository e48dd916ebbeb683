"""Holds MLflow's database against `witness.Truth`: every metric, param and tag of a study's runs."""

from __future__ import annotations

import math
import sqlite3


def mlflow_faults(truth, database):
    """Return which metrics, params and tags of a study in MLflow's database are not so, or not known here."""
    faults = []
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as sql:
        tags, latest, params = {}, {}, {}
        for run, key, value in sql.execute("select run_uuid, key, value from tags"):
            tags.setdefault(run, {})[key] = value
        for run, key, value in sql.execute("select run_uuid, key, value from latest_metrics"):
            latest.setdefault(run, {})[key] = value
        for run, key, value in sql.execute("select run_uuid, key, value from params"):
            params.setdefault(run, {})[key] = value
        history = list(sql.execute("select run_uuid, key, step, value from metrics"))
    seen = []
    for run, told in tags.items():
        if "bitfront.trial" in told:
            seen.append(int(told["bitfront.trial"]))
            faults += _run_faults(truth, truth.trials[seen[-1]], told, latest[run], params[run])
        elif told.get("bitfront.role") == "study":
            faults += _parent_faults(
                truth, told, latest[run], params[run], [row[1:] for row in history if row[0] == run]
            )
    if sorted(seen) != list(truth.trials):
        faults.append(f"MLflow has trials {sorted(seen)}")
    return faults


def _run_faults(truth, e, tags, metrics, params):
    n = f"MLflow, trial {e['number']}"
    wanted = {f"score/{'final' if k == 'score' else k}": v for k, v in e["metrics"].items()}
    if truth.gain(e) is not None:
        wanted["score/gain"] = truth.gain(e)
    wanted |= {f"est/{k}": v for k, v in e["resources"].items()}
    wanted |= {
        f"est/{k}_{end}": v
        for k, pair in e["intervals"].items()
        for end, v in zip(("low", "high"), pair, strict=True)
    }
    wanted |= {f"ptq/{k}": v for k, v in e.get("ptq_resources", {}).items()}
    wanted |= {f"ties/{k}": v for k, v in e.get("ties", {}).items()}
    wanted |= {f"violation/{k}": v for k, v in e["constraints"].items()}
    wanted |= {f"time/{k}_s": v for k, v in e["seconds"].items()}
    wanted |= {"train/epochs": e["epochs"]} if e["epochs"] else {}
    if e["history"]:
        wanted |= {f"train/{k}": v for k, v in e["history"][-1].items() if k != "epoch" and v is not None}
    yield from (f"{n}: {key} is missing" for key in wanted.keys() - metrics.keys())
    for key, value in metrics.items():
        if key not in wanted or not math.isclose(value, wanted[key], rel_tol=1e-9, abs_tol=1e-12):
            yield f"{n}: {key} is {value}, not {wanted.get(key)}"
    labels = {
        "start": e["start"],
        "method": e["method"],
        "status": e["status"],
        "kind": e["kind"],
        "bitfront.digest": e["digest"],
    }
    labels |= {
        "feasible": str(e in truth.feasible).lower(),
        "pareto": str(truth.standing(e) == "front").lower(),
    }
    yield from (f"{n}: tag {k} is {tags.get(k)}" for k, v in labels.items() if tags.get(k) != v)
    own = {"method": e["method"]}
    for name, value in e["params"].items():
        if name != "method":
            bits = isinstance(value, int) and name.rsplit(".", 1)[-1] != "sparsity"
            own[f"bits.{name}" if bits else name] = str(value)
    if params != own:
        yield f"{n}: params {params} are not {own}"


def _parent_faults(truth, tags, metrics, params, history):
    if "test" in truth.float and metrics.get("float/test") != truth.float["test"]:
        yield f"MLflow: float/test is {metrics.get('float/test')}"
    if float(params["float/val"]) != truth.float["val"]:
        yield f"MLflow: float/val is {params['float/val']}"
    if tags.get("bitfront.front") != ",".join(str(n) for n in sorted(e["number"] for e in truth.front)):
        yield f"MLflow: the front is {tags.get('bitfront.front')}"
    volumes = dict(zip(truth.trials, truth.hypervolumes, strict=True))
    for key, step, value in history:
        until = [e for n, e in truth.trials.items() if n <= step]
        able = [e for e in until if e in truth.feasible]
        known = {
            "search/n_feasible": len(able),
            "search/n_failed": sum(e["status"] == "failed" for e in until),
            "search/n_trained": sum("qat" in e["metrics"] for e in until),
            "search/hypervolume": volumes.get(step),
            "search/best_metric": max(
                (truth.score(e) for e in able), key=lambda v: truth.sign * v, default=None
            ),
            "float/test": truth.float.get("test"),
        }
        if known.get(key) is None or not math.isclose(value, known[key], rel_tol=1e-9, abs_tol=1e-12):
            yield f"MLflow: {key} after trial {step} is {value}, not {known.get(key)}"
