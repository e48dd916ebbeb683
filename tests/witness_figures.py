"""Holds every number of a page's figures, what a point says when it is touched among them, against `witness.Truth`."""

from __future__ import annotations

import html
import math
import re
from itertools import pairwise

from witness import LABELS, NUMBER, shows

STANDINGS = {"on the front": "front", "feasible": "feasible", "over a limit": "over limit"}


def figure_faults(truth, name, figure):
    """Return what a figure draws or writes that isn't so; a figure that is not known here is a fault."""
    for begin, check in CHECKS.items():
        if name.startswith(begin):
            return list(check(truth, name, figure))
    return ["is not known here"]


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
    lines = said.split("<br>")
    head = f"<b>Trial {e['number']}</b> · {truth.method(e)} · {truth.standing(e)}"
    gain = truth.gain(e)
    values = [truth.score(e)]
    second = f"{truth.metric} <b>#</b> \\(validation\\)"
    if gain is not None:
        second = f"{truth.metric} <b>#</b> \\(validation; rounded #, training #\\)"
        values += [e["metrics"]["ptq"], gain]
    patterns = [(second, values)]
    for cost in truth.costs:
        unit = f" {cost['unit']}" if cost["unit"] else ""
        low, high = e["intervals"][cost["key"]]
        text = f"{re.escape(cost['label'])} <b>#{unit} \\(estimate, 80 %: # to #\\)</b>"
        patterns.append((text, [truth.spent(e, cost["key"]), low, high]))
    layers = {}
    for key, bits in widths(e).items():
        node, _, role = key.rpartition("/")
        layers.setdefault(node, []).append(f"{role.replace('_', ' ')} {bits}")
    wanted = [
        f"{html.escape(node)}: {', '.join(html.escape(r) for r in roles)}" for node, roles in layers.items()
    ]
    if lines[0] != head or lines[1 + len(patterns) :] != wanted:
        return False
    for line, (pattern, figures) in zip(lines[1:], patterns, strict=False):
        found = re.fullmatch(pattern.replace("#", f"({NUMBER})"), line)
        if not found or not all(shows(a, b) for a, b in zip(found.groups(), figures, strict=True)):
            return False
    return True


def _cost(truth, name, figure):
    cost = next(o for o in truth.costs if name == f"cost-{o['name']}-plot")
    key = cost["key"]
    seen = []
    for trace in figure["data"]:
        told = trace["name"]
        if told == "front in this plane":
            members = sorted(
                truth.undominated(truth.designs, ("metric", cost["name"])),
                key=lambda e: (truth.spent(e, key), -truth.sign * truth.score(e)),
            )
        else:
            method, _, rest = told.partition(", ")
            uniform = rest == "uniform precision"
            pool = truth.front if rest == "on the front" else truth.scored
            members = [
                e
                for e in pool
                if truth.method(e) == method and (e["kind"] == "uniform") == uniform
                if uniform or truth.standing(e) == STANDINGS[rest]
            ]
            seen += [e["number"] for e in members]
            texts = trace["customdata"] if uniform else trace["text"]
            if len(texts) != len(members) or not all(
                map(lambda t, e: hover_holds(truth, t, e), texts, members)
            ):
                yield f"{told}: what its points say"
            if uniform and not all(
                t == "" or truth.width(e) == t for t, e in zip(trace["text"], members, strict=True)
            ):
                yield f"{told}: {trace['text']}"
            if "error_x" in trace:
                ends = [(truth.spent(e, key), *e["intervals"][key]) for e in members]
                if not near(trace["error_x"]["array"], [max(0.0, high - v) for v, _, high in ends]):
                    yield f"{told}: upper ends"
                if not near(trace["error_x"]["arrayminus"], [max(0.0, v - low) for v, low, _ in ends]):
                    yield f"{told}: lower ends"
        if not near(trace["x"], [truth.spent(e, key) for e in members]):
            yield f"{told}: {trace['x']}"
        if not near(trace["y"], [truth.score(e) for e in members]):
            yield f"{told}: {trace['y']}"
    if sorted(seen) != [e["number"] for e in truth.scored]:
        yield "the points are not the scored trials, each once"
    yield from _guides(truth, cost, figure["layout"])
    if f"{truth.metric} (validation" not in figure["layout"]["yaxis"]["title"]["text"]:
        yield "the metric's axis does not say which data"
    stock = truth.reference["device"].get(key)
    title = figure["layout"]["xaxis"]["title"]["text"]
    found = re.search(rf", of ({NUMBER}) on the device", title)
    if bool(found) != bool(stock) or (found and not shows(found[1], stock)):
        yield f"title {title}"


