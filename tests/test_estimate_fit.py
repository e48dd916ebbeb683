"""The fit is deterministic, learns what reports say, and its errors on unseen repositories stand beside
it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from bitfront.experiments.calibration.conformal import coverage, format_coverage, residuals
from bitfront.experiments.calibration.fit import cross_validate, main, refit
from bitfront.experiments.calibration.problem import Problem, fit, pulls
from bitfront.experiments.calibration.ranking import choices, hypervolume_loss, ranks
from bitfront.experiments.calibration.samples import Sample, load_samples, measured, shared_folder
from bitfront.experiments.calibration.scores import error_table, format_table, scores, spearman
from bitfront.experiments.calibration.tables import coverage_lines, error_lines
from bitfront.hls.estimate import (
    Residuals,
    estimate_file,
    estimate_record,
    interval,
    load_coefficients,
)
from bitfront.spaces.errors import UserError


def sample(number, adder, lut, repo="a/a", era="vitis", **changed):
    settings = {
        "name": f"s{number}", "repo": repo, "family": "mlp", "era": era, "features": {"adder": adder},
        "rules": {"dsp": 0.0, "latency_cycles": 1.0, "ii_cycles": 1.0}, "csynth": {"lut": lut},
    }  # fmt: skip
    return Sample(**{**settings, **changed})


def test_a_fit_finds_the_weight_that_made_the_reports():
    samples = [sample(n, adder, 1.7 * adder) for n, adder in enumerate(np.geomspace(1e3, 1e6, 40))]
    found = fit(samples, "lut", "csynth", {"adder": 1.0}, 2.0)
    assert found.weights["adder"] * found.era["vitis"] == pytest.approx(1.7, rel=0.05)


def test_a_fit_without_reports_keeps_its_prior():
    assert fit([], "lut", "csynth", {"adder": 1.25}, 1.0).weights == {"adder": 1.25}


def test_one_wild_report_hardly_moves_a_fit():
    samples = [sample(n, adder, adder) for n, adder in enumerate(np.geomspace(1e3, 1e6, 40))]
    wild = [*samples, sample(99, 1e4, 1e8)]
    found = fit(wild, "lut", "csynth", {"adder": 1.0}, 2.0)
    assert found.weights["adder"] * found.era["vitis"] == pytest.approx(1.0, rel=0.1)


def test_the_eras_of_the_tools_get_factors_of_their_own():
    grid = np.geomspace(1e3, 1e6, 40)
    samples = [sample(n, adder, adder, era="vivado") for n, adder in enumerate(grid)]
    samples += [sample(100 + n, adder, 1.2 * adder) for n, adder in enumerate(grid)]
    found = fit(samples, "lut", "csynth", {"adder": 1.2}, 1.0)
    assert found.era["vitis"] / found.era["vivado"] == pytest.approx(1.2, rel=0.1)


def test_a_design_is_predicted_by_a_fit_that_never_saw_its_author():
    # One repository reports ten times what the rest do: its own designs must be predicted by the rest.
    samples = [sample(n, adder, adder) for n, adder in enumerate(np.geomspace(1e3, 1e6, 30))]
    samples += [
        sample(100 + n, adder, 10 * adder, repo="b/b") for n, adder in enumerate(np.geomspace(1e3, 1e6, 30))
    ]
    held = [one for one in cross_validate(samples) if one.sample.repo == "b/b" and one.scheme == "author"]
    ratios = [one.predicted["lut"] / one.truth["lut"] for one in held if one.kind == "csynth"]
    assert len(ratios) == 30
    assert max(ratios) < 0.3


def scattered(authors, n=240, seed=0):
    """Designs whose reports differ from the rule by a factor of their author's and one of their own."""
    rng = np.random.default_rng(seed)
    bias = np.exp(rng.normal(0, 0.3, authors))
    return [
        sample(
            n, adder, adder * bias[n % authors] * np.exp(rng.normal(0, 0.2)), repo=f"author{n % authors}/r"
        )
        for n, adder in enumerate(np.geomspace(1e3, 1e6, n))
    ]


def test_intervals_hold_the_share_of_authors_never_seen_that_they_promise():
    shares = []
    for seed in range(6):
        held = cross_validate(scattered(24, seed=seed))
        (row,) = [r for r in coverage(held) if (r["family"], r["quantity"]) == ("mlp", "lut")]
        assert (row["n"], row["authors"]) == (240, 24)
        shares.append(row["share"])
    assert 0.75 <= np.mean(shares) <= 0.87


