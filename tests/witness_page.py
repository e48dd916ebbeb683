"""Reads a report's page as a reader does and holds every figure of it against `witness.Truth`.

Each sentence with a figure must be one that is known here, and each column of a table: what is new is a fault
until it is recomputed too.
"""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from statistics import median
from urllib.parse import unquote

from witness import NUMBER, STOCK, shows
from witness_figures import figure_faults
from witness_tables import table_faults
from witness_text import cell_holds, csv_faults, ties_hold, warnings_fault

BLOCKS = {
    "p",
    "h1",
    "h2",
    "h3",
    "figcaption",
    "dt",
    "dd",
    "td",
    "th",
    "pre",
    "footer",
    "span",
    "code",
    "option",
    "a",
    "li",
}
QUIET = [
    "Resources and latency are estimates with their 80 % intervals",
    "Circles are PTQ, triangles QAT;",
    "Bits of every tensor, from the model's input to its output;",
    "Share of each objective's variance",
    "For each uniform baseline: the cheapest searched candidate",
    "The best rounded and the best trained design that have so few",
]
"""Beginnings of sentences whose only figures say how to read the others."""


class Page(HTMLParser):
    """Blocks of text with their section, tables as rows, and the figures."""

    def __init__(self, text):
        super().__init__()
        self.blocks, self.tables, self.cards, self.links = [], {}, [], []
        self._section, self._open, self._hidden = "", [], None
        body = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
        self.figures = json.loads(re.search(r'id="figures">(.*?)</script>', body, re.DOTALL)[1])
        self.feed(re.sub(r"<(script|style).*?</\1>", "", body, flags=re.DOTALL))

    def handle_starttag(self, tag, attributes):
        known = dict(attributes)
        if tag == "section":
            self._section = known["id"]
        if tag == "div" and known.get("class") == "pick":
            self.cards.append([])
        if tag == "table":
            self.tables.setdefault(self._section, []).append([])
        if tag == "tr":
            self.tables[self._section][-1].append([])
        if tag == "a" and str(known.get("href", "")).startswith("data:"):
            self.links.append(unquote(known["href"].partition(",")[2]))
        if tag in BLOCKS:
            self._open.append([tag, known, []])

    def handle_data(self, data):
        for block in self._open:
            block[2].append(data)

    def handle_endtag(self, tag):
        if tag in BLOCKS and self._open and self._open[-1][0] == tag:
            tag, known, parts = self._open.pop()
            text = re.sub(r"\s+", " ", "".join(parts)).strip()
            if tag in {"td", "th"}:
                self.tables[self._section][-1][-1].append((text, known.get("data-value")))
            elif self.cards and self._section == "":
                self.cards[-1].append((tag, known.get("class", ""), text))
            elif not any(block[0] in BLOCKS for block in self._open):
                raw = "".join(parts) if tag == "pre" else text
                self.blocks.append((self._section or tag, tag, raw))


def page_faults(truth, text):
    """Return what a page says that isn't so, or that nothing here knows how to recompute."""
    page, faults = Page(text), []
    faults += _card_faults(truth, page)
    faults += warnings_fault(truth, [said for _, tag, said in page.blocks if tag == "li"])
    for section, tag, said in page.blocks:
        if tag != "li" and not _sentence(truth, section, tag, said):
            faults.append(f"{section}: {said[:160]!r}")
    for section, tables in page.tables.items():
        for number, table in enumerate(tables):
            faults += table_faults(truth, section, number, table)
    for name, figure in page.figures.items():
        faults += [f"figure {name}: {fault}" for fault in figure_faults(truth, name, figure)]
    for link in page.links:
        faults += csv_faults(truth, link)
    return faults


# -- sentences -----------------------------------------------------------------------------------------------


def _matches(pattern, said, *values):
    """Whether a sentence is this one, with these values for its figures."""
    return cell_holds(said, (pattern, *values))


