"""What ranks candidates beyond accuracy: working points, single classes, reconstruction errors, arrays beside
the targets, and noise on the inputs; scikit-learn and NumPy are the witnesses.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from bitfront.search import StudyConfig
from bitfront.search.config.noise import NoiseConfig
from bitfront.search.evaluator.evaluator import Evaluator
from bitfront.search.evaluator.noise import disturbed
from bitfront.search.problem.beside import Beside
from bitfront.search.problem.data import Shape, check, read_npz
from bitfront.search.problem.labels import Output
from bitfront.search.problem.load import load_problem
from bitfront.search.problem.metrics import build_ranking
from bitfront.search.trials.evaluation import Evaluation
from bitfront.search.trials.front import pareto, pick
from bitfront.search.trials.objectives import parse_objectives
from bitfront.spaces import UserError

SEEDS = st.integers(0, 2**32 - 1)
LEVELS = st.sampled_from([2, 5, 1000])
"""Different scores that a sample may have: few make ties."""


def ranking(metric, task="multiclass", folder=Path()):
    config = StudyConfig(model="m.py:f", data="d.py:f", task=task, metric=metric)
    return build_ranking(config, folder)({"y": task})


def drawn(seed, levels, classes=4, samples=400):
    """Return labels and scores that know a little of them, rounded to so many levels."""
    rng = np.random.default_rng(seed)
    labels = np.r_[np.arange(classes), rng.integers(0, classes, samples - classes)]
    scores = np.eye(classes)[labels] + rng.normal(size=(samples, classes))
    return labels, np.round(scores * levels / 4) / levels


def curve(labels, scores):
    """Return shares of background and of signal above each threshold, by scikit-learn."""
    background, signal, _ = sk.roc_curve(labels, scores, drop_intermediate=False)
    return background, signal


OVER = {"mean": np.mean, "worst": np.min, 2: lambda found: found[2]}


@pytest.mark.parametrize("over", OVER)
@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, levels=LEVELS)
def test_working_points_of_several_classes_are_scikit_learns_curves_one_versus_rest(over, seed, levels):
    labels, scores = drawn(seed, levels)
    curves = [curve(labels == one, scores[:, one]) for one in range(4)]
    least = 1 / np.array([np.count_nonzero(labels != one) for one in range(4)])
    rejections = [
        1 / max(np.interp(0.8, signal, background), low)
        for (background, signal), low in zip(curves, least, strict=True)
    ]
    efficiencies = [np.interp(0.05, background, signal) for background, signal in curves]
    areas = [sk.roc_auc_score(labels == one, scores[:, one]) for one in range(4)]

    def found(name, **options):
        return ranking({"name": name, "over_classes": over, **options})([labels], [scores])

    assert found("background_rejection", signal_efficiency=0.8) == pytest.approx(OVER[over](rejections))
    assert found("efficiency_at_fpr", false_positive_rate=0.05) == pytest.approx(OVER[over](efficiencies))
    assert found("roc_auc") == pytest.approx(OVER[over](areas))


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, levels=LEVELS)
def test_efficiency_at_a_rate_is_the_highest_that_scikit_learns_curve_reaches_there(seed, levels):
    labels, scores = drawn(seed, levels, classes=2)
    score = scores[:, 1] - scores[:, 0]
    background, signal = curve(labels, score)
    for rate in (0.01, 0.3, background[len(background) // 2]):
        if 0 < rate < 1:
            metric = {"name": "efficiency_at_fpr", "false_positive_rate": float(rate)}
            found = ranking(metric, "binary")([labels], [score[:, None]])
            assert found == pytest.approx(np.interp(rate, background, signal))
            if rate in background:
                assert found == signal[background == rate].max()


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_recall_and_f1_of_the_mean_and_the_worst_class_are_scikit_learns(seed):
    labels, scores = drawn(seed, 10**9)
    guessed = scores.argmax(axis=1)
    recalls = sk.recall_score(labels, guessed, average=None)
    parts = sk.f1_score(labels, guessed, average=None)
    for over, of in OVER.items():
        assert ranking({"name": "f1", "over_classes": over})([labels], [scores]) == pytest.approx(of(parts))
        metric = {"name": "balanced_accuracy", "over_classes": over}
        assert ranking(metric)([labels], [scores]) == pytest.approx(of(recalls))
    two, logits = labels % 2, scores[:, :1]
    f1 = ranking("f1", "binary").on_logits([True])([two], [logits])
    assert f1 == pytest.approx(sk.f1_score(two, logits[:, 0] > 0, average="macro"))


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_f1_of_undecided_classes_lies_between_the_worst_and_the_best_way_they_may_fall(seed):
    labels, scores = drawn(seed, 2)
    outcome = ranking("f1").outcome([labels], [scores])

    assert outcome.ties["worst"] <= outcome.ties["expected"] <= outcome.ties["best"]
    lowest = sk.f1_score(labels, scores.argmax(axis=1), average="macro")
    assert outcome.ties["lowest"] == pytest.approx(lowest)


def test_expected_f1_is_the_f1_of_expected_counts_when_tied_classes_draw_lots():
    labels, scores = drawn(3, 1, classes=3, samples=60)
    rng = np.random.default_rng(0)
    table = np.zeros((3, 3))
    for _ in range(400):
        broken = scores + 1e-6 * rng.random(scores.shape)
        table += sk.confusion_matrix(labels, broken.argmax(axis=1)) / 400
    f1 = [2 * table[c, c] / (table[c].sum() + table[:, c].sum()) for c in range(3)]

    assert ranking("f1")([labels], [scores]) == pytest.approx(np.mean(f1), abs=0.02)


def test_a_class_that_the_samples_lack_is_named_with_those_that_they_have():
    labels, scores = drawn(1, 9)
    with pytest.raises(UserError, match=r"over_classes = 7.*use one of 0, 1, 2, 3"):
        ranking({"name": "f1", "over_classes": 7})([labels], [scores])


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ({"name": "mse", "over_classes": "worst"}, "metric.over_classes has no effect on mse: it is for"),
        ({"name": "accuracy", "false_positive_rate": 0.1}, "it is for efficiency_at_fpr"),
        ({"name": "f1", "over_classes": "least"}, "over_classes"),
    ],
)
def test_options_that_do_not_fit_the_metric_are_refused(metric, words):
    with pytest.raises(UserError, match=words):
        StudyConfig(model="m.py:f", data="d.py:f", task="regression" if metric["name"] == "mse" else "binary",
                    metric=metric)  # fmt: skip


# -- reconstruction errors, and what stands beside the targets -----------------------------------------------


def anomalies(seed=0, samples=300):
    """Return inputs of which the last third lie off the plane of the others, and which do."""
    rng = np.random.default_rng(seed)
    x = np.tanh(rng.normal(size=(samples, 2)) @ np.array([[1, 0.5, -1, 0.2], [0.3, -1, 0.1, 1]]))
    off = np.arange(samples) >= 2 * samples // 3
    x[off] += rng.normal(size=(off.sum(), 4))
    order = rng.permutation(samples)
    return x[order].astype("float32"), off[order].astype("int64")


def autoencoder():
    return keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(2, activation="relu"), keras.layers.Dense(4)]
    )


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, levels=LEVELS)
def test_the_area_of_a_reconstruction_error_is_scikit_learns_of_each_samples_mean_square(seed, levels):
    x, labels = anomalies(seed)
    outputs = np.round(x * levels / 4) / levels
    beside = Beside((x,), {"labels": labels})

    found = ranking("reconstruction_auc", "regression")([x], [outputs], beside)

    assert found == pytest.approx(sk.roc_auc_score(labels, ((x - outputs) ** 2).mean(axis=1)), abs=1e-9)


def forms(x, labels):
    """Return the ways in which data may bring inputs as targets with labels beside them."""
    splits = {"train": slice(0, 150), "val": slice(150, 220), "test": slice(220, 300)}
    inputs = {f"x_{one}": x[rows] for one, rows in splits.items()}
    targets = {f"y_{one}": x[rows] for one, rows in splits.items()}
    numbers = {f"y_{one}": labels[rows] for one, rows in splits.items()}
    extra = {f"extra_{one}": {"labels": labels[rows]} for one, rows in splits.items()}
    return {
        "targets, and labels beside": inputs | targets | extra,
        "labels beside, the inputs are the targets": inputs | extra,
        "labels in the targets' place": inputs | numbers,
        "three of x, y and what is beside": tuple(
            (x[rows], x[rows], {"labels": labels[rows]}) for rows in splits.values()
        ),
    }


@pytest.mark.parametrize("form", forms(*anomalies()))
def test_an_autoencoder_is_ranked_by_its_error_however_the_labels_are_brought(form):
    x, labels = anomalies()
    config = StudyConfig(
        model=autoencoder(), data=forms(x, labels)[form], task="regression", metric="reconstruction_auc",
        space={"method": "ptq"},
    )  # fmt: skip
    problem = load_problem(config, Path())
    outputs = problem.model.predict(problem.data.x_val[0], verbose=0)
    error = ((outputs - x[150:220]) ** 2).mean(axis=1)

    assert np.array_equal(problem.data.y_train[0], x[:150])
    assert Evaluator(problem).float_score == pytest.approx(sk.roc_auc_score(labels[150:220], error))


def test_labels_travel_with_their_samples_into_a_validation_split():
    x, labels = anomalies()
    raw = {"x_train": x[:200], "y_train": x[:200], "extra_train": {"labels": labels[:200], "row": x[:200]},
           "x_test": x[200:], "y_test": x[200:], "extra_test": {"labels": labels[200:]}}  # fmt: skip
    found = check(raw, Shape({"x": (4,)}, {"y": Output((4,), "regression")}), "data", 0.25, 1)

    assert len(found.extra["val"]["labels"]) == 50
    assert np.array_equal(found.extra["val"]["row"], found.x_val[0])
    assert found.digest != check(
        raw | {"extra_test": {"labels": 1 - labels[200:]}},
        Shape({"x": (4,)}, {"y": Output((4,), "regression")}), "data", 0.25, 1,
    ).digest  # fmt: skip


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"extra_val": None}, r"extra_val\['labels'\] is missing, which reconstruction_auc compares"),
        ({"extra_val": {"labels": np.zeros(70)}}, "holds only 0: mix anomalies"),
        ({"extra_val": {"labels": np.full(70, 2)}}, "isn't one 0 or 1 a sample"),
        ({"extra_val": {"labels": np.zeros(3)}}, "has 3 samples and x 70"),
        ({"extra_val": np.zeros(70)}, "isn't a mapping of names to arrays"),
        ({"extra_vol": {}}, "did you mean 'extra_val'"),
    ],
)
def test_labels_that_do_not_fit_are_named_before_anything_is_trained(change, words):
    data = forms(*anomalies())["targets, and labels beside"] | change
    config = StudyConfig(model=autoencoder(), data=data, task="regression", metric="reconstruction_auc")
    with pytest.raises(UserError, match=words):
        load_problem(config, Path())


def test_arrays_beside_are_read_from_an_npz(tmp_path):
    x, labels = anomalies()
    np.savez(tmp_path / "d.npz", x_val=x, **{"extra_val.labels": labels})

    assert np.array_equal(read_npz(tmp_path / "d.npz")["extra_val"]["labels"], labels)


def test_a_users_metric_sees_the_inputs_and_the_arrays_that_it_names(tmp_path):
    (tmp_path / "m.py").write_text(
        "def weighed(y, s, weight, *, inputs, missing=2.0):\n"
        "    return float((weight * (s[:, 0] - inputs[:, 0]) ** 2).sum() * missing)\n"
        "def wants(y, s, energy):\n    return 1.0\n"
    )
    x, labels = anomalies()
    rng = np.random.default_rng(1)
    outputs, weight = rng.normal(size=x.shape), rng.random(len(x))
    beside = Beside((x,), {"weight": weight, "labels": labels})
    metric = {"name": "m.py:weighed", "direction": "minimize"}
    found = ranking(metric, "regression", tmp_path)([x], [outputs], beside)

    assert found == pytest.approx(2 * np.sum(weight * (outputs[:, 0] - x[:, 0]) ** 2))
    with pytest.raises(UserError, match="missing a required argument: 'energy'"):
        ranking("m.py:wants", "regression", tmp_path)([x], [outputs], beside)


# -- noise on the inputs -------------------------------------------------------------------------------------


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_noise_has_the_stated_deviation_of_each_feature_and_repeats_with_its_seed(distribution):
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(4000, 3)) * [1, 10, 0]).astype("float32")
    noise = NoiseConfig(size=0.2, distribution=distribution, draws=2)
    first, second = (one[0] - x for one in disturbed([x], [x], noise, 1))

    assert first.std(axis=0) == pytest.approx([0.2, 2, 0], rel=0.05, abs=1e-6)
    assert abs(np.corrcoef(first[:, 0], second[:, 0])[0, 1]) < 0.1
    assert np.array_equal(disturbed([x], [x], noise, 1)[0][0] - x, first)
    assert not np.array_equal(disturbed([x], [x], noise, 2)[0][0] - x, first)
    alike = disturbed([x], [x], NoiseConfig(size=0.5, relative_to="one"), 1)[0][0] - x
    assert alike.std(axis=0) == pytest.approx([0.5, 0.5, 0.5], rel=0.05)


@pytest.fixture(scope="module")
def noisy():
    """An evaluator of a study with noise, an objective and a limit on what it takes, and two evaluations."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(900, 5)).astype("float32")
    y = (x @ np.array([1.0, -1, 0.5, 0, 0]) > 0).astype("int64")
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)])
    model.set_weights([np.array([[1.0], [-1], [0.5], [0], [0]], "float32"), np.zeros(1, "float32")])
    config = StudyConfig(
        model=model, task="binary", metric="accuracy", noise={"size": 0.3, "draws": 3},
        data={"x_train": x[:300], "y_train": y[:300], "x_val": x[300:600], "y_val": y[300:600],
              "x_test": x[600:], "y_test": y[600:]},
        objectives=["metric", "lut", "noise_drop"], constraints={"noise_drop": 0.12},
        space={"weights": "2..8", "activations": "2..8", "method": "ptq"}, model_trained=True,
    )  # fmt: skip
    evaluator = Evaluator(load_problem(config, Path()))
    found = [evaluator.evaluate(n, evaluator.space.uniform(bits, "ptq"))[0] for n, bits in enumerate((8, 2))]
    return evaluator, found


