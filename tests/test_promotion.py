"""Training goes to candidates that are expected to gain by it, from the nearest weights where these help."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pytest
import small_study
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from bitfront.search import Evaluator, load_problem, load_study
from bitfront.search.evaluator.promotion import LEAST_TRAINED, Fit, Promotion
from bitfront.search.evaluator.training import nearest
from bitfront.search.problem.float_model import train_float
from bitfront.search.quantities import Limit
from bitfront.search.trials.evaluation import Evaluation
from bitfront.search.trials.front import Box, hypervolume
from bitfront.search.trials.objectives import Metric, constraints_of, parse_objectives

METRIC = Metric("accuracy", "maximize", 1.0)
OBJECTIVES = parse_objectives(["accuracy", "ebops"], METRIC)
BOX = Box((-0.9, 0.0), (-0.5, 20.0))
LONG = ["training.epochs=4", "training.float_epochs=8", "sampler=random"]


def trained(number, ptq, gain, ebops, **other):
    """A candidate that was trained for three epochs."""
    rows = tuple({"epoch": n, "loss": 0.1, "metric": ptq + gain * n / 3} for n in (1, 2, 3))
    return Evaluation(
        number=number,
        digest=f"{number:04x}",
        method="qat",
        status="complete",
        fidelity="full",
        params={"a": number % 7, "b": 3, "method": "qat"},
        metrics={"ptq": ptq, "qat": ptq + gain, "score": ptq + gain},
        resources={"ebops": ebops},
        history=rows,
        **other,
    )


def known(law=lambda gap: 0.5 * gap, count=30):
    """Candidates whose training regains a known part of what rounding lost."""
    rng = np.random.default_rng(4)
    found = []
    for number in range(count):
        ebops = float(2 ** rng.uniform(8, 16))
        gap = rng.uniform(0.0, 0.3)
        found.append(trained(number, 0.9 - gap, law(gap), ebops))
    return found


def promotion(evaluations, constraints=(), least=0.001):
    return Promotion.of(evaluations, OBJECTIVES, BOX, constraints, 0.9, least=least, short_epochs=1)


def test_what_training_gains_is_learnt_from_those_that_were_trained():
    """Half of what rounding lost is regained: the fit says so, within its own spread."""
    fit = Fit.of([(gap, 1000.0, 0.5 * gap) for gap in np.linspace(0, 0.3, 40)])
    assert fit.gains(0.2, 1000.0).mean() == pytest.approx(0.1, abs=0.01)
    assert fit.gains(0.0, 1000.0).min() >= 0.0


def test_everything_is_trained_until_enough_is_known():
    """A fit of a few says nothing."""
    assert promotion(known(count=LEAST_TRAINED - 1)) is None
    assert promotion(known(count=LEAST_TRAINED)) is not None


def test_the_expected_gain_is_the_hypervolume_that_the_trained_candidate_adds():
    """Under a law without spread it is what the hypervolume itself says of that candidate."""
    seen = known()
    likely = trained(99, 0.8, 0.05, 300.0)
    added = hypervolume([*seen, likely], OBJECTIVES, BOX) - hypervolume(seen, OBJECTIVES, BOX)
    assert promotion(seen).expected("rounded", 0.8, {"ebops": 300.0}) == pytest.approx(added, rel=0.05)


def test_a_candidate_that_others_beat_even_trained_is_not_trained():
    """One far cheaper than all others at the same score is."""
    seen = [*known(), trained(50, 0.88, 0.01, 300.0)]
    decide = promotion(seen)
    assert not decide.worth("rounded", 0.8, {"ebops": 60000.0})
    assert decide.worth("rounded", 0.85, {"ebops": 100.0})


def test_a_gain_that_stays_below_the_least_metric_is_none():
    """A constraint on the metric counts in the expectation."""
    limits = constraints_of({"metric": Limit(0.89)}, METRIC)
    assert promotion(known(), limits).expected("rounded", 0.7, {"ebops": 100.0}) == 0.0
    assert promotion(known()).expected("rounded", 0.7, {"ebops": 100.0}) > 0.0


def test_the_short_rung_is_judged_by_scores_after_its_epochs():
    """After a third of a training, two thirds of its gain are still to come."""
    fit = promotion(known()).fits["short"]
    gap = 0.2 - 0.5 * 0.2 / 3  # what is left of 0.2 after the first epoch
    assert fit.gains(gap, 2.0**12).mean() == pytest.approx(0.5 * 0.2 * 2 / 3, abs=0.01)


def test_the_nearest_trained_candidate_is_the_one_whose_bits_differ_least():
    """Rounded ones don't count; of equals the first is taken."""
    others = [trained(n, 0.7, 0.1, 100.0) for n in range(6)]
    others[4] = replace(others[4], method="ptq")
    assert nearest({"a": 4, "b": 3, "method": "qat"}, others).number == 3
    assert nearest({"a": 4}, [others[4]]) is None


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """The same small study, trained wholly and by promotion, and one that inherits."""
    found = {}
    for name, extra in (
        ("whole", []),
        ("promoted", ["fidelity.least_gain=0.002"]),
        ("inheriting", ["fidelity.start=nearest"]),
    ):
        file = small_study.write(tmp_path_factory.mktemp(name))
        found[name] = small_study.run(file, *LONG, *extra, trials=60), file.parent / "studies" / "small"
    return found


