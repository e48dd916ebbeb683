"""Holds every number of a page's figures, what a point says when it is touched among them, against
`witness.Truth`.

A figure is what Vega-Lite draws: layers with a name, rows, and which field of a row goes where. Each is known
here by its name, fields and rows; one that is not is a fault.
"""

from __future__ import annotations

import json
import math
import re
from itertools import pairwise

from witness import LABELS, NUMBER, shows

STANDINGS = {"on the front": "front", "feasible": "feasible", "over a limit": "over limit"}
PLACE = {"x": "x", "y": "y"}
POINTS = PLACE | {"tooltip": "text", "fill": "series", "stroke": "series", "shape": "series", "size": "size"}
ENDS = PLACE | {"x2": "high"}
CELLS = {"x": "column", "y": "row", "color": "value", "tooltip": "text"}
CELL_LABELS = {"x": "column", "y": "row", "color": "ink", "text": "label", "tooltip": "text"}


def figure_faults(truth, name, figure):
    """Return what a figure draws or writes that isn't so; a figure that is not known here is a fault."""
    for begin, (fields, check) in CHECKS.items():
        if name.startswith(begin):
            return [*_form_faults(figure, fields), *check(truth, name, rows_of(figure), figure)]
    return ["is not known here"]


def rows_of(figure):
    """Rows by the name of their layer."""
    return {layer["name"]: layer.get("data", figure.get("data"))["values"] for layer in figure["layer"]}


def encoding(figure, layer):
    (found,) = [one["encoding"] for one in figure["layer"] if one["name"] == layer]
    return found


def _form_faults(figure, fields):
    """What is drawn by other fields than those that are checked, drawn without being known here, or on an
    axis that lies.
    """
    if {layer["name"] for layer in figure["layer"]} - set(fields):
        yield f"layers {[layer['name'] for layer in figure['layer']]}"
    for layer in figure["layer"]:
        drawn = {channel: one.get("field") for channel, one in layer["encoding"].items() if "field" in one}
        if drawn != fields.get(layer["name"]):
            yield f"{layer['name']} draws {drawn}"
        if set(layer) - {"name", "data", "mark", "encoding", "transform", "params"}:
            yield f"{layer['name']} has {set(layer)}"
        if layer.get("transform", [{"filter": {"param": "picked"}}]) != [{"filter": {"param": "picked"}}]:
            yield f"{layer['name']} draws other rows than it has"
        for one in layer["encoding"].values():
            if not _axis_holds(one.get("axis") or {}):
                yield f"{layer['name']}: labels of an axis"
            if set(one) & {"aggregate", "bin", "stack", "condition"}:
                yield f"{layer['name']} draws other numbers than it has"


def _axis_holds(axis):
    """Whether the labels of an axis are its ticks."""
    if "labelExpr" not in axis:
        return True
    labels, ticks = re.fullmatch(
        r"(\[.*?\])\[indexof\((\[.*?\]), datum\.value\)\]", axis["labelExpr"]
    ).groups()
    pairs = zip(json.loads(labels), axis["values"], strict=True)
    return json.loads(ticks) == axis["values"] and all(shows(label, tick) for label, tick in pairs)


def near(drawn, value):
    """Whether drawn numbers are these, up to the last bits of a sum."""
    return len(drawn) == len(value) and all(
        a == b or (a is not None and b is not None and math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12))
        for a, b in zip(drawn, value, strict=True)
    )


def widths(e):
    return {key: int(re.search(r"<(\d+)", text)[1]) for key, text in e["precision"].items()}


