"""Outputs of few bits are often equal: what that does to a score is counted as the study says, recorded and
told.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import small_study
from plausible import plausible, reference
from rich.console import Console

from bitfront.search import StudyConfig, load_study, read_evaluations
from bitfront.search.bundle.reload import candidate_artifacts
from bitfront.search.bundle.score import score_lines, write_score
from bitfront.search.cli import main
from bitfront.search.evaluator.evaluator import Evaluator
from bitfront.search.problem.beside import Beside
from bitfront.search.problem.load import load_problem
from bitfront.search.problem.metric_functions import accuracy, balanced_accuracy, log_odds, roc_auc
from bitfront.search.problem.metrics import build_ranking
from bitfront.search.problem.score_warnings import float_warnings, trial_warnings
from bitfront.search.quantities import METRICS
from bitfront.search.tracking.content import run_metrics
from bitfront.search.trials.evaluation import Evaluation
from bitfront.search.trials.files import trial_folder
from bitfront.search.trials.reference import Reference
from bitfront.spaces import UserError


def coarse(samples: int, classes: int, levels: int, seed: int = 0):
    """Return labels, and logits of few levels, so that many are equal."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, classes, samples), rng.integers(0, levels, (samples, classes)) / 4.0


def lots(labels, logits):
    """Return the accuracy over every way in which the tied classes of each sample may draw lots, exactly."""
    total = Fraction(0)
    for label, row in zip(labels, logits, strict=True):
        winners = [one for one, value in enumerate(row) if value == max(row)]
        total += Fraction(sum(one == label for one in winners), len(winners))
    return total / len(labels)


def ranking(metric, tasks):
    task = next(iter(tasks.values())) if len(tasks) == 1 else dict(tasks)
    return build_ranking(StudyConfig(model="m.py:f", data="d.py:f", task=task, metric=metric), Path())(tasks)


@pytest.mark.parametrize(("classes", "levels"), [(2, 2), (3, 2), (5, 3), (10, 4)])
def test_a_tied_sample_counts_as_if_its_classes_drew_lots(classes, levels):
    labels, logits = coarse(500, classes, levels)

    assert accuracy(labels, logits, True) == pytest.approx(float(lots(labels, logits)), abs=1e-12)
    assert accuracy(labels, logits, True, "lowest") == np.mean(logits.argmax(1) == labels)
    by_rule = [accuracy(labels, logits, True, fall) for fall in ("worst", "expected", "best")]
    assert by_rule == sorted(by_rule)
    assert by_rule[0] < by_rule[2]


def test_how_classes_are_numbered_changes_no_score_but_that_of_the_lowest():
    """What a search ranks by says something of a network, not of the order in which somebody listed the
    classes.
    """
    labels, logits = coarse(400, 4, 3)
    of = {"accuracy": accuracy, "balanced_accuracy": balanced_accuracy, "roc_auc": roc_auc}
    seen: dict[str, set[float]] = {name: set() for name in [*of, "lowest"]}
    for order in itertools.permutations(range(4)):
        again = np.argsort(order)[labels], logits[:, order]
        for name, metric in of.items():
            seen[name].add(round(metric(*again, True), 12))
        seen["lowest"].add(accuracy(*again, True, "lowest"))

    assert [len(seen[name]) for name in of] == [1, 1, 1]
    assert len(seen["lowest"]) > 1


def test_of_one_output_a_tie_is_a_logit_of_zero_or_a_probability_of_one_half():
    labels, logits = np.array([0, 1, 1, 0]), np.array([[0.0], [0.0], [2.0], [-1.0]])
    of = ranking("accuracy", {"y": "binary"}).on_logits([True])

    assert of([labels], [logits]) == 0.75
    assert ranking("accuracy", {"y": "binary"})([labels], [np.array([0.5, 0.5, 0.9, 0.1])]) == 0.75
    found = of.outcome([labels], [logits]).ties
    assert (found["share"], found["lowest"], found["worst"], found["best"]) == (0.5, 0.75, 0.5, 1.0)


def test_balanced_accuracy_is_scikit_learns():
    from sklearn.metrics import balanced_accuracy_score

    rng = np.random.default_rng(3)
    labels = rng.choice(4, 600, p=[0.9, 0.06, 0.04, 0.0])
    logits = rng.normal(size=(600, 4)) + 2 * np.eye(4)[labels]
    with pytest.warns(UserWarning, match="y_pred contains classes not in y_true"):
        expected = balanced_accuracy_score(labels, logits.argmax(1))

    assert balanced_accuracy(labels, logits, True) == pytest.approx(expected, abs=1e-12)
    constant = np.broadcast_to([1.0, 0.0, 0.0, 0.0], (600, 4))
    assert balanced_accuracy(labels, constant, True) == pytest.approx(1 / 3)


