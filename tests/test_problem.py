"""A study's model, data and metric: what is accepted, and the sentence that answers what doesn't fit."""

from __future__ import annotations

import io
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bitfront.search.config import StudyConfig
from bitfront.search.problem.data import Shape, check, read_npz
from bitfront.search.problem.labels import Output
from bitfront.search.problem.metric_functions import accuracy, background_rejection, probabilities, roc_auc
from bitfront.search.problem.metrics import build_ranking
from bitfront.search.problem.user_code import UserFunction
from bitfront.spaces import UserError

BINARY = Shape({"x": (3,)}, {"y": Output((1,), "binary")})
CLASSES = Shape({"x": (3,)}, {"y": Output((4,), "multiclass")})


def arrays(samples: int = 12, classes: int = 2, **changes: object) -> dict[str, object]:
    """Return three splits of different samples with every class in each, some keys replaced."""
    found: dict[str, object] = {}
    for seed, split in enumerate(("train", "val", "test")):
        found[f"x_{split}"] = np.random.default_rng(seed).normal(size=(samples, 3))
        found[f"y_{split}"] = np.arange(samples) % classes
    return {**found, **changes}


def ranked(config: StudyConfig, folder: Path = Path()):
    """Return the ranking of a study whose model has one output."""
    return build_ranking(config, folder)({"y": config.task})


def checked(raw: object, shape: Shape = BINARY, split: float | None = None):
    return check(raw, shape, "data.py:load", split, 1)


class TestData:
    def test_arrays_become_float32_inputs_and_int32_classes(self):
        data = checked(arrays(x_train=np.ones((12, 3), np.int64)))

        assert (data.x_train[0].dtype, data.y_val[0].dtype) == (np.float32, np.int32)
        assert data.x_train[0].shape == (12, 3)

    def test_three_pairs_mean_train_validation_and_test(self):
        raw = arrays()
        pairs = [(raw[f"x_{split}"], raw[f"y_{split}"]) for split in ("train", "val", "test")]

        assert checked(pairs).digest == checked(raw).digest

    def test_one_hot_labels_are_read_as_class_numbers_and_said_so(self):
        raw = arrays(classes=4)
        raw["y_val"] = np.eye(4)[raw["y_val"]]
        data = checked(raw, CLASSES)

        assert data.y_val[0].tolist() == [0, 1, 2, 3] * 3
        assert any("one-hot" in notice for notice in data.notices)

    def test_a_validation_split_is_taken_from_the_training_samples_alone(self):
        raw = arrays(samples=20)
        del raw["x_val"], raw["y_val"]
        data = checked(raw, split=0.25)

        assert (len(data.y_train[0]), len(data.y_val[0])) == (15, 5)
        together = np.concatenate([data.x_train[0], data.x_val[0]])
        assert {row.tobytes() for row in together} == {
            row.tobytes() for row in raw["x_train"].astype(np.float32)
        }

    def test_several_inputs_are_put_into_the_models_order(self):
        shape = Shape({"a": (3,), "b": (2, 2)}, BINARY.outputs)
        raw = {
            key: {"b": np.ones((12, 2, 2)) * seed, "a": value} if key.startswith("x") else value
            for seed, (key, value) in enumerate(arrays().items())
        }

        assert [one.shape for one in checked(raw, shape).x_test] == [(12, 3), (12, 2, 2)]

    def test_several_outputs_are_put_into_the_models_order_and_checked_by_name(self):
        shape = Shape(BINARY.inputs, {"a": Output((4,), "multiclass"), "b": Output((2,), "regression")})
        raw = arrays(classes=4)
        raw |= {f"y_{one}": {"b": np.ones((12, 2)), "a": raw[f"y_{one}"]} for one in ("train", "val", "test")}
        data = checked(raw, shape)

        assert [(y.shape, y.dtype.kind) for y in data.y_val] == [((12,), "i"), ((12, 2), "f")]
        for changed, words in (
            ({"a": raw["y_val"]["a"]}, "outputs a, the model a, b"),
            (np.ones(12), "one array, the model has outputs a, b"),
            ([np.ones(12), np.ones((12, 3))], r"y_val\['b'\] has targets of shape \(3,\)"),
            ([np.full(12, 4), np.ones((12, 2))], r"y_val\['a'\] holds the label 4"),
            ([np.arange(8) % 4, np.ones((12, 2))], "8, 12 samples in its outputs"),
        ):
            with pytest.raises(UserError, match=words):
                checked(raw | {"y_val": changed}, shape)

    def test_samples_that_also_stand_in_training_are_counted(self):
        raw = arrays()
        raw["x_val"][:2] = raw["x_train"][:2]

        assert any(notice.startswith("2 samples of x_val") for notice in checked(raw).notices)

    def test_data_too_small_to_verify_an_export_with_says_so_beforehand(self):
        few, enough = checked(arrays(samples=66)), checked(arrays(samples=67))

        assert any("198 samples in all splits" in notice for notice in few.notices)
        assert not any("in all splits" in notice for notice in enough.notices)

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"x_val": None, "y_val": None}, ["x_val and y_val are missing", "validation_split"]),
            ({"y_val": None}, ["y_val is missing"]),
            ({"X_val": np.ones(3)}, ["'X_val'", "did you mean 'x_val'?"]),
            ({"x_train": np.full((12, 3), np.nan)}, ["x_train", "36 values that are NaN"]),
            (
                {"x_val": np.where(np.arange(36) == 4, np.inf, 0).reshape(12, 3)},
                ["x_val holds a value that is NaN, infinite or beyond float32, at (1, 1): "],
            ),
            ({"x_val": np.full((12, 3), 1e300)}, ["x_val", "beyond float32", "(0, 0)"]),
            ({"x_test": np.ones((12, 4))}, ["x_test", "(4,)", "(3,)"]),
            ({"x_test": np.ones((0, 3))}, ["x_test is empty"]),
            ({"x_test": np.ones((11, 3))}, ["x_test has 11 samples and y_test 12"]),
            ({"x_train": np.full((12, 3), "a")}, ["x_train has dtype"]),
            ({"x_train": [[1, 2, 3], [1]]}, ["x_train is ragged"]),
            ({"y_train": np.arange(12) % 2 * 2 - 1}, ["y_train holds the label -1", "0 and 1"]),
            ({"y_test": np.zeros(12)}, ["y_test holds only class 0"]),
            ({"y_test": np.full(12, 0.5)}, ["y_test holds the label 0.5"]),
        ],
    )
    def test_arrays_that_do_not_fit_are_refused_by_name(self, changes, words):
        with pytest.raises(UserError) as caught:
            checked(arrays(**changes))
        message = str(caught.value)

        assert [word for word in words if word not in message] == []
        assert "\n" not in message

    def test_a_class_beyond_the_outputs_is_refused(self):
        with pytest.raises(UserError, match=r"label 4, but the model's 4 outputs allow 0\.\.3"):
            checked(arrays(classes=5), CLASSES)