def hover_holds(truth, said, e):
    """Whether a point's text is that of a candidate."""
    lines = said.split("\n")
    head = f"Trial {e['number']} · {truth.method(e)} · {truth.standing(e)}"
    gain = truth.gain(e)
    values = [truth.score(e)]
    second = f"{truth.metric} # \\(validation\\)"
    if gain is not None:
        second = f"{truth.metric} # \\(validation; rounded #, training #\\)"
        values += [e["metrics"]["ptq"], gain]
    patterns = [(second, values)]
    for cost in truth.costs:
        unit = f" {cost['unit']}" if cost["unit"] else ""
        low, high = e["intervals"][cost["key"]]
        text = f"{re.escape(cost['label'])} #{unit} \\(estimate, 80 %: # to #\\)"
        patterns.append((text, [truth.spent(e, cost["key"]), low, high]))
    layers = {}
    for key, bits in widths(e).items():
        node, _, role = key.rpartition("/")
        layers.setdefault(node, []).append(f"{role.replace('_', ' ')} {bits}")
    wanted = [f"{node}: {', '.join(roles)}" for node, roles in layers.items()]
    if lines[0] != head or lines[1 + len(patterns) :] != wanted:
        return False
    for line, (pattern, figures) in zip(lines[1:], patterns, strict=False):
        found = re.fullmatch(pattern.replace("#", f"({NUMBER})"), line)
        if not found or not all(shows(a, b) for a, b in zip(found.groups(), figures, strict=True)):
            return False
    return True


def column(rows, key):
    return [row[key] for row in rows]


def _cost(truth, name, drawn, figure):
    cost = next(o for o in truth.costs if name == f"front_{o['name']}")
    key = cost["key"]
    seen = []
    for row in drawn["points"]:
        seen.append(row["trial"])
        e = truth.trials.get(row["trial"])
        if e is None:
            continue
        if not near([row["x"], row["y"]], [truth.spent(e, key), truth.score(e)]):
            yield f"trial {row['trial']} at {row['x']}, {row['y']}"
        if row["series"] != _series(truth, e) or not hover_holds(truth, row["text"], e):
            yield f"trial {row['trial']} is {row['series']}, says {row['text']!r}"
    if sorted(seen) != [e["number"] for e in truth.scored]:
        yield "the points are not the scored trials, each once"
    sizes = {
        series: {row["size"] for row in drawn["points"] if row["series"] == series}
        for series in column(drawn["points"], "series")
    }
    if any(len(found) > 1 for found in sizes.values()):
        yield f"sizes {sizes}"
    members = [e for e in truth.front if e["kind"] != "uniform"]
    ends = [[*e["intervals"][key], truth.score(e), _series(truth, e)] for e in members]
    if [[row[k] for k in ("x", "high", "y", "series")] for row in drawn["intervals"]] != ends:
        yield "intervals"
    line = sorted(
        truth.undominated(truth.designs, ("metric", cost["name"])),
        key=lambda e: (truth.spent(e, key), -truth.sign * truth.score(e)),
    )
    if not near(column(drawn["front"], "x"), [truth.spent(e, key) for e in line]):
        yield "front: costs"
    if not near(column(drawn["front"], "y"), [truth.score(e) for e in line]):
        yield "front: scores"
    if drawn["ties"]:
        yield "a measurement that is not known here"
    yield from _guides(truth, cost, drawn)
    if f"{truth.metric} (validation" not in encoding(figure, "points")["y"]["title"]:
        yield "the metric's axis does not say which data"
    stock = truth.reference["device"].get(key)
    title, told = encoding(figure, "points")["x"]["title"]
    if told != "estimate with 80 % interval":
        yield f"title {told}"
    found = re.search(rf", of ({NUMBER}) on the device", title)
    if bool(found) != bool(stock) or (found and not shows(found[1], stock)):
        yield f"title {title}"


def _series(truth, e):
    """What the legend calls a candidate."""
    names = {standing: name for name, standing in STANDINGS.items()}
    kind = "uniform precision" if e["kind"] == "uniform" else names[truth.standing(e)]
    return f"{truth.method(e)}, {kind}"