def test_what_noise_takes_is_the_metric_on_the_disturbed_inputs_against_the_float_model(noisy):
    evaluator, (wide, _) = noisy
    data, noise = evaluator.problem.data, evaluator.problem.config.noise
    types = evaluator.costs.types(evaluator.space.candidate(wide.params))
    accuracies = []
    for (inputs,) in disturbed(data.x_val, data.x_train, noise, 1):
        evaluator.bit_true.assign(types)
        guessed = evaluator.bit_true.predict([inputs])[0][:, 0] > 0
        accuracies.append(np.mean(guessed == data.y_val[0]))

    assert wide.resources["noise_drop"] == pytest.approx(
        evaluator.float_score - np.mean(accuracies), abs=0.01
    )
    assert wide.resources["noise_drop"] > 0.03


def test_what_noise_takes_is_an_objective_a_limit_and_a_condition_like_other_quantities(noisy, tmp_path):
    evaluator, (wide, narrow) = noisy
    objectives = parse_objectives(evaluator.problem.config.objectives, evaluator.metric_record)
    box = evaluator.box(objectives)
    again = Evaluation.read(wide.write(tmp_path) if wide.write(tmp_path) else tmp_path)

    assert [o.title for o in objectives] == ["Accuracy", "C-synthesis LUT", "Drop under noise"]
    assert box.reference[2] > box.ideal[2] == 0
    assert wide.constraints["noise_drop"] == pytest.approx(wide.resources["noise_drop"] / 0.12 - 1)
    assert not narrow.feasible
    assert again.resources["noise_drop"] == wide.resources["noise_drop"]
    assert [e.number for e in pareto([wide, narrow], objectives)] == [0]
    assert pick([wide, narrow], objectives, "noise_drop<0.2", evaluator.metric_record).number == 0


def test_an_objective_under_noise_needs_a_stated_noise():
    given = {"model": "m.py:f", "data": "d.py:f", "task": "binary"}
    with pytest.raises(UserError, match="objectives has noise_drop, but noise is missing: add noise"):
        StudyConfig(**given, objectives=["metric", "noise_drop"])
    with pytest.raises(UserError, match="constraints has noise_drop"):
        StudyConfig(**given, constraints={"noise_drop": 0.1})
    assert StudyConfig(**given, noise=0.2).noise.size == 0.2
    assert StudyConfig(**given).digest != StudyConfig(**given, noise=0.2).digest