def _guides(truth, cost, layout):
    levels = [truth.float["val"], *truth.metric_limits]
    drawn = [
        s["y0"] for s in layout["shapes"] if s["xref" if "xref" in s else "yref"] == "paper" and "xref" in s
    ]
    if not near(drawn, levels):
        yield f"levels {drawn}"
    limits = {c["name"]: c["limit"] for c in truth.reference["constraints"]}
    for shape in (s for s in layout["shapes"] if "yref" in s):
        if not near([shape["x0"]], [limits.get(cost["name"])]):
            yield f"limit {shape['x0']}"
    log = layout["xaxis"].get("type") == "log"
    for note in layout["annotations"]:
        text = re.sub("<.*?>", "", note["text"])
        if text.startswith("float"):
            fine = shows(text.removeprefix("float "), truth.float["val"]) and note["y"] == truth.float["val"]
        elif text.startswith("limit") and note.get("xref") == "paper":
            fine = note["y"] in levels[1:] and shows(text.removeprefix("limit "), note["y"])
        elif text.startswith("limit"):
            fine = shows(text.removeprefix("limit "), limits[cost["name"]])
        else:
            places = [
                (truth.spent(truth.picks[n], cost["key"]), truth.score(truth.picks[n]))
                for n in text.split(", ")
            ]
            x, y = places[0]
            fine = near([note["x"], note["y"]], [math.log10(x) if log else x, y])
        if not fine:
            yield f"label {text!r}"


def _precision(truth, name, figure):
    (trace,) = figure["data"]
    rows = truth.front
    tensors = list(dict.fromkeys(key for e in rows for key in e["precision"]))
    if trace["x"] != [html.escape(t) for t in tensors]:
        yield "tensors"
    if trace["z"] != [[widths(e).get(t) for t in tensors] for e in rows]:
        yield "widths"
    if trace["customdata"] != [[html.escape(e["precision"].get(t, "")) for t in tensors] for e in rows]:
        yield "types"
    for label, e in zip(trace["y"], rows, strict=True):
        kind = truth.width(e) if e["kind"] == "uniform" else truth.method(e)
        number, told, score, cost = label.split(" · ")
        if (
            number != str(e["number"])
            or kind != told
            or not (shows(score, truth.score(e)) and shows(cost, truth.spent(e)))
        ):
            yield f"row {label}"


def _hypervolume(truth, name, figure):
    (trace,) = figure["data"]
    if trace["x"] != list(truth.trials):
        yield "trials"
    if not near(trace["y"], truth.hypervolumes):
        yield "volumes"
    if not all(map(shows, trace["customdata"], truth.seconds)):
        yield "seconds"
    if [s["x0"] for s in figure["layout"].get("shapes", [])] != (
        [] if truth.last_gain is None else [truth.last_gain]
    ):
        yield "last gain"


def _training(truth, name, figure):
    for trace in figure["data"]:
        on_front = trace["name"] == "on the front"
        members = [
            e
            for e in truth.scored
            if truth.gain(e) is not None and (truth.standing(e) == "front") == on_front
        ]
        kernels = [[b for key, b in widths(e).items() if key.endswith("weight")] for e in members]
        if not near(trace["x"], [sum(bits) / len(bits) for bits in kernels]):
            yield f"{trace['name']}: widths"
        if not near(trace["y"], [truth.gain(e) for e in members]):
            yield f"{trace['name']}: gains"
        if not all(map(lambda t, e: hover_holds(truth, t, e), trace["text"], members)):
            yield f"{trace['name']}: what its points say"


def _importance(truth, name, figure):
    (trace,) = figure["data"]
    shares = truth.importances
    shown = [o for o in truth.objectives if shares[o["name"]]]
    most = {}
    for found in shares.values():
        for key, share in found.items():
            most[key] = max(most.get(key, 0), share)
    rows = [html.unescape(row) for row in trace["y"]]
    if trace["x"] != [o["label"] for o in shown] or set(rows) != set(sorted(most, key=most.get)[-24:]):
        yield f"rows {rows} or columns {trace['x']}"
    if not all(most[a] >= most[b] - 1e-12 for a, b in pairwise(rows)):
        yield "order"
    for row, cells in zip(rows, trace["z"], strict=True):
        if not near(cells, [100 * shares[o["name"]].get(row, 0.0) for o in shown]):
            yield f"{row}: {cells}"


def _latency(truth, name, figure):
    known = {}
    numbers = dict.fromkeys(e["number"] for e in truth.picks.values())
    for number in numbers:
        e = truth.trials[number]
        names = ", ".join(how for how, one in truth.picks.items() if one["number"] == number)
        for key, more in (("latency_ns", ""), ("ii_ns", ", inputs back to back")):
            low, high = e["intervals"][key]
            known[f"FPGA, {names} (estimate){more}"] = [v / 1e3 for v in (truth.spent(e, key), low, high)]
    for t in truth.latency:
        many = "" if t["batch"] == 1 else f", batch {t['batch']:,}"
        mode = t["runtime"].rpartition(", ")[2]
        known[f"{t['device']}, {mode}{many}"] = [
            t[k] / t["batch"] for k in ("median_us", "low_us", "high_us")
        ]
    seen = []
    for trace in figure["data"]:
        ends = zip(
            trace["y"], trace["x"], trace["error_x"]["arrayminus"], trace["error_x"]["array"], strict=True
        )
        for label, x, minus, plus in ends:
            seen.append(html.unescape(label))
            middle, low, high = known.get(seen[-1], (None, 0.0, 0.0))
            if middle is None or not near(
                [x, minus, plus], [middle, max(0.0, middle - low), max(0.0, high - middle)]
            ):
                yield f"{label}: {x} ({minus}, {plus})"
    if sorted(seen) != sorted(known):
        yield f"{seen}"


CHECKS = {
    "cost-": _cost,
    "precision": _precision,
    "hypervolume": _hypervolume,
    "training": _training,
    "importance": _importance,
    "latency": _latency,
}
assert set(LABELS) >= {"lut", "latency_ns"}
