"""What the tables of a page must hold, column by column, recomputed by `witness.Truth`."""

from __future__ import annotations

from witness import LABELS
from witness_text import cell_holds


def table_faults(truth, section, number, table):
    heads, rows = [text for text, _ in table[0]], table[1:]
    wanted = _expected(truth, section, number)
    if wanted is None:
        return [f"{section}: a table that is not known here, {heads}"]
    columns, expected = wanted
    faults = []
    if heads != columns:
        faults.append(f"{section}: columns {heads}, not {columns}")
    if len(rows) != len(expected):
        return [*faults, f"{section}: {len(rows)} rows, not {len(expected)}"]
    for row, values in zip(rows, expected, strict=True):
        for head, (shown, sort), value in zip(heads, row, values, strict=True):
            if not cell_holds(shown, value) or (sort and float(sort) != value):
                faults.append(f"{section}, {head!r}: {shown!r} ({sort}) is not {value!r}")
    return faults


def _expected(truth, section, number):
    """Return columns and rows of a table, a value a cell."""
    metric, cost = truth.metric, truth.cost["label"]
    percent = "#( %)"
    if section == "test-section":
        rows = []
        for e in (None, *truth.front):
            row = next(r for r in truth.tests["rows"] if r["trial"] == (e and e["number"]))
            cells = [
                "float model" if e is None else str(e["number"]),
                truth.float["val"] if e is None else truth.score(e),
            ]
            cells += [row["score"], _ends(row["interval"])]
            cells += ["", ""] if e is None else [_ends(row["to_float"]), _ends(row["to_best"])]
            luck = e is not None and e["number"] in truth.optimistic
            rows.append([*cells, "validation score above the interval: luck" if luck else ""])
        confidence = f"{100 * truth.tests['confidence']:g} %"
        return ["Trial", "Validation", "Test", confidence, "To float", "To the best", ""], rows
    if section == "gains-section" and number == 0:
        tested = any(r["test"] is not None for r in truth.uniform_matches)
        split = " (validation)" if tested else ""
        columns = [
            "Trial",
            "Uniform",
            "Epochs",
            f"{metric}{split}",
            "on test data",
            cost,
            "As good, by trial",
        ]
        columns += [
            f"its {cost}",
            "test, to the uniform",
            "At no more cost, by trial",
            f"its gain{split}",
            "its gain on test data",
        ]
        rows = []
        for r in truth.uniform_matches:
            ratio = "" if r["ratio"] is None else (percent.replace("( %)", " %"), 100 * r["ratio"])
            cells = [
                r["trial"],
                r["name"],
                r["epochs"],
                r["score"],
                r["test"],
                r["cost"],
                r["cheaper"],
                ratio,
            ]
            rows.append([*cells, r["cheaper_test_gain"], r["better"], r["gain"], r["better_test_gain"]])
        if not tested:
            keep = [i for i, c in enumerate(columns) if "test" not in c]
            columns, rows = [columns[i] for i in keep], [[row[i] for i in keep] for row in rows]
        return columns, rows
    if section == "gains-section":
        columns = [
            f"{cost} at most",
            "as uniform",
            "Rounded",
            f"its {cost}",
            "Trained",
            f"its {cost}",
            "Training gains",
        ]
        rows = []
        for b in truth.budgets:
            cells = []
            for side in (b["ptq"], b["qat"]):
                cells += ["none", ""] if side is None else [(r"# \(trial #\)", side[1], side[0]), side[2]]
            rows.append([b["limit"], b["name"], *cells, b["gain"]])
        return columns, rows
    return _all_trials(truth) if section == "trials-section" else None


def _ends(pair):
    return "" if pair is None else ("# to #", *pair)


def _all_trials(truth):
    shown = ("lut", "lut_implemented", "ff", "ff_implemented", "dsp", "bram18", "latency_ns")
    keys = list(dict.fromkeys([*(o["key"] for o in truth.costs), *shown]))
    untrained = any(e.get("ptq_resources") for e in truth.trials.values())
    columns = ["Trial", "Standing", "Method", f"{truth.metric} (validation)", "To float (validation)"]
    columns += ["On test data", "To float (test)"] if truth.tested else []
    columns += [LABELS[key] for key in keys]
    columns += ["Untrained (validation)", f"its {LABELS[truth.cost['key']]}"] if untrained else []
    rows = []
    for e in truth.trials.values():
        score, test = e["metrics"].get("score"), e["metrics"].get("test")
        cells = [
            e["number"],
            truth.standing(e),
            truth.called(e),
            score,
            _less(score, truth.float["val"]),
        ]
        cells += [test, _less(test, truth.float.get("test"))] if truth.tested else []
        cells += [e["resources"].get(key) for key in keys]
        if untrained:
            spent = e.get("ptq_resources", {}).get(truth.cost["key"])
            cells += [None if spent is None else e["metrics"]["ptq"], spent]
        notes = [f"{k} over by {100 * v:.3g} %" for k, v in e["constraints"].items() if v > 0]
        share = truth.tied(e)
        notes += (
            []
            if share is None
            else [f"{100 * share:.0f} % tied" if share >= 0.1 else f"{100 * share:.1f} % tied"]
        )
        rows.append([*cells, sum(e["seconds"].values()), e["reason"] or ", ".join(notes)])
    return [*columns, "Seconds", "Note"], rows


def _less(a, b):
    return None if a is None else a - b