def epochs(evaluations):
    return sum(row["epoch"] > 0 for e in evaluations.values() for row in e.history)


def test_promotion_trains_fewer_epochs_for_nearly_the_same_front(studies):
    """Each trial says how far it went, in its file and in Optuna's storage."""
    (whole, folder), (promoted, other) = studies["whole"], studies["promoted"]
    objectives = parse_objectives(["accuracy", "lut"], METRIC)
    box = Box.from_json(json.loads((folder / "reference.json").read_text())["box"])
    volumes = [hypervolume(list(one.values()), objectives, box) for one in (whole, promoted)]
    told = {e.fidelity for e in promoted.values()}
    stored = optuna.load_study(
        study_name="bitfront", storage=JournalStorage(JournalFileBackend(str(Path(other) / "journal.log")))
    )

    assert epochs(promoted) < 0.8 * epochs(whole)
    assert volumes[1] > 0.95 * volumes[0]
    assert {"ptq", "full"} <= told <= {"ptq", "short", "full"}
    for trial in stored.trials:
        evaluation = promoted[trial.number]
        assert trial.user_attrs["fidelity"] == evaluation.fidelity
        assert trial.user_attrs["method"] == evaluation.method


def test_a_training_whose_rest_promises_nothing_ends_after_its_short_epochs(tmp_path):
    """Rounding promised much, the first epoch nothing more: the score of that epoch counts."""
    file = small_study.write(tmp_path)
    problem = load_problem(load_study(file, LONG), file.parent)
    train_float(problem)
    evaluator = Evaluator(problem)
    objectives = parse_objectives(["accuracy", "lut"], evaluator.metric_record)
    much, nothing = (Fit(np.zeros(4), np.full(3, gain)) for gain in (50.0, 0.0))
    front = np.array([[-20.0, -5.0]])  # far better than the float model, and very cheap
    decide = Promotion(
        objectives,
        evaluator.box(objectives),
        (),
        evaluator.float_score,
        front,
        {"rounded": much, "short": nothing},
        0.001,
        1,
    )
    params = evaluator.space.uniform(4, "qat")
    short, _ = evaluator.evaluate(0, params, promotion=decide)
    whole, _ = evaluator.evaluate(0, params)

    assert (short.fidelity, len(short.history)) == ("short", 1)
    assert (whole.fidelity, len(whole.history)) == ("full", 4)
    assert short.history[0] == whole.history[0]


def test_a_training_that_is_given_up_stops_after_its_short_epochs(studies):
    """Those that were not worth a training have none; uniform baselines always have it whole."""
    promoted, _ = studies["promoted"]
    for e in promoted.values():
        length = {"ptq": 0, "short": 1, "full": 4}[e.fidelity]
        assert len(e.history) == length, e
        if e.kind == "uniform" and e.params["method"] == "qat":
            assert e.fidelity == "full"


def test_a_training_from_inherited_weights_begins_where_they_score(studies):
    """Their score is epoch 0, better than that of the rounded float weights, and named by its trial."""
    found, _ = studies["inheriting"]
    heirs = [e for e in found.values() if e.start != "float"]
    assert heirs
    for e in heirs:
        donor = found[int(e.start.removeprefix("trial "))]
        assert donor.number < e.number
        assert donor.method == "qat"
        assert e.history[0]["epoch"] == 0
        assert e.history[0]["metric"] > e.metrics["ptq"]
        assert e.score >= e.metrics["ptq"]


def test_the_record_of_a_fidelity_survives_its_file(studies):
    """What is written is read again."""
    for evaluations, _ in studies.values():
        for e in evaluations.values():
            again = Evaluation.from_json(json.loads(json.dumps(e.to_json())))
            assert (again.fidelity, again.start) == (e.fidelity, e.start)