def test_a_sweep_of_one_author_hardly_widens_the_intervals_of_the_others():
    few = scattered(24)
    sweep = [
        sample(1000 + n, adder, 9 * adder, repo="sweep/r") for n, adder in enumerate(np.geomspace(1e3, 1e6, 120))
    ]  # fmt: skip
    plain = residuals(cross_validate(few + sweep))["csynth"]["mlp"]["lut"]
    assert (plain["designs"], plain["authors"]) == (360, 25)
    level = Residuals.from_json(plain).quantile(0.8)
    assert level < np.log(4), "a third of the designs, but no third of what counts"


def test_a_sweep_of_near_identical_designs_speaks_for_itself_alone():
    plain = scattered(12)
    sweep = [
        sample(n, a, 30 * a, repo="one/sweep", family="mlp_sweep")
        for n, a in enumerate(np.geomspace(1e3, 1e6, 60), 700)
    ]
    rnn = [
        sample(n, a, 2 * a, repo="lone/r", family="rnn") for n, a in enumerate(np.geomspace(1e3, 1e6, 4), 900)
    ]
    found = residuals(cross_validate(plain + sweep + rnn))["csynth"]
    assert found["all"]["lut"]["designs"] == 244
    for family in ("mlp", "rnn", "all"):
        assert max(found[family]["lut"]["log_ratios"]) < np.log(10)
    assert max(found["mlp_sweep"]["lut"]["log_ratios"]) > np.log(10)


def test_a_family_with_few_authors_borrows_from_the_others_and_says_how_much():
    many = scattered(12)
    one = [
        sample(n, a, 2 * a, repo="lone/r", family="rnn") for n, a in enumerate(np.geomspace(1e3, 1e6, 4), 900)
    ]
    found = residuals(cross_validate(many + one))["csynth"]
    assert found["rnn"]["lut"]["designs"] == 4
    assert found["rnn"]["lut"]["authors"] == 1
    assert found["rnn"]["lut"]["borrowed"] == pytest.approx(2 / 3, abs=1e-3)
    assert found["mlp"]["lut"]["borrowed"] == pytest.approx(2 / 14, abs=1e-3)
    assert found["all"]["lut"]["borrowed"] == 0
    assert np.isfinite(Residuals.from_json(found["rnn"]["lut"]).quantile(0.95)), "four designs alone say less"


def test_scores_are_what_a_hand_computes():
    found = scores(np.array([1.0, 3.0, 9.0]), np.array([1.0, 6.0, 99.0]))
    assert found["smape"] == pytest.approx((0 + 200 * 3 / 9 + 200 * 90 / 108) / 3)
    assert found["within2"] == pytest.approx(2 / 3)
    assert found["within25"] == pytest.approx(1 / 3)
    assert found["spearman"] == 1.0


def test_rank_correlation_shares_ties_and_is_unknown_for_a_constant():
    assert spearman(np.array([1.0, 2.0, 2.0, 3.0]), np.array([1.0, 2.0, 2.0, 9.0])) == pytest.approx(1.0)
    assert spearman(np.array([3.0, 2.0, 1.0]), np.array([1.0, 2.0, 3.0])) == pytest.approx(-1.0)
    assert np.isnan(spearman(np.array([1.0, 1.0, 1.0]), np.array([1.0, 2.0, 3.0])))


def test_half_brams_are_counted_and_routed_figures_go_before_synthesised_ones():
    record = {"vsynth": {"lut": 5, "bram36": 2.5}, "postroute": {"lut": 4, "bram36": 1.5}}
    assert measured(record, "implemented") == {"lut": 4.0, "bram18": 3.0}
    assert measured({"vsynth": {"lut": 5, "bram36": 2.5}}, "implemented") == {"lut": 5.0, "bram18": 5.0}


def test_the_coefficients_that_ship_say_where_they_come_from_and_how_wrong_they_are():
    shipped = load_coefficients()
    assert shipped.provenance["designs"] > 200
    rows = shipped.provenance["errors"]
    assert {row["left_out"] for row in rows} == {"author", "design"}
    assert all(
        weight > 0 for kind in shipped.weights.values() for by in kind.values() for weight in by.values()
    )
    assert "in 2x" in format_table(rows)
    held = shipped.provenance["coverage"]
    assert {row["kind"] for row in held} == {"csynth", "implemented"}
    assert "inside 80 %" in format_coverage(held)


def test_the_command_without_data_says_where_to_point_it(tmp_path, capsys):
    assert main(["--data", str(tmp_path)]) == 2
    assert "designs.jsonl" in capsys.readouterr().err