def headline_holds(truth, said):
    """Whether the first sentences of page and terminal are so."""
    uniform = sum(e["kind"] == "uniform" for e in truth.trials.values())
    of = " \\(# of them uniform baselines\\)" if uniform else ""
    subject = re.escape(f"{truth.reference['model']} on {truth.reference['device']['part']}")
    pattern = f"# candidates for {subject} at # ns{of}: # meet every limit, # are on the front\\. "
    clock = truth.reference["clock_ns"]
    front = len(truth.front) if truth.feasible else 0
    values = [len(truth.trials), clock, *([uniform] if uniform else []), len(truth.feasible), front]
    knee = truth.picks.get("knee")
    if knee is None:
        return _matches(
            pattern + "The float model scores # on validation data\\.", said, *values, truth.float["val"]
        )
    split, score, reference, _ = truth.beside(knee)
    pattern += f"On {split} data the float model scores #, the knee, trial # \\({truth.method(knee)}\\), # with # C-synthesis LUT\\."
    values += [reference, knee["number"], score, truth.spent(knee)]
    uniform_match = truth.nearest_uniform
    if knee["kind"] == "uniform":
        pattern += " It is the uniform # bit.* baseline: so far, no mixed precision is a better trade\\."
        values.append(truth.bits(knee))
    elif uniform_match:
        only = "" if truth.uniform_trained else ", rounded only: no uniform width was trained"
        pattern += f" The uniform baseline nearest in score, trial # \\(# bit {truth.method(uniform_match)}(?:, [^()]*)?{only}\\), has # with #\\."
        values += [
            uniform_match["number"],
            truth.bits(uniform_match),
            truth.beside(uniform_match)[1],
            truth.spent(uniform_match),
        ]
    return _matches(pattern, said, *values)


def _floor(truth):
    """The sentences on fixed widths, of what the study's folder holds of them; the trial is the cheapest of the
    front.
    """
    kept = json.loads((truth.folder / "floor.json").read_text())
    key = next(iter(kept["resources"]))
    cheapest = min((e["resources"][key] for e in truth.front), default=None)
    assert truth.trials[kept["trial"]]["resources"][key] == cheapest
    told = []
    for one in kept["fixed"]:
        shares = ", ".join(f"{round(100 * share)}% of its {name}" for name, share in one["shares"].items())
        if one["lossless"]:
            held = f"are lossless, up to {one['bits']} bits: 4 bits fewer would save {shares}."
        else:
            held = f"is fixed at {one['bits']} bits, which no candidate can lower: {shares}."
        told.append(f"{one['name']} {held}")
    if not told:
        return f"No width that the study fixes adds to the cost of trial {kept['trial']}, the cheapest."
    return f"Of trial {kept['trial']}, the cheapest: " + " ".join(told)


def _sentence(truth, section, tag, said):
    """Whether a block of text is so; one without figures always is."""
    if tag == "pre":
        return said == (truth.folder / "study.yaml").read_text()
    if not re.search(r"\d", said) or any(said.startswith(begin) for begin in QUIET):
        return _quiet_holds(truth, said)
    if section == "precision-section" and said.startswith(("Of trial", "No width")):
        return said == _floor(truth)
    gains = [g for g in (truth.gain(e) for e in truth.scored) if g is not None]
    members = [e for e in truth.front if e["kind"] != "uniform"]
    last, total = truth.last_gain, truth.seconds[-1]
    order = list(truth.trials)
    rows = truth.tests or {"samples": None, "resamples": None}
    known = {
        "test-section": (
            f"{truth.metric} on # test samples, which ranked nothing\\. Intervals are those of # bootstrap "
            "draws; .*One that holds 0 can't be told from none\\.",
            [rows["samples"], rows["resamples"]],
        ),
        "progress-section": (
            "Volume of the objectives .*The dotted line marks trial #, the last one that made it grow by a "
            "thousandth: # of # s of evaluation had passed, # trials followed\\.",
            [last, truth.seconds[order.index(last)], total, len(order) - 1 - order.index(last)]
            if last is not None
            else [],
        ),
        "training-section": (
            "Each triangle compares .* Training helped # of #, by # in the median\\. .*are other designs and "
            "not among them\\. # of the front's # searched members are trained\\.",
            [
                sum(truth.sign * g > 0 for g in gains),
                len(gains),
                median(gains or [0]),
                sum(e["method"] == "qat" for e in members),
                len(members),
            ],
        ),
        "details-section": (
            r"The front as a table: front\.csv\. .* Another point: bitfront export .* --pick 'lut<5000', or with a trial's number\.",
            [],
        ),
        "latency-section": (_processors(truth), []),
    }
    if tag == "h1":
        return said == truth.reference["study"]
    if tag == "footer":
        tested = r" Float model on test data: #\." if "test" in truth.float else ""
        data = re.escape(f"Data: {truth.reference['data']}.")
        search = r"; the search took # s in all" if (truth.folder / "spent_seconds").exists() else ""
        values = [total, *([float((truth.folder / "spent_seconds").read_text())] if search else [])]
        values += [truth.float["test"]] if tested else []
        return _matches(
            rf"Candidates took # s of evaluation{search}\. {data}{tested} Written by bitfront; opens without a network\.",
            said,
            *values,
        )
    if section == "p":
        return headline_holds(truth, said)
    if section == "gains-section":
        return _fairness_holds(truth, said)
    if section == "latency-section" and tag == "p":
        return _latency_holds(truth, said)
    if section.startswith("cost-"):
        return False
    pattern, values = known.get(section, ("", []))
    return _matches(pattern, said, *values)


