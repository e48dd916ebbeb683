"""Report pages of plausible studies, written once a session for the tests that only read them."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from plausible import plausible_study, write_study

from bitfront.hls.synthesis import SynthesisOutcome
from bitfront.search.analysis.latency import Timing
from bitfront.search.analysis.sensitivity import RESOURCES, Sensitivity, write_sensitivity
from bitfront.search.analysis.view import StudyView
from bitfront.search.measurements.record import write_record
from bitfront.search.report import write_report

STUDY = plausible_study(60)
SCORED = [e for e in STUDY if e.status == "complete"]


@pytest.fixture(scope="session")
def page(tmp_path_factory):
    """The report of one study, written once for the tests that only read it."""
    return write_report(write_study(tmp_path_factory.mktemp("report") / "toy-lstm", STUDY))


@pytest.fixture(scope="session")
def view(page):
    return StudyView.read(page.parent)


@pytest.fixture(scope="session")
def full_page(tmp_path_factory):
    """The report of a study with everything beside it: syntheses, processors, a sensitivity table."""
    study = write_study(tmp_path_factory.mktemp("full") / "toy-lstm", STUDY)
    write_measurements(study)
    timing = Timing(
        device="CPU",
        hardware="a CPU, 2 cores",
        runtime="TensorFlow 2, XLA",
        batch=1,
        calls=9,
        median_us=120.0,
        low_us=110.0,
        high_us=150.0,
    )
    many = replace(timing, batch=1024, median_us=2048.0, low_us=1900.0, high_us=2100.0)
    (study / "latency.json").write_text(json.dumps([timing.__dict__, many.__dict__]))
    rows = [
        Sensitivity("lstm/weight", bits, -0.2 / bits, 0.9, dict.fromkeys(RESOURCES, 0.0))
        for bits in (2, 4, 8)
    ]
    write_sensitivity(study, rows)
    return write_report(study)


def write_measurements(study):
    """Half as many LUTs as estimated for one trial, a fifth more for another, and a run that failed."""
    run = {"tool": "vitis-run", "fidelity": "csynth", "seconds": 1.0}
    for e, factor in ((SCORED[0], 0.5), (SCORED[1], 1.2)):
        figures = {"lut": factor * e.resources["lut"], "latency_cycles": e.resources["latency_cycles"]}
        write_record(study, e.number, e.digest, SynthesisOutcome(measured={"csynth": figures}, **run))
    failed = SynthesisOutcome(
        cause="hls_unroll", line="ERROR: Stop <unrolling>", advice="Raise the reuse factor.", **run
    )
    write_record(study, SCORED[2].number, SCORED[2].digest, failed)


def embedded(text):
    """Figures of a page, each as what Vega-Lite draws."""
    return json.loads(
        re.search(r'<script type="application/json" id="figures">(.*?)</script>', text, re.DOTALL)[1]
    )


def layers(figure):
    """Rows of a figure by the name of their layer."""
    return {layer["name"]: layer.get("data", figure.get("data"))["values"] for layer in figure["layer"]}


def axis(figure, layer, channel):
    """How a layer of a figure places its rows along x or y."""
    (found,) = [one["encoding"][channel] for one in figure["layer"] if one["name"] == layer]
    return found