@pytest.fixture(scope="module")
def shared():
    try:
        return shared_folder()
    except UserError:
        pytest.skip("the shared synthesis results are not here: set BITFRONT_SHARED to their folder")


@pytest.fixture(scope="module")
def refitted(shared):
    samples = load_samples(shared)
    return samples, *refit(samples)


def test_a_refit_gives_the_shipped_coefficients_again(refitted):
    _, plain, _ = refitted
    shipped = load_coefficients()
    for kind, by_quantity in shipped.weights.items():
        for quantity, weights in by_quantity.items():
            for name, weight in weights.items():
                assert plain["weights"][kind][quantity][name] == pytest.approx(weight, rel=0.02)


# What the issue asks of designs never seen, with the margin that a hundred designs leave.
AIMS = [
    ("csynth", "mlp", "lut", "spearman", 0.95, None),
    ("csynth", "mlp", "lut", "median", None, 15.0),
    ("csynth", "mlp", "lut", "within2", 0.95, None),
    ("csynth", "mlp", "dsp", "median", None, 20.0),
    ("csynth", "mlp", "latency_cycles", "median", None, 17.0),
    ("csynth", "mlp", "ii_cycles", "median", None, 10.0),
    ("csynth", "rnn", "lut", "median", None, 25.0),
    ("csynth", "rnn", "dsp", "median", None, 10.0),
    ("csynth", "rnn", "latency_cycles", "median", None, 10.0),
    ("csynth", "rnn", "ii_cycles", "median", None, 10.0),
    ("csynth", "cnn", "lut", "median", None, 25.0),
    ("csynth", "cnn", "lut", "within2", 0.75, None),
    ("csynth", "cnn", "latency_cycles", "median", None, 15.0),
    ("csynth", "cnn", "ii_cycles", "median", None, 10.0),
    ("csynth", "transformer", "lut", "median", None, 30.0),
    ("csynth", "transformer", "latency_cycles", "median", None, 15.0),
    ("csynth", "transformer", "ii_cycles", "median", None, 10.0),
    ("implemented", "cnn", "lut", "median", None, 30.0),
    ("implemented", "rnn", "lut", "median", None, 25.0),
    ("implemented", "transformer", "lut", "median", None, 25.0),
    ("implemented", "distributed", "lut", "median", None, 10.0),
]


@pytest.mark.parametrize(("kind", "family", "quantity", "score", "least", "most"), AIMS)
def test_designs_whose_author_was_left_out_are_estimated_within_the_aims(
    refitted, kind, family, quantity, score, least, most
):
    _, _, held = refitted
    rows = error_table(held)
    (row,) = [
        row
        for row in rows
        if (row["kind"], row["left_out"], row["family"], row["quantity"], row["era"])
        == (kind, "author", family, quantity, "all")
    ]
    assert least is None or row[score] >= least
    assert most is None or row[score] <= most


def test_every_routed_network_in_distributed_arithmetic_is_within_15_percent_of_its_cost(refitted):
    _, _, held = refitted
    ratios = [
        one.predicted["lut"] / one.truth["lut"]
        for one in held
        if one.sample.family == "distributed" and one.scheme == "author"
    ]
    assert len(ratios) == 20
    assert all(0.85 <= ratio <= 1.15 for ratio in ratios)


def test_kinds_of_one_network_come_in_their_true_order(refitted):
    _, _, held = refitted
    between = [row for row in ranks(held) if "between kinds" in row["group"]]
    assert len(between) == 2
    assert all(row["n"] == 30 and row["rank"] > 0.95 for row in between)


def test_choosing_a_front_by_estimate_loses_little_hypervolume(refitted):
    samples, _, held = refitted
    scores_ = {one.name: one.score for one in samples if one.score is not None}
    found = choices(held, scores_)
    assert found
    assert all(one.loss < 0.05 for one in found)


def test_hypervolume_is_lost_by_a_wrong_order_and_by_nothing_else():
    scores_, truth = [0.7, 0.8, 0.9, 0.6], [1e3, 1e4, 1e5, 1e6]
    assert hypervolume_loss(scores_, [cost * 3 for cost in truth], truth) == (3, 3, 0.0)
    front, kept, loss = hypervolume_loss(scores_, [1e6, 1e5, 1e4, 1e3], truth)
    assert (front, kept) == (3, 1)
    assert loss > 0.4


