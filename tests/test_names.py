"""No two uniform candidates of a study are called alike, and a name says in few words what tells it from
another.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from plausible import reference

from bitfront.search.analysis.findings import find
from bitfront.search.analysis.view import StudyView
from bitfront.search.report.page import render
from bitfront.search.trials.evaluation import Evaluation
from bitfront.search.trials.names import uniform_names, width_label, width_names

METHODS = {"ptq": {"ptq": 0.7}, "qat": {"ptq": 0.7, "qat": 0.75}}


def uniform(number: int, method: str = "ptq", tried: str | None = None, **params) -> Evaluation:
    """Return a uniform candidate; `params` by `layer_role`, `tried` the method that was tried."""
    names = {"a_weights": 10, "a_activations": 10, "b_weights": 10, "b_activations": 10, **params}
    chosen = {name.replace("_", ".", 1) if name[1] == "_" else name: value for name, value in names.items()}
    metrics = METHODS["qat"] if method == "qat" else METHODS["ptq"]
    return Evaluation(
        number=number,
        digest=f"{number:016x}",
        method=method,
        status="complete",
        kind="uniform",
        params={**chosen, "method": tried or method},
        metrics={**metrics, "score": max(metrics.values())},
        resources={"lut": 1000.0 + number, "latency_ns": 50.0},
        precision={"a/weight": "fixed<10,3,RND_CONV,SAT>", "x/result": "fixed<10,3,RND_CONV,SAT>"},
    )


PLAIN = uniform(0)


@pytest.mark.parametrize(
    ("other", "names"),
    [
        (uniform(1, "qat"), ["10 bit PTQ", "10 bit QAT"]),
        (uniform(1, a_weights=8, b_weights=8), ["10 bit PTQ", "8 bit PTQ"]),
        # the weights' range ends at 10 bits, the activations' at 12
        (
            uniform(1, a_activations=12, b_activations=12),
            ["10 bit PTQ, activations 10 bit", "10 bit PTQ, activations 12 bit"],
        ),
        (
            uniform(1, b_activations=12),
            ["10 bit PTQ, activations 10 bit", "10 bit PTQ, activations 10 to 12 bit"],
        ),
        (
            uniform(1, a_integer=1, reuse_factor=4, strategy="Resource"),
            ["10 bit PTQ", "10 bit PTQ, reuse factor 4"],
        ),
        (uniform(1, "ptq", "qat"), ["10 bit PTQ", "10 bit PTQ, not trained"]),
        (
            replace(uniform(1, "ptq", "qat"), metrics={"ptq": 0.7, "qat": 0.6, "score": 0.7}),
            ["10 bit PTQ", "10 bit PTQ, training undone"],
        ),
        (replace(uniform(1), start="gradient"), ["10 bit PTQ", "10 bit PTQ, from gradient"]),
        (
            replace(uniform(1), precision={**PLAIN.precision, "x/result": "ufixed<10,2,RND_CONV,SAT>"}),
            ["10 bit PTQ, x/result fixed<10,3>", "10 bit PTQ, x/result ufixed<10,2>"],
        ),
        (uniform(1), ["10 bit PTQ, trial 0", "10 bit PTQ, trial 1"]),
    ],
)
def test_a_name_tells_what_differs(other, names):
    found = uniform_names([PLAIN, other])

    assert list(found.values()) == names


def test_names_are_short_where_they_are_not_alike_and_never_alike():
    many = [
        uniform(n, ("ptq", "qat")[n % 2], a_weights=8 + n % 3, b_activations=9 + n // 6) for n in range(24)
    ]
    many += [uniform(30 + n) for n in range(3)]
    found = uniform_names(many)

    assert len(set(found.values())) == len(many)
    assert max(map(len, found.values())) < 60


def test_the_width_is_named_alike_for_each_method():
    undone = replace(uniform(2, "ptq", "qat"), metrics={"ptq": 0.7, "qat": 0.6, "score": 0.7})
    wide = uniform(3, a_activations=12, b_activations=12)

    assert set(width_names([PLAIN, uniform(1, "qat"), undone]).values()) == {"10 bit"}
    assert width_names([PLAIN, uniform(1, "qat"), wide]) == {
        0: "10 bit, activations 10 bit",
        1: "10 bit, activations 10 bit",
        3: "10 bit, activations 12 bit",
    }
    assert (
        width_label(Evaluation(number=1, digest="d", method="ptq", status="failed", reason="x")) == "uniform"
    )


def test_a_report_has_no_two_rows_of_one_name(tmp_path):
    """Neither of its tables of uniform candidates, nor that of all trials."""
    rows = (
        PLAIN,
        uniform(1, "qat"),
        uniform(2, a_activations=12),
        uniform(3, "qat", a_activations=12),
        uniform(4),
    )
    view = StudyView(reference("study"), rows, str(Path(tmp_path)), "")
    found = find(view)
    page = render(view, found, {}, "")

    for names in ([one.name for one in found.uniform_matches], [one.name for one in found.budgets]):
        assert len(set(names)) == len(names) > 1
    assert all(name in page for name in view.names.values())