class TestNpz:
    def test_arrays_come_back_as_they_were_saved(self, tmp_path):
        raw = arrays(x_val=np.asfortranarray(np.arange(36.0).reshape(12, 3)))
        np.savez_compressed(tmp_path / "d.npz", **raw)
        found = read_npz(tmp_path / "d.npz")

        assert all(np.array_equal(found[key], raw[key]) for key in raw)

    def test_pickled_objects_are_refused_and_not_run(self, tmp_path):
        class Trap:
            def __reduce__(self):
                return (Path.touch, (tmp_path / "sprung",))

        np.savez(tmp_path / "d.npz", **{**arrays(), "x_val": np.array([Trap()], dtype=object)})

        with pytest.raises(UserError, match="x_val holds pickled Python objects"):
            read_npz(tmp_path / "d.npz")
        assert not (tmp_path / "sprung").exists()

    def test_a_header_that_claims_more_than_the_file_holds_is_refused(self, tmp_path):
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            header, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)}
        )
        with zipfile.ZipFile(tmp_path / "d.npz", "w") as archive:
            archive.writestr("x_train.npy", header.getvalue() + bytes(8))

        with pytest.raises(UserError, match=r"claims shape \(1000000000000,\)"):
            read_npz(tmp_path / "d.npz")

    @pytest.mark.parametrize("content", [b"", b"PK\x03\x04broken", b"not a zip"])
    def test_a_damaged_file_is_refused(self, tmp_path, content):
        (tmp_path / "d.npz").write_bytes(content)

        with pytest.raises(UserError, match=r"isn't a sound \.npz"):
            read_npz(tmp_path / "d.npz")