def test_a_sample_that_moves_a_weight_alone_is_named_with_the_factor():
    samples = [sample(n, adder, adder) for n, adder in enumerate(np.geomspace(1e3, 1e6, 20))]
    odd = sample(99, 0.0, 5e4, features={"table_index": 1000.0}, repo="odd/r")
    problem = Problem.of([*samples, odd], "lut", "csynth", {"adder": 1.0, "table_index": 12.0}, 1.2)
    (pull,) = pulls(problem)
    assert (pull.sample, pull.feature) == ("s99", "table_index")
    assert pull.factor > 2
    assert pulls(Problem.of(samples, "lut", "csynth", {"adder": 1.0}, 1.2)) == []


@pytest.mark.parametrize("kind", ["csynth", "implemented"])
@pytest.mark.parametrize("quantity", ["lut", "ff", "dsp", "bram18", "latency_cycles", "ii_cycles"])
def test_intervals_hold_about_80_percent_of_the_designs_of_authors_left_out(refitted, kind, quantity):
    _, _, held = refitted
    (row,) = [
        row
        for row in coverage(held)
        if (row["kind"], row["family"], row["quantity"]) == (kind, "all", quantity)
    ]
    # figures that are often right to the digit (intervals of a pipeline, DSPs) lie on the end of an interval
    assert 0.7 <= row["share"] <= 0.93


def test_an_end_to_end_estimate_has_the_interval_of_the_shipped_errors(shared):
    with (shared / "designs.jsonl").open(encoding="utf-8") as lines:
        found = next(row for line in lines if not (row := estimate_record(json.loads(line))).get("reason"))
    errors = load_coefficients().errors_of("csynth", found["family"])["lut"]
    assert found["lut_interval"] == pytest.approx(interval(found["lut"], errors), abs=0.1)


def test_a_file_of_records_gets_a_line_for_each_with_intervals_or_a_reason(shared, tmp_path):
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    lines = (shared / "designs.jsonl").read_text(encoding="utf-8").splitlines()[::9]
    source.write_text("\n".join([*lines, "not json", "[1]", "{}"]) + "\n", encoding="utf-8")
    result = estimate_file(source, target)
    rows = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == len(lines) + 3
    assert result.estimated + len(result.refused) == len(rows)
    assert all(row["reason"] for row in rows[-3:])
    for row, line in zip(rows, lines, strict=False):
        assert row["id"] == json.loads(line)["id"]
        if "reason" in row:
            continue
        for name in ("lut", "ff", "dsp", "bram18", "uram", "latency_cycles", "ii_cycles"):
            low, high = row[f"{name}_interval"]
            assert low <= row[name] + 0.5
            assert row[name] - 0.5 <= high
        assert row["kind"] == "csynth"
        assert len(row["layers"]) >= 1


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match=r"none\.jsonl"):
        estimate_file(tmp_path / "none.jsonl", tmp_path / "out.jsonl")


def test_input_and_output_must_differ(tmp_path):
    path = tmp_path / "same.jsonl"
    path.write_text("{}\n", encoding="utf-8")
    with pytest.raises(UserError, match="another output"):
        estimate_file(path, path)
    assert path.read_text(encoding="utf-8") == "{}\n"


def test_a_design_of_ones_own_goes_through_the_same_file(tmp_path):
    own = {
        "version": 1, "name": "mine", "part": "u250", "clock_ns": 5.0,
        "layers": [
            {
                "name": "d", "op": "dense", "inputs": ["fixed<8,2>"], "result": "fixed<16,6>",
                "sizes": {"n_in": 4, "n_out": 4}, "types": {"weight": "fixed<6,1>"}, "weights": {},
            }
        ],
    }  # fmt: skip
    row = estimate_record(own)
    assert row["id"] == "mine"
    assert row["lut"] > 0


def test_shared_data_is_found_through_the_environment(tmp_path, monkeypatch):
    (tmp_path / "csynth").mkdir()
    (tmp_path / "csynth" / "designs.jsonl").write_text("", encoding="utf-8")
    monkeypatch.setitem(os.environ, "BITFRONT_SHARED", str(tmp_path))
    assert shared_folder() == Path(tmp_path) / "csynth"


def test_the_page_on_estimates_has_the_tables_of_the_errors_that_ship():
    page = (Path(__file__).parents[1] / "docs" / "estimates.md").read_text(encoding="utf-8")
    shipped = load_coefficients()
    for lines in (error_lines(shipped), coverage_lines(shipped)):
        assert "\n".join(lines) in page, "python -m bitfront.experiments.calibration.tables prints them"
