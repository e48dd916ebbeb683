"""Holds what is printed, JSON and CSV against `witness.Truth`."""

from __future__ import annotations

import csv
import io
import math
import re

from witness import LABELS, NUMBER, Beginning, shows

PICKED = (
    "{how:8s} trial {number:4d} {method}  {metric} # on {split} data \\(({gap})(?:, validation #)?\\)  (.*)"
)


def close(a, b):
    """Whether JSON values are equal, numbers up to the last bits of a sum."""
    if isinstance(a, dict) and isinstance(b, dict):
        return set(a) == set(b) and all(close(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(close(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(b, Beginning):
        return b == a
    if isinstance(a, float) and isinstance(b, int | float):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
    return a == b


# -- terminal ------------------------------------------------------------------------------------------------


def picks_faults(truth, lines, costs):
    """Return which lines of recommended candidates are not so; `costs` are those that a line ends with."""
    for how, e in truth.picks.items():
        split, score, _, difference = truth.beside(e)
        gap = f"{difference:+.4f} to float" if abs(difference) >= 5e-5 else "as the float model"
        validation = f", validation {truth.score(e):.4f}" if split == "test" else ""
        begin = f"{how:8s} trial {e['number']:4d} {e['method']}  {truth.metric} {score:.4f} on {split} data ({gap}{validation})  "
        line = next((line.strip() for line in lines if line.strip().startswith(f"{how:8s} trial")), "")
        tail = "  ".join(f"{o['label']} #" for o in costs)
        figures = re.fullmatch(re.escape(tail).replace("\\#", f"({NUMBER})"), line.removeprefix(begin))
        if not line.startswith(begin) or not figures:
            yield f"{line!r} is not {begin!r}"
        elif not all(
            shows(a, truth.spent(e, o["key"])) for a, o in zip(figures.groups(), costs, strict=True)
        ):
            yield line
    lost = truth.knee_lost if truth.picks else None
    told = [line for line in lines if "nee is " in line and "worse than the float model" in line]
    if (lost is None) != (not told) or (
        lost
        and not (f"{lost[0]:.4f} worse than the float model" in told[0] and f"{truth.drop:.4f}" in told[0])
    ):
        yield f"a knee that is {lost} too far from the float model: {told}"


def run_faults(truth, text):
    """Return what the output of `bitfront run` says that isn't so; seconds and what is announced are left
    out.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    trials = re.compile(r"\s*[\d.]+s trial\s+(\d+) (ptq|qat)( uniform)?\s+(.*)")
    faults, seen = [], []
    stages = {e["number"]: v for e, v in zip(truth.trials.values(), truth.hypervolumes, strict=True)}
    so_far = []
    for line in lines:
        found = trials.fullmatch(line)
        if not found:
            continue
        e = truth.trials[int(found[1])]
        seen.append(e["number"])
        so_far = truth.undominated([x for x in truth.designs if x["number"] <= e["number"]])
        labels = "  ".join(f"{re.escape(o['label'])} ({NUMBER})" for o in truth.objectives)
        shown = re.fullmatch(rf"{labels}(?:  hv ({NUMBER}))?(?:  \[(.*)\])?", found[4])
        told = ((shown and shown.groups()[-1]) or "").split(", ")
        tied = [one for one in told if one.endswith(" % tied")]
        if bool(tied) != (truth.tied(e) is not None) or (
            tied and not shows(tied[0][:-7], 100 * truth.tied(e))
        ):
            faults.append(line)
        rest = ", ".join(one for one in told if one not in tied) or None
        values = [
            truth.score(e) if o["name"] == "metric" else truth.spent(e, o["key"]) for o in truth.objectives
        ]
        note = "front" if e in so_far else "breaks a constraint" if e not in truth.feasible else None
        if (
            not shown
            or (found[2], bool(found[3])) != (e["method"], e["kind"] == "uniform")
            or not all(map(shows, shown.groups(), values))
            or rest != note
            or (shown.groups()[-2] is not None and not shows(shown.groups()[-2], stages[e["number"]]))
        ):
            faults.append(line)
    if seen != list(truth.trials):
        faults.append(f"the lines are of trials {seen}")
    count = {
        s: sum(e["status"] == s for e in truth.trials.values()) for s in ("complete", "infeasible", "failed")
    }
    total = (
        f"{len(truth.trials)} trials: {count['complete']} scored, {count['infeasible']} stopped before "
        f"scoring by a resource limit, {count['failed']} failed; {len(truth.front)} on the front."
    )
    reference = f"Float model: {truth.metric} {truth.float['test']:.4f} on test data, {truth.float['val']:.4f} on validation data."
    chosen = f"           chosen at most {truth.drop:.4f} worse than the float model on validation data where the front reaches that"
    wanted = [total, reference, *([chosen] if truth.knee_lost is None else [])]
    faults += [f"missing: {line}" for line in wanted if line not in lines]
    first = next((line for line in lines if "(validation)." in line), "")
    if f"Float model: {truth.metric} {truth.float['val']:.4f} (validation)." not in first:
        faults.append(first)
    faults += warnings_fault(
        truth, [line.removeprefix("Warning: ") for line in lines if line.startswith("Warning: ")]
    )
    return faults + list(picks_faults(truth, lines, truth.costs))


def show_faults(truth, text):
    """Return what `bitfront show STUDY` says that isn't so; the terminal must be wide enough for no line to
    break.
    """
    from witness_page import headline_holds

    lines = [line.rstrip() for line in text.splitlines()]
    faults = [] if headline_holds(truth, lines[0]) else [lines[0]]
    faults += picks_faults(
        truth, lines[: lines.index(next(line for line in lines if "━" in line))], [truth.cost]
    )
    faults += warnings_fault(
        truth, [line.removeprefix("Warning: ") for line in lines if line.startswith("Warning: ")]
    )
    last = truth.last_gain
    told = re.search(rf"last grew with trial (\d+), ({NUMBER}) of ({NUMBER}) s of evaluation", text)
    at = None if last is None else truth.seconds[list(truth.trials).index(last)]
    if told is None or not (
        int(told[1]) == last and shows(told[2], at) and shows(told[3], truth.seconds[-1])
    ):
        faults.append(f"last gain: {told and told[0]}")
    tables = [
        [[cell.strip() for cell in line.split("│")[1:-1]] for line in block if line.startswith("│")]
        for block in "\n".join(lines).split("┡")[1:]
        for block in [block.splitlines()]
    ]
    tested, uniform_matches, budgets = [], [], []
    for e in truth.front:
        ends = truth.interval(e["number"], "interval")
        luck = r"\*" if e["number"] in truth.optimistic else ""
        tested.append(
            [
                e["number"],
                e["method"],
                truth.spent(e),
                (f"#{luck}", truth.score(e)),
                e["metrics"]["test"],
                ("# to #", *ends),
            ]
        )
    for r in truth.uniform_matches:
        ratio = "" if r["ratio"] is None else ("#", r["ratio"])
        cells = [r["trial"], r["name"], r["epochs"], r["score"], r["test"], r["cost"], r["cheaper"], ratio]
        uniform_matches.append(
            [*cells, r["cheaper_test_gain"], r["better"], r["gain"], r["better_test_gain"]]
        )
    for b in truth.budgets:
        cells = []
        for side in (b["ptq"], b["qat"]):
            cells += ["none", ""] if side is None else [(r"# \(#\)", side[1], side[0]), side[2]]
        budgets.append([b["limit"], *cells, b["gain"]])
    for table, rows in zip(tables, (tested, uniform_matches, budgets), strict=True):
        if len(table) != len(rows):
            faults.append(f"{len(table)} rows, not {len(rows)}")
            continue
        for shown, values in zip(table, rows, strict=True):
            if not all(map(cell_holds, shown, values)) or len(shown) != len(values):
                faults.append(f"{shown} is not {values}")
    if ("rounded only" in text) == truth.uniform_trained:
        faults.append("whether uniform widths were rounded only")
    for o in truth.objectives:
        line = next((line for line in lines if line.startswith(f"What moves {o['name']}: ")), "")
        shares = truth.importances[o["name"]]
        pairs = re.findall(r"(\S+) (\d+) %", line)
        if len(pairs) != min(5, len(shares)) or not all(shows(p, 100 * shares[name]) for name, p in pairs):
            faults.append(line or f"importance of {o['name']}")
    return faults


def warning_holds(truth, said):
    """Whether a sentence on scores that are less sure than they look is so, by the ties and recalls that are
    recorded.
    """
    trial = re.fullmatch(
        rf"Trial (\d+): ({NUMBER}) % of the validation samples have no single largest output(; its .*)?\.",
        said,
    )
    if trial:
        e = truth.trials[int(trial[1])]
        told = (trial[3] or "").removeprefix("; its ")
        share = truth.tied(e)
        return (
            share is not None
            and shows(trial[2], 100 * share)
            and (told == "" or ties_hold(truth, told, e["ties"]))
        )
    more = re.fullmatch(r"(\d+) more trials leave over 1% of the classes undecided\.", said)
    if more:
        return int(more[1]) == sum(truth.tied(e) is not None for e in truth.front) - 3
    never = re.fullmatch(r"Trials? ([\d, ]+)(?: and (\d+) more)? never finds? class (\d+)\.", said)
    if never:
        found = [
            n for n, e in truth.trials.items() if e in truth.front
            if any(row[int(never[3])] == 0.0 for row in e["recall"].values())
        ]  # fmt: skip
        named = [int(n) for n in never[1].split(", ")]
        return named == found[: len(named)] and len(found) == len(named) + int(never[2] or 0)
    return False


def ties_hold(truth, said, ties):
    """Whether what is said of a score by how its ties fall is so."""
    pattern = (
        f"{truth.metric.lower()} is # to # by how they fall: # where the tied classes draw lots, # by an "
        "argmax in hardware, which takes the lowest"
    )
    return cell_holds(said, (pattern, *(ties[key] for key in ("worst", "best", "expected", "lowest"))))


def warnings_fault(truth, lines):
    """Return the warnings that are not so, and whether as many trials are named for their ties as must be."""
    yield from (line for line in lines if not warning_holds(truth, line))
    named = sum("no single largest output" in line for line in lines)
    if named != min(3, sum(truth.tied(e) is not None for e in truth.front)):
        yield f"{named} trials are named for their ties"


def cell_holds(shown, value):
    """Whether a cell is a text, a figure, or a text with figures in it."""
    if isinstance(value, tuple):
        found = re.fullmatch(value[0].replace("#", f"({NUMBER})"), shown)
        return bool(found) and all(shows(a, b) for a, b in zip(found.groups(), value[1:], strict=True))
    return value == shown if isinstance(value, str) else shows(shown, value)


def trial_faults(truth, number, text):
    """Return what `bitfront show STUDY TRIAL` says of scores and resources that isn't so."""
    e = truth.trials[number]
    faults = []
    untrained = ", ".join(f"{o['label']} #" for o in truth.costs)
    own = [e.get("ptq_resources", {}).get(o["key"]) for o in truth.costs]
    known = {
        "score": (
            r"# on validation data \(# to float\)",
            [truth.score(e), truth.score(e) - truth.float["val"]],
        ),
        "test": (r"# on test data \(# to float\)", [e["metrics"].get("test"), None]),
        e["method"]: ("# on validation data", [e["metrics"].get(e["method"])]),
    }
    if "test" in e["metrics"]:
        known["test"][1][1] = e["metrics"]["test"] - truth.float["test"]
    if e["method"] == "qat":
        pattern = f"# on validation data, untrained: another design, of {untrained}"
        known["ptq"] = (pattern, [e["metrics"]["ptq"], *own])
    elif "qat" in e["metrics"]:
        known["qat"] = ("# on validation data, after a training that was not kept", [e["metrics"]["qat"]])
    for key in e["metrics"]:
        line = next((line for line in text.splitlines() if line.startswith(f"{key:16s} ")), "")
        pattern, values = known[key]
        if not cell_holds(line[17:], (pattern, *values)):
            faults.append(line or f"{key} is missing")
    for key, value in e["resources"].items():
        line = next((line for line in text.splitlines() if line.startswith(f"{key:16s} ")), "")
        ends = e["intervals"].get(key)
        which = f"{LABELS[key]}; " if key.startswith(("lut", "ff")) else ""
        pattern = rf"#  \({which}80 %: # to #; estimate\)" if ends else "#"
        if not cell_holds(line[17:], (pattern, value, *(ends or ()))):
            faults.append(line or f"{key} is missing")
    line = next((line for line in text.splitlines() if line.startswith(f"{'energy':16s} ")), "")
    energies = sorted(e["resources"][key] for key in ("energy_pj", "energy_moons_pj"))
    if not cell_holds(line[17:], ("# to # pJ, after Horowitz and after Moons", *energies)):
        faults.append(line or "energy is missing")
    return faults


# -- JSON, CSV -----------------------------------------------------------------------------------------


def json_faults(truth, told):
    """Return which keys of `report --json` or `show --json` are not so, or not known here."""
    picks = {}
    for how, e in truth.picks.items():
        split, score, reference, difference = truth.beside(e)
        picks[how] = {"trial": e["number"], "split": split, "score": score, "float_score": reference}
        picks[how] |= {"difference": difference, "validation": truth.score(e), "cost": truth.spent(e)}
    last = truth.last_gain
    wanted = {
        "study": truth.reference["study"],
        "cost": truth.cost["name"],
        "trials": len(truth.trials),
        "picks": picks,
        "knee_drop": truth.drop,
        "last_gain": last,
        "last_gain_seconds": None if last is None else truth.seconds[list(truth.trials).index(last)],
        "seconds": truth.seconds[-1],
        "hypervolume": truth.hypervolumes[-1],
        "importance": {name: dict(found) for name, found in truth.importances.items()},
        "uniform_trained": truth.uniform_trained,
        "uniform_matches": truth.uniform_matches,
        "budgets": truth.budgets,
        "optimistic": truth.optimistic,
        "rivals": truth.uniform_matches,
        "lucky": truth.optimistic,
        "test": truth.tests,
    }
    faults = [f"{key} is not known here" for key in set(told) - set(wanted) - {"knee_warning"}]
    faults += [
        f"{key}: {told[key]!r} is not {wanted[key]!r}"
        for key in wanted
        if key in told and not close(told[key], wanted[key])
    ]
    warning, lost = told.get("knee_warning"), truth.knee_lost
    if (warning is None) != (lost is None) or (lost and f"{lost[0]:.4f}" not in warning):
        faults.append(f"knee_warning: {warning}")
    return faults


def csv_faults(truth, text):
    """Return which cells of the front's table are not so."""
    faults = []
    rows = list(csv.DictReader(io.StringIO(text)))
    if sorted(int(row["trial"]) for row in rows) != sorted(e["number"] for e in truth.front):
        faults.append("the rows are not the front")
    for row in rows:
        e = truth.trials[int(row["trial"])]
        for column, shown in row.items():
            if not _column_holds(truth, e, column, shown):
                faults.append(f"front.csv, trial {row['trial']}, {column}: {shown!r}")
    return faults


def _column_holds(truth, e, column, shown):
    trained = bool(e.get("ptq_resources"))
    plain = {"trial": e["number"], "kind": e["kind"], "method": e["method"], "digest": e["digest"]}
    plain |= {
        "feasible": str(e in truth.feasible).lower(),
        "score": truth.score(e),
        "test": e["metrics"].get("test", ""),
    }
    plain |= {"untrained_score": e["metrics"]["ptq"] if trained else ""}
    plain |= {f"ties_{key}": e["ties"].get(key, "") for key in ("share", "lowest")}
    if column in plain:
        return shown == str(plain[column])
    if column.startswith("param."):
        return shown == str(e["params"].get(column.removeprefix("param."), ""))
    if column.startswith("untrained_"):
        return shown == str(e["ptq_resources"].get(column.removeprefix("untrained_"), "") if trained else "")
    base, _, end = column.rpartition("_")
    if end in {"low", "high"}:
        return shown == str(e["intervals"][base][end == "high"])
    return column in e["resources"] and shown == str(e["resources"][column])