class TestUserCode:
    def test_a_file_may_import_its_siblings_and_leaves_nothing_behind(self, tmp_path):
        (tmp_path / "sibling_of_mine.py").write_text("VALUE = 7\n")
        (tmp_path / "m.py").write_text("from sibling_of_mine import VALUE\ndef f(): return VALUE\n")
        path = list(sys.path)

        assert UserFunction("m.py:f", tmp_path, "model")() == 7
        assert sys.path == path
        assert "sibling_of_mine" not in sys.modules

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            (
                "def f():\n    return 1 / 0\n",
                r"f\(\) failed at .*m\.py:2: ZeroDivisionError: division by zero\.",
            ),
            ("import nothing_of_this_name\n", r"m\.py:1: ModuleNotFoundError"),
            ("def f(:\n", r"m\.py:1: SyntaxError"),
            ("def g(): pass\n", r"has no function 'f': "),
            ("def f(x): pass\n", r"missing a required argument: 'x'"),
            ("raise SystemExit(3)\n", r"m\.py:1: SystemExit: 3"),
        ],
    )
    def test_a_fault_in_a_users_file_names_its_line(self, tmp_path, text, words):
        (tmp_path / "m.py").write_text(text)

        with pytest.raises(UserError, match=words):
            UserFunction("m.py:f", tmp_path, "model")()

    def test_a_missing_file_is_named(self, tmp_path):
        (tmp_path / "model.py").write_text("")

        with pytest.raises(UserError, match=r"did you mean 'model\.py'\?"):
            UserFunction("modle.py:f", tmp_path, "model")


class TestMetrics:
    def test_accuracy_splits_probabilities_at_a_half_and_logits_at_zero(self):
        ranking = ranked(StudyConfig(model="m.py:f", data="d.py:f", task="binary"))
        truth, logits = [np.array([0, 1, 1])], [np.array([[-0.2], [0.3], [4.0]])]

        assert ranking.on_logits([True])(truth, logits) == 1.0
        assert ranking.on_logits([False])(truth, logits) == pytest.approx(2 / 3)

    def test_probabilities_of_extreme_logits_are_finite(self):
        assert probabilities(np.array([-1e4, 0.0, 1e4])).tolist() == [0.0, 0.5, 1.0]

    def test_the_area_of_several_classes_is_the_mean_of_one_versus_rest(self):
        truth = np.array([0, 1, 2, 0])
        assert roc_auc(truth, np.eye(3)[truth]) == 1.0
        assert roc_auc(truth, np.full((4, 3), 1 / 3)) == 0.5

    @pytest.mark.parametrize("levels", [2, 7, 100_000])
    def test_ranking_metrics_equal_scikit_learns_with_and_without_ties(self, levels):
        from sklearn.metrics import roc_auc_score, roc_curve

        rng = np.random.default_rng(levels)
        truth = rng.integers(0, 2, 500)
        score = np.round((truth + rng.normal(size=500)) * levels / 8) / levels
        false_positive, true_positive, _ = roc_curve(truth, score, drop_intermediate=False)
        classes = rng.integers(0, 4, 500)
        scores = np.round(rng.random((500, 4)) * levels) / levels
        one_versus_rest = [roc_auc_score(classes == one, scores[:, one]) for one in range(4)]

        assert roc_auc(truth, score) == pytest.approx(roc_auc_score(truth, score), abs=1e-12)
        assert roc_auc(classes, scores) == pytest.approx(np.mean(one_versus_rest), abs=1e-12)
        for efficiency in (0.1, 0.5, 0.9):
            kept = np.interp(efficiency, true_positive, false_positive)
            assert background_rejection(truth, score, efficiency) == pytest.approx(1 / kept, abs=1e-9)

    def test_background_rejection_is_one_over_the_share_of_background_kept(self):
        signal, background = np.linspace(0, 1, 101), np.linspace(-1, 0.6, 1001)
        truth = np.r_[np.ones(101), np.zeros(1001)]
        scores = np.r_[signal, background]
        # Half of the signal lies above 0.5, where 1/16 of the background does.
        assert background_rejection(truth, scores, 0.5) == pytest.approx(16, rel=0.03)

    def test_background_rejection_is_at_most_the_number_of_background_events(self):
        truth = np.r_[np.ones(5), np.zeros(8)]

        assert background_rejection(truth, truth) == 8

    def test_a_score_that_is_not_finite_gives_nan(self):
        ranking = ranked(StudyConfig(model="m.py:f", data="d.py:f", task="binary"))

        assert np.isnan(ranking([np.array([0, 1])], [np.array([0.1, np.nan])]))

    def test_a_users_metric_gets_probabilities_and_must_return_a_number(self, tmp_path):
        (tmp_path / "m.py").write_text("def top(y, s): return s.max()\ndef none(y, s): return 'x'\n")
        config = StudyConfig(model="m.py:f", data="d.py:f", task="binary", metric="m.py:top")

        assert (
            ranked(config, tmp_path).on_logits([True])([np.array([0, 1])], [np.array([[0.0], [0.0]])]) == 0.5
        )
        other = StudyConfig(model="m.py:f", data="d.py:f", task="binary", metric="m.py:none")
        with pytest.raises(UserError, match="return one finite number"):
            ranked(other, tmp_path)([np.array([0, 1])], [np.array([0.0, 1.0])])

    def test_of_several_outputs_the_mean_ranks_or_the_one_that_is_named(self):
        study = {"model": "m.py:f", "data": "d.py:f", "task": {"a": "binary", "b": "multiclass"}}
        truth = [np.array([0, 1]), np.array([2, 0])]
        scores = [np.array([[0.1], [0.9]]), np.array([[0.1, 0.2, 0.7], [0.2, 0.5, 0.3]])]
        tasks = study["task"]

        def ranking(metric):
            return build_ranking(StudyConfig(**study, metric=metric), Path())(tasks)

        assert ranking("accuracy")(truth, scores) == 0.75
        assert ranking({"name": "accuracy", "output": "a"})(truth, scores) == 1.0
        assert ranking({"name": "roc_auc", "output": "a"}).outputs[1] is None
        with pytest.raises(UserError, match=r"'aa' isn't an output that task names: did you mean 'a'\?"):
            ranking({"name": "accuracy", "output": "aa"})
        alike = StudyConfig(**study | {"task": "binary"}, metric={"name": "accuracy", "output": "aa"})
        with pytest.raises(UserError, match=r"'aa' is no output of the model: did you mean 'a'\?"):
            build_ranking(alike, Path())({"a": "binary", "b": "binary"})
        with pytest.raises(UserError, match=r"doesn't fit task binary: set metric\.output"):
            ranking("mse")

    def test_ties_count_for_the_second_class_only_above_a_half(self):
        assert accuracy(np.array([0, 1]), np.array([0.5, 0.5])) == 0.5