def test_logits_that_a_softmax_would_round_to_the_same_probability_stay_apart():
    """And those that it would tell apart by the order in which it adds, though they are equal, don't."""
    labels = np.array([0, 1, 0, 1])
    assert roc_auc(labels, np.array([40.0, 41.0, 42.0, 43.0]), True) == 0.75
    sure = np.array([[0.0, 0.0, 40.0], [0.0, 0.0, 50.0]])
    assert np.diff(log_odds(sure)[:, 2]) == pytest.approx(10.0)
    rows = np.array([[2.0, *rest] for rest in itertools.permutations((0.5, 1.25, 0.75, -3.0))])
    assert len(set(log_odds(rows)[:, 0])) == 1


@pytest.mark.parametrize("name", sorted(METRICS))
@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint8, bool])
def test_every_metric_takes_labels_of_every_integer_kind(name, dtype):
    task = "binary" if "binary" in METRICS[name].tasks else "regression"
    labels = np.array([0, 1, 1, 0]).astype(dtype)
    of = ranking(name, {"y": task}).on_logits([True])
    found = of.outcome(
        [labels[:, None] if task == "regression" else labels],
        [np.array([[0.0], [1.0], [0.5], [-1.0]])],
        Beside((), {"labels": labels}),
    )

    assert np.isfinite(found.score)
    assert (
        set(found.ties)
        == {
            "accuracy": {"share", "expected", "lowest", "worst", "best"},
            "balanced_accuracy": {"share", "expected", "lowest", "worst", "best"},
            "f1": {"share", "expected", "lowest", "worst", "best"},
            "roc_auc": {"pairs"},
            "efficiency_at_fpr": {"pairs"},
            "background_rejection": {"pairs"},
            "mse": set(),
            "reconstruction_auc": set(),
        }[name]
    )
    assert found.recall == ({} if task == "regression" else {"y": (0.75, 1.0)})


def test_of_several_outputs_the_share_is_the_largest_of_those_that_count():
    tasks = {"a": "binary", "b": "multiclass", "c": "regression"}
    truth = [np.array([0, 1]), np.array([2, 0]), np.zeros((2, 1))]
    scores = [np.array([[0.0], [1.0]]), np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 1.0]]), np.zeros((2, 1))]
    of = ranking({"name": "accuracy", "output": "b"}, tasks).on_logits([True, True, False])
    found = of.outcome(truth, scores)

    assert found.ties["share"] == 1.0
    assert found.score == pytest.approx((1 / 3 + 1 / 2) / 2)
    assert found.recall == {"a": (0.5, 1.0), "b": (0.5, None, pytest.approx(1 / 3))}
    both = ranking("accuracy", {"a": "binary", "b": "multiclass"}).on_logits([True, True])
    assert both.outcome(truth[:2], scores[:2]).ties["share"] == 1.0
    assert both.outcome(truth[:2], scores[:2]).ties["lowest"] == (1.0 + 0.5) / 2


def test_a_rule_that_is_unknown_is_refused_with_the_nearest():
    with pytest.raises(UserError, match=r"metric\.ties = 'lowst' isn't known: did you mean 'lowest'\?"):
        StudyConfig(
            model="m.py:f", data="d.py:f", task="binary", metric={"name": "accuracy", "ties": "lowst"}
        )


# -- in a study ----------------------------------------------------------------------------------------------