def _guides(truth, cost, drawn):
    """Lines across the figure, and what is written beside them and beside points."""
    limits = {c["name"]: c["limit"] for c in truth.reference["constraints"]}
    if (
        column(drawn["float"], "y") != [truth.float["val"]]
        or column(drawn["metric limits"], "y") != truth.metric_limits
    ):
        yield "levels"
    if any(row["x"] != limits.get(cost["name"]) for row in drawn["cost limit"]):
        yield f"limit {drawn['cost limit']}"
    for name, begin, axis, levels in (
        ("float label", "float ", "y", column(drawn["float"], "y")),
        ("metric limit labels", "limit ", "y", column(drawn["metric limits"], "y")),
        ("cost limit label", "limit ", "x", column(drawn["cost limit"], "x")),
    ):
        if column(drawn[name], axis) != levels or not all(
            row["text"].startswith(begin) and shows(row["text"].removeprefix(begin), row[axis])
            for row in drawn[name]
        ):
            yield f"{name} {drawn[name]}"
    baselines = {
        (truth.spent(e, cost["key"]), truth.score(e), truth.width(e))
        for e in truth.scored
        if e["kind"] == "uniform"
    }
    if not {(row["x"], row["y"], row["text"]) for row in drawn["baseline labels"]} <= baselines:
        yield f"baselines {drawn['baseline labels']}"
    named = []
    for row in drawn["pick labels"]:
        e = truth.picks[row["text"].split(", ")[0]]
        named += row["text"].split(", ")
        if not near([row["x"], row["y"]], [truth.spent(e, cost["key"]), truth.score(e)]):
            yield f"label {row['text']!r}"
    if sorted(named) != sorted(truth.picks):
        yield f"picks {named}"


def _told(kind):
    """A type as a reader sees it: of elements, how many there are and how wide."""
    runs = re.fullmatch(r"([^\[]*)\[([\dx ]*)\]", kind)
    if runs is None:
        return kind
    elements = []
    for run in runs[2].split():
        count, _, bits = run.rpartition("x")
        elements += [int(bits)] * int(count or 1)
    mean = sum(elements) / len(elements)
    return f"{runs[1]}, elements of {min(elements)} to {max(elements)} bits, {mean:.1f} on average"


def _precision(truth, name, drawn, figure):
    tensors = list(dict.fromkeys(key for e in truth.front for key in e["precision"]))
    x, y = (encoding(figure, "cells")[axis]["sort"] for axis in "xy")
    if x != tensors:
        yield "tensors"
    cells = []
    for label, e in zip(y, truth.front, strict=True):
        kind = truth.width(e) if e["kind"] == "uniform" else truth.method(e)
        number, told, score, cost = label.split(" · ")
        if (
            number != str(e["number"])
            or kind != told
            or not (shows(score, truth.score(e)) and shows(cost, truth.spent(e)))
        ):
            yield f"row {label}"
        for tensor, bits in widths(e).items():
            text = f"{label}\n{tensor}: {bits} bits\n{_told(e['precision'][tensor])}"
            cells.append({"column": tensor, "row": label, "value": bits, "label": str(bits), "text": text})
    yield from _cells_faults(drawn, cells)


def _cells_faults(drawn, cells):
    """A heat map whose cells or labels are not these, in any order."""
    for rows in drawn.values():
        shown = {(row["column"], row["row"]): row for row in rows}
        if len(rows) != len(cells) or len(shown) != len(cells):
            yield "number of cells"
        for cell in cells:
            row = shown.get((cell["column"], cell["row"]), {})
            if not near([row.get("value")], [cell["value"]]) or any(
                row[k] != cell[k] for k in ("label", "text")
            ):
                yield f"cell {row} is not {cell}"


def _hypervolume(truth, name, drawn, figure):
    for layer in ("hypervolume", "touched"):
        if column(drawn[layer], "x") != list(truth.trials):
            yield "trials"
        if not near(column(drawn[layer], "y"), truth.hypervolumes):
            yield "volumes"
    for row, seconds in zip(drawn["touched"], truth.seconds, strict=True):
        found = re.fullmatch(rf"after trial (\d+) \(({NUMBER}) s of evaluation\): ({NUMBER})", row["text"])
        if (
            not found
            or int(found[1]) != row["x"]
            or not (shows(found[2], seconds) and shows(found[3], row["y"]))
        ):
            yield row["text"]
    if drawn["hypervolume"] != drawn["touched"]:
        yield "touched elsewhere than drawn"
    if column(drawn["last gain"], "x") != ([] if truth.last_gain is None else [truth.last_gain]):
        yield "last gain"


def _training(truth, name, drawn, figure):
    if drawn["zero"] != [{"y": 0.0}]:
        yield "zero"
    members = [e for e in truth.scored if truth.gain(e) is not None]
    for row, e in zip(drawn["points"], members, strict=True):
        kernels = [b for key, b in widths(e).items() if key.endswith("weight")]
        on_front = truth.standing(e) == "front"
        if not near([row["x"], row["y"]], [sum(kernels) / len(kernels), truth.gain(e)]):
            yield f"trial {e['number']}: {row['x']}, {row['y']}"
        if row["series"] != ("on the front" if on_front else "other candidates") or row["size"] != (
            120 if on_front else 70
        ):
            yield f"trial {e['number']}: {row['series']}"
        if not hover_holds(truth, row["text"], e):
            yield f"trial {e['number']}: {row['text']!r}"