@pytest.fixture(scope="module")
def keras():
    return pytest.importorskip("keras")


def dense(keras, units: int = 1, activation: str | None = "sigmoid"):
    return keras.Sequential([keras.Input((3,), name="x"), keras.layers.Dense(units, activation=activation)])


class TestModel:
    def problem(self, model: object, **values: object):
        from bitfront.search.problem.load import load_problem

        values = {"task": "binary", "data": arrays(samples=64), **values}
        return load_problem(StudyConfig(model=model, **values), Path())

    @pytest.mark.parametrize(("activation", "logits"), [("sigmoid", False), (None, True)])
    def test_the_metric_knows_whether_the_model_gives_logits(self, keras, activation, logits):
        assert self.problem(dense(keras, activation=activation)).ranking.outputs[0].from_logits is logits

    def test_a_keras_object_counts_as_trained_unless_said_otherwise(self, keras):
        assert not self.problem(dense(keras)).needs_training
        assert self.problem(dense(keras), model_trained=False).needs_training

    def test_the_digest_follows_the_weights_and_the_data(self, keras):
        keras.utils.set_random_seed(3)
        model = dense(keras)
        first = self.problem(model)

        assert self.problem(model).digest == first.digest
        assert self.problem(model, data=arrays(samples=62)).digest != first.digest
        model.set_weights([2 * one + 1 for one in model.get_weights()])
        assert self.problem(model).digest != first.digest

    @pytest.mark.parametrize(
        ("units", "task", "words"),
        [(2, "binary", "task binary needs one number"), (1, "multiclass", "needs a score for each class")],
    )
    def test_an_output_that_does_not_fit_the_task_is_refused(self, keras, units, task, words):
        with pytest.raises(UserError, match=words):
            self.problem(dense(keras, units), task=task)

    def test_a_lambda_is_refused_unless_trusted(self, keras, tmp_path):
        from bitfront.search.problem.load import load_model

        model = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: x), keras.layers.Dense(1)])
        model.save(tmp_path / "m.keras")

        with pytest.raises(UserError, match=r"holds a Lambda layer.*trust_model: true"):
            load_model("m.keras", tmp_path)
        assert load_model("m.keras", tmp_path, trust=True).output_shape == (None, 1)

    @pytest.mark.parametrize("content", [b"", b"not a zip"])
    def test_a_damaged_keras_file_is_refused(self, tmp_path, content):
        from bitfront.search.problem.load import load_model

        (tmp_path / "m.keras").write_bytes(content)
        with pytest.raises(UserError, match=r"isn't a sound \.keras file"):
            load_model("m.keras", tmp_path)

    def test_a_keras_file_that_claims_more_than_the_memory_is_refused(self, keras, tmp_path):
        """The size that the archive's directory gives for the weights is read before anything is unpacked."""
        from bitfront.search.problem.load import load_model

        path = tmp_path / "bomb.keras"
        keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(path)
        raw = bytearray(path.read_bytes())
        entry = raw.rindex(b"PK\x01\x02")  # the directory's last entry
        raw[entry + 24 : entry + 28] = b"\xfe\xff\xff\xff"
        path.write_bytes(raw)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("bitfront.search.problem.load.half_of_memory", lambda: 1 << 31)
            with pytest.raises(UserError, match="more than half of this machine's memory"):
                load_model("bomb.keras", tmp_path)

    def test_a_saved_qkeras_model_loads_with_its_quantizers(self, keras, tmp_path):
        from qkeras import QActivation, QDense, quantized_bits, quantized_relu

        from bitfront.search.problem.load import load_model

        model = keras.Sequential(
            [
                keras.Input((3,)),
                QDense(
                    4,
                    kernel_quantizer=quantized_bits(6, 0, alpha=1),
                    bias_quantizer=quantized_bits(6, 0, alpha=1),
                ),
                QActivation(quantized_relu(5)),
                keras.layers.Dense(1),
            ]
        )
        model.save(tmp_path / "m.keras")
        x = np.random.default_rng(1).normal(size=(8, 3)).astype(np.float32)
        loaded = load_model("m.keras", tmp_path)

        assert type(loaded.layers[0]).__name__ == "QDense"
        assert np.array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))

    def test_a_functions_model_has_the_same_weights_each_time(self, keras, tmp_path):
        from bitfront.search.problem.load import load_model

        (tmp_path / "m.py").write_text(
            "import keras\ndef f(): return keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])\n"
        )
        first, second = (load_model("m.py:f", tmp_path) for _ in range(2))

        assert [layer.name for layer in first.layers] == [layer.name for layer in second.layers]
        assert all(
            np.array_equal(a, b) for a, b in zip(first.get_weights(), second.get_weights(), strict=True)
        )

    def test_float_training_learns_and_is_seeded(self, keras):
        from bitfront.search.problem.float_model import float_outputs, train_float

        rng = np.random.default_rng(0)
        data: dict[str, object] = {}
        for split in ("train", "val", "test"):
            x = rng.normal(size=(256, 3))
            data |= {f"x_{split}": x, f"y_{split}": (x[:, 0] > 0).astype(int)}
        training = {"float_epochs": 20, "float_learning_rate": 0.05, "batch_size": 32}
        scores = []
        for _ in range(2):
            keras.utils.set_random_seed(5)
            problem = self.problem(dense(keras), data=data, model_trained=False, training=training)
            train_float(problem)
            scores.append(float_outputs(problem, problem.data.x_val))

        assert problem.ranking(problem.data.y_val, [scores[0]]) > 0.95
        assert np.array_equal(scores[0], scores[1])

    def test_training_that_diverges_says_so(self, keras):
        from bitfront.search.problem.float_model import train_float

        problem = self.problem(
            dense(keras, activation=None),
            task="regression",
            data={
                key: value * 1e18 if key[0] == "x" else value[:, None] * 1e18
                for key, value in arrays(samples=64).items()
            },
            model_trained=False,
            training={
                "float_learning_rate": 10.0,
                "optimizer": "sgd",
                "float_epochs": 5,
                "early_stopping": 0,
            },
        )

        with pytest.raises(UserError, match=r"diverged.*float_learning_rate"):
            train_float(problem)

    def test_weights_that_are_not_finite_are_refused(self, keras):
        model = dense(keras)
        model.set_weights([one * np.nan for one in model.get_weights()])

        with pytest.raises(UserError, match="hold NaN or infinity"):
            self.problem(model)

    def test_an_unknown_loss_is_refused(self, keras):
        from bitfront.search.problem.float_model import train_float

        problem = self.problem(dense(keras), model_trained=False, training={"loss": "squared_hing"})
        with pytest.raises(UserError, match=r"training.loss = .* did you mean 'squared_hinge'\?"):
            train_float(replace(problem))