FEW_BITS = "space={weights: 3, activations: 3, input: 4, method: [ptq]}"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a study of three bits that ran, and what it said."""
    folder = tmp_path_factory.mktemp("ties")
    file = small_study.write(folder)
    with (folder / "said.txt").open("w") as said:
        console = Console(file=said, width=400)
        small_study.run(file, FEW_BITS, "training.float_epochs=10", trials=4, console=console)
    return folder


def folder_of(place) -> Path:
    return place / "studies" / "small"


def test_a_study_records_the_ties_of_each_candidate_and_says_so_everywhere(place, capsys, monkeypatch):
    """By its evaluation alone the score is known for each way in which the ties may fall."""
    (e,) = read_evaluations(folder_of(place))
    labels = load_problem(load_study(place / "study.yaml"), place).data.y_val[0]

    assert e.ties["share"] > 0.01
    assert e.score == e.ties["expected"]
    assert e.ties["worst"] <= e.ties["lowest"] <= e.ties["best"]
    counts = np.bincount(labels, minlength=3)
    assert sum(r * n for r, n in zip(e.recall["out"], counts, strict=True)) / len(labels) == pytest.approx(
        e.score
    )
    assert Reference.read(folder_of(place)).class_counts == {"out": tuple(counts.tolist())}
    assert Reference.read(folder_of(place)).metric.ties == "expected"
    assert run_metrics(e)["ties/lowest"] == e.ties["lowest"]
    shown = f"{e.ties['lowest']:.4f} by an argmax in hardware"
    said = (place / "said.txt").read_text()
    assert f"{100 * e.ties['share']:.0f} % tied" in said
    assert f"Warning: Trial 0: {100 * e.ties['share']:.0f} % of the validation samples have no single" in said
    assert shown in said
    assert shown in (folder_of(place) / "report.html").read_text()
    for trial in ("", "0"):
        arguments = ["show", str(folder_of(place)), *filter(None, [trial])]
        monkeypatch.setattr("sys.argv", ["bitfront", *arguments])
        with pytest.raises(SystemExit):
            main()
        assert shown in " ".join(capsys.readouterr().out.split())


def test_a_bundle_holds_what_its_golden_score_is_computed_from(place, tmp_path):
    """From labels, outputs and the rule that lie in it, by arithmetic that knows nothing of bitfront."""
    source = candidate_artifacts(folder_of(place), 0)
    (tmp_path / "golden").mkdir()
    write_score(tmp_path / "golden", source)
    told = json.loads((tmp_path / "golden" / "score.json").read_text())
    labels = np.load(tmp_path / "golden" / told["outputs"][0]["labels"])
    outputs = np.asarray(source.golden_outputs[0])
    largest = outputs == outputs.max(axis=1, keepdims=True)
    right = largest[np.arange(len(labels)), labels] / largest.sum(axis=1)

    assert (told["metric"], told["ties"], told["samples"]) == ("accuracy", "expected", 256)
    assert told["score"] == pytest.approx(right.mean(), abs=1e-12)
    assert told["by_ties"]["lowest"] == (outputs.argmax(axis=1) == labels).mean()
    assert "validation samples have no single largest output" in " ".join(score_lines(source))
    # of the validation samples alone, which come first, it is the recorded score
    (e,) = read_evaluations(folder_of(place))
    assert right[:200].mean() == pytest.approx(e.score, abs=1e-12)


def test_scores_by_the_lowest_class_are_those_of_an_argmax(place):
    config = load_study(place / "study.yaml", [FEW_BITS, "metric={name: accuracy, ties: lowest}"])
    problem = load_problem(config, place)
    evaluator = Evaluator(problem)
    e, _ = evaluator.evaluate(0, {})
    types = evaluator.costs.types(evaluator.space.candidate({}))
    (outputs,) = evaluator.scores.outputs(types, None)

    assert e.score == e.ties["lowest"] == np.mean(outputs.argmax(1) == problem.data.y_val[0])


def test_files_of_earlier_versions_are_read_as_not_recorded(place):
    path = trial_folder(folder_of(place), 0) / "evaluation.json"
    plain = json.loads(path.read_text())
    for key in ("ties", "recall", "kept"):
        del plain[key]
    old = Evaluation.from_json(plain)
    known = json.loads((folder_of(place) / "reference.json").read_text())
    for key in ("class_counts", "float_recall"):
        del known[key]
    del known["metric"]["ties"]

    assert (old.ties, old.recall, old.design) == ({}, {}, old.digest)
    assert trial_warnings(reference("study"), [old]) == []
    assert float_warnings(Reference.from_json(known)) == []


def test_few_samples_and_classes_that_are_never_found_are_told():
    """Of the float model and of the front; of several outputs by the name of each."""
    known = replace(
        reference("study"),
        class_counts={"a": (100, 7, 30), "b": (50, 50)},
        float_recall={"a": (1.0, 0.0, 0.5), "b": (1.0, 1.0)},
    )
    recall = {"a": (1.0, 0.0, 0.0), "b": (0.5, None)}
    missing = Evaluation(
        number=4, digest="d", method="ptq", status="complete", metrics={"score": 0.5}, recall=recall
    )

    few, never = float_warnings(known)
    assert few.startswith("Class 1 (7) of a has fewer than 20 validation samples")
    assert never.startswith("The float model never finds class 1 of a: train it longer")
    assert trial_warnings(known, [missing]) == [
        "Trial 4 never finds class 1 of a.",
        "Trial 4 never finds class 2 of a.",
    ]
    assert float_warnings(replace(known, class_counts={}, float_recall={})) == []


def test_a_recall_beyond_one_is_no_record():
    with pytest.raises(UserError, match=r"recall\['y'\]"):
        replace(plausible(4), recall={"y": (1.5,)})