def _processors(truth):
    """What the caption says of the processors: their names, and nothing else that is measured."""
    if not truth.latency:
        return ""
    hardware = "; ".join(dict.fromkeys(f"{t['device']}: {t['hardware']}" for t in truth.latency))
    runtime = truth.latency[0]["runtime"].rpartition(", ")[0]
    return (
        f"Processors: the float model in {re.escape(runtime)}, medians with the range from the 10th to the "
        f"90th percentile, measured where the study ran \\({re.escape(hardware)}\\); [^0-9]*"
    )


def _quiet_holds(truth, said):
    """Whether a sentence that says how to read the others has no figure but these."""
    if not _fairness_holds(truth, said):
        return False
    rest = re.sub(
        r"Uniform widths had up to .*? epochs of training, searched candidates up to [^ ]*\.", "", said
    )
    outside = re.search(r"(\d+) trials? with other scores lie outside", rest)
    if outside:
        rest = rest.replace(outside[0], "") if int(outside[1]) == _outside(truth) else rest
    return set(re.findall(r"\d+", rest)) <= {"80"}


def _fairness_holds(truth, said):
    """Whether what is said of the training of uniform widths is so, where it is said."""
    epochs = re.search(rf"up to ({NUMBER}) epochs of training, searched candidates up to ({NUMBER})\.", said)
    if "rounded only" in said and truth.uniform_trained:
        return False
    if epochs is None:
        return "epochs" not in said or "hovertemplate" in said
    most = [max(e["epochs"] for e in truth.scored if e["kind"] == kind) for kind in ("uniform", "search")]
    return truth.uniform_trained and all(shows(a, b) for a, b in zip(epochs.groups(), most, strict=True))


def _outside(truth):
    """Scored trials beyond the range of the metric's axis: the feasible ones, the float model and the limits,
    and a margin.
    """
    shown = [truth.score(e) for e in truth.feasible or truth.scored] + [
        truth.float["val"],
        *truth.metric_limits,
    ]
    low, high = min(shown), max(shown)
    span = high - low or 0.01
    return sum(not low - 0.1 * span <= truth.score(e) <= high + 0.14 * span for e in truth.scored)


def _latency_holds(truth, said):
    fastest = min(truth.picks.values(), key=lambda e: e["resources"]["latency_ns"])
    cpu = min(t["median_us"] for t in truth.latency if t["device"] == "CPU" and t["batch"] == 1)
    pattern = r"One inference takes # µs on the FPGA \(([a-z, ]+), estimate; the network alone\), and # µs on the CPU, copies .* included\."
    found = re.fullmatch(pattern.replace("#", f"({NUMBER})"), said)
    if not found:
        return False
    named = {truth.picks[how]["resources"]["latency_ns"] for how in found[2].split(", ")}
    least = fastest["resources"]["latency_ns"]
    return shows(found[1], least / 1e3) and named == {least} and shows(found[3], cpu)


# -- cards ---------------------------------------------------------------------------------------------------