def _importance(truth, name, drawn, figure):
    shares = truth.importances
    shown = [o for o in truth.objectives if shares[o["name"]]]
    most = {}
    for found in shares.values():
        for key, share in found.items():
            most[key] = max(most.get(key, 0), share)
    columns, rows = (encoding(figure, "cells")[axis]["sort"] for axis in "xy")
    if columns != [o["label"] for o in shown] or set(rows) != set(sorted(most, key=most.get)[-24:]):
        yield f"rows {rows} or columns {columns}"
    if not all(most[a] >= most[b] - 1e-12 for a, b in pairwise(rows)):
        yield "order"
    cells = []
    for row in rows:
        for o in shown:
            share = 100 * shares[o["name"]].get(row, 0.0)
            text = f"{row}: {share:.1f} % of {o['label']}"
            cells.append(
                {"column": o["label"], "row": row, "value": share, "label": f"{share:.0f}", "text": text}
            )
    yield from _cells_faults(drawn, cells)


def _latency(truth, name, drawn, figure):
    known = {}
    numbers = dict.fromkeys(e["number"] for e in truth.picks.values())
    for number in numbers:
        e = truth.trials[number]
        names = ", ".join(how for how, one in truth.picks.items() if one["number"] == number)
        for key, more in (("latency_ns", ""), ("ii_ns", ", inputs back to back")):
            low, high = e["intervals"][key]
            kind = "per inference of many" if more else "one inference"
            times = [v / 1e3 for v in (truth.spent(e, key), low, high)]
            known[f"FPGA, {names} (estimate){more}"] = (f"FPGA, {kind}", times)
    for t in truth.latency:
        many = "" if t["batch"] == 1 else f", batch {t['batch']:,}"
        mode = t["runtime"].rpartition(", ")[2]
        times = [t[k] / t["batch"] for k in ("median_us", "low_us", "high_us")]
        kind = "per inference of many" if many else "one inference"
        known[f"{t['device']}, {mode}{many}"] = (f"{t['device']}, {kind}", times)
    for point, end in zip(drawn["points"], drawn["intervals"], strict=True):
        series, times = known.pop(point["y"], ("", [0.0, 0.0, 0.0]))
        if not near([point["x"], end["x"], end["high"]], times) or {point["series"], end["series"]} != {
            series
        }:
            yield f"{point['y']}: {point} {end}"
        told = point["text"].removeprefix(f"{point['y']}: ").removesuffix(" µs")
        if end["y"] != point["y"] or not shows(told, point["x"]) or point["size"] != 130:
            yield f"{point['y']}: says {point['text']!r}"
    if known:
        yield f"nothing of {list(known)}"


LABELLED = PLACE | {"text": "text"}
CHECKS = {
    "front_": (
        {
            "float": {"y": "y"},
            "metric limits": {"y": "y"},
            "cost limit": {"x": "x"},
            "intervals": ENDS,
            "front": PLACE,
        }
        | {"ties": PLACE | {"detail": "tie"}, "points": POINTS}
        | {"float label": {"y": "y", "text": "text"}, "metric limit labels": {"y": "y", "text": "text"}}
        | {
            "cost limit label": {"x": "x", "text": "text"},
            "baseline labels": LABELLED,
            "pick labels": LABELLED,
        },
        _cost,
    ),
    "precision": ({"cells": CELLS, "labels": CELL_LABELS}, _precision),
    "hypervolume": (
        {"last gain": {"x": "x"}, "hypervolume": PLACE, "touched": PLACE | {"tooltip": "text"}},
        _hypervolume,
    ),
    "training": ({"zero": {"y": "y"}, "points": POINTS}, _training),
    "importance": ({"cells": CELLS, "labels": CELL_LABELS}, _importance),
    "latency": ({"intervals": ENDS, "points": POINTS}, _latency),
}
assert set(LABELS) >= {"lut", "latency_ns"}