def _card_faults(truth, page):
    faults = []
    if [card[0][2] for card in page.cards] != [how.capitalize() for how in truth.picks]:
        return ["the cards are not those of the picks"]
    for card, (how, e) in zip(page.cards, truth.picks.items(), strict=True):
        split, score, _, difference = truth.beside(e)
        gap = f"{difference:+.4f} to float" if abs(difference) >= 5e-5 else "as the float model"
        note = {
            "best": "highest score of the front",
            "smallest": "fewest resources of the front",
            "knee": f"best trade of score for resources, at most {truth.drop:.4f} worse than the float model "
            "on validation data where the front reaches that",
        }[how]
        texts = [(tag, css, text) for tag, css, text in card if tag not in {"dt", "dd", "code"}]
        wanted = [("h3", "", how.capitalize()), ("span", "soft", f"trial {e['number']}"), ("p", "soft", note)]
        lost = truth.knee_lost if how == "knee" else None
        if lost and lost[1] == "test":
            wanted.append(
                ("p", "notice", f"On test data the knee is {lost[0]:.4f} worse than the float model, beyond "
                                f"the "
                 f"{truth.drop:.4f} within which validation data had it.")
            )  # fmt: skip
        elif lost:
            wanted.append(
                ("p", "notice", f"The knee is {lost[0]:.4f} worse than the float model on validation data: "
                                f"nothing on the front "
                 f"is within {truth.drop:.4f} of it. Run more trials, widen the space, or take `--pick "
                 f"best`.")
            )  # fmt: skip
        wanted.append(("p", "value", f"{score:.4f}"))
        wanted.append(("p", "soft", f"{truth.metric} on {split} data, {gap}"))
        if texts != wanted:
            faults.append(f"card {how}: {texts} is not {wanted}")
        names = [text for tag, _, text in card if tag == "dt"]
        values = [text for tag, _, text in card if tag == "dd"]
        told = dict(zip(names, values, strict=True))
        faults += [f"card {how}, {name}: {fault}" for name, fault in _row_faults(truth, e, split, told)]
    return faults


def _row_faults(truth, e, split, told):
    rows = dict(told)
    kind = " · uniform baseline" if e["kind"] == "uniform" else ""
    if rows.pop("Method", None) != truth.method(e) + kind:
        yield "Method", told.get("Method")
    if split == "test" and not shows(rows.pop(f"{truth.metric} on validation data", ""), truth.score(e)):
        yield "validation", told
    undecided, share = rows.pop("Undecided", None), truth.tied(e)
    found = re.fullmatch(rf"({NUMBER}) % \((.*)\)", undecided or "")
    if bool(found) != (share is not None) or (
        found
        and not (
            shows(found[1], 100 * share) and (found[2] == "classes" or ties_hold(truth, found[2], e["ties"]))
        )
    ):
        yield "Undecided", undecided
    ends = truth.interval(e["number"], "to_float")
    if split == "test" and ends:
        shown = rows.pop(f"To float, {100 * truth.tests['confidence']:g} %", "")
        if not _matches("# to #", shown, *ends):
            yield "To float", shown
    labels = {o["label"]: o["key"] for o in truth.costs} | {
        "C-synthesis LUT": "lut",
        "Implemented LUT": "lut_implemented",
        "DSP": "dsp",
        "Latency": "latency_ns",
    }
    energies = sorted(e["resources"][key] for key in ("energy_pj", "energy_moons_pj"))
    shown = rows.pop("Energy", "")
    if not _matches("# to # pJ \\(after Horowitz and after Moons\\)", shown, *energies):
        yield "Energy", shown
    for label, shown in rows.items():
        key = labels.get(label)
        if key is None:
            yield label, "is not known here"
            continue
        value, (low, high) = truth.spent(e, key), e["intervals"][key]
        stock = truth.reference["device"].get(STOCK.get(key, key))
        share = ", # % of the device" if stock and value else ""
        unit = " ns" if key == "latency_ns" else ""
        figures = [value, low, high, *([100 * value / stock] if share else [])]
        if not _matches(f"#{unit} \\(estimate, 80 %: # to #{share}\\)", shown, *figures):
            yield label, shown
