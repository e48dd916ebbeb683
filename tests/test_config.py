"""The study file: what it accepts, and the sentence that answers what it doesn't."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitfront.search.config import (
    PYTHON_OBJECT,
    DeviceConfig,
    StudyConfig,
    Widths,
    load_study,
)
from bitfront.search.config.base import key_paths
from bitfront.search.config.reference import markdown
from bitfront.search.config.space import LayerSpace
from bitfront.spaces import UserError

MINIMAL = {"model": "model.py:build", "data": "data.py:load", "task": "binary"}
TEXT = "model: model.py:build\ndata: data.py:load\ntask: binary\n"


def study(**values: object) -> StudyConfig:
    return StudyConfig(**{**MINIMAL, **values})


def refusal(**values: object) -> str:
    with pytest.raises(UserError) as caught:
        study(**values)
    return str(caught.value)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "jets.yaml"
    path.write_text(TEXT)
    return path


class TestDefaults:
    def test_three_keys_make_a_study(self):
        config = study()

        assert (config.metric.name, config.objectives) == ("accuracy", ("metric", "lut", "latency"))
        assert config.directions() == ("maximize", "minimize", "minimize")
        assert (config.budget.trials, config.budget.wall) == (None, 300)

    def test_regression_is_ranked_by_mse_downwards(self):
        assert study(task="regression").directions()[0] == "minimize"

    def test_a_device_may_be_given_by_its_short_name(self):
        assert study(device="u250").device.part == DeviceConfig(part="u250").part != DeviceConfig().part

    def test_a_study_is_frozen(self):
        with pytest.raises(ValueError, match="frozen"):
            study().seed = 3  # type: ignore[misc]


class TestRefusals:
    @pytest.mark.parametrize(
        ("values", "words"),
        [
            ({"weights": 4}, ["no key 'weights'", "'space.weights'"]),
            ({"space": {"wieghts": 4}}, ["'wieghts' in space", "did you mean 'weights'?"]),
            ({"space": {"layers": {"lstm": {"wights": 4}}}}, ["in space.layers.lstm", "'weights'"]),
            ({"space": {"weights": 0}}, ["space.weights = 0", "below 2 bits"]),
            ({"space": {"weights": "-3..4"}}, ["space.weights", "below 2 bits"]),
            ({"space": {"weights": "9..4"}}, ["write 4..9"]),
            ({"space": {"weights": "2..33"}}, ["more than 32 bits"]),
            ({"space": {"weights": True}}, ["isn't a width"]),
            ({"space": {"biases": "tie"}}, ["(or 'tied')"]),
            ({"space": {"method": ["ptq", "quat"]}}, ["did you mean 'qat'?"]),
            ({"space": {"table_size": 1000}}, ["power of two"]),
            ({"space": {"layers": {"d": {"keep": 8, "weights": 4}}}}, ["keep and also weights"]),
            ({"space": {"layers": {"d": {"keep": "4..8"}}}}, ["write one width"]),
            ({"constraints": {"lut": -5}}, ["constraints.lut = -5 is negative"]),
            ({"constraints": {"lut": "150%"}}, ["at most 100%"]),
            ({"constraints": {"dsp": 13_000}}, ["more than the 12288"]),
            ({"constraints": {"latency": "2ns"}}, ["less than one clock cycle"]),
            ({"constraints": {"latency": "2 parsecs"}}, ["isn't a time"]),
            ({"constraints": {"metric": 90}}, ["accuracy lies within 0..1", "write 0.9"]),
            ({"constraints": {"metric_drop": "1%"}}, ["write 0.01"]),
            ({"constraints": {"metric_drop": -0.01}}, ["below 0"]),
            ({"constraints": {"metric_drop": 1}}, ["allows anything"]),
            ({"constraints": {"dsp": 0}, "objectives": ["metric", "dsp"]}, ["leave one of them out"]),
            ({"objectives": ["lut", "ff"]}, ["lacks metric"]),
            ({"objectives": ["metric"]}, ["two to four"]),
            ({"objectives": ["metric", "lut", "lut"]}, ["names a value twice"]),
            ({"objectives": ["metric", "lot"]}, ["did you mean 'lut'?"]),
            ({"task": "binry"}, ["did you mean 'binary'?"]),
            ({"task": []}, ["task"]),
            ({"metric": "auc"}, ["did you mean 'roc_auc'?"]),
            ({"metric": "mse"}, ["doesn't fit task binary"]),
            ({"metric": {"name": "accuracy", "direction": "minimize"}}, ["contradicts accuracy"]),
            (
                {"device": "vu13"},
                ["device.part = 'vu13' isn't a part of the catalogue: did you mean", "vu13p"],
            ),
            ({"task": "classification"}, ["task = 'classification' isn't known: choose one of binary,"]),
            ({"task": {"a": "binry"}}, ["task.a = 'binry' isn't known: did you mean 'binary'?"]),
            (
                {"model_trained": "maybe"},
                ["model_trained = 'maybe' isn't known: choose one of auto, true, false."],
            ),
            ({"device": {"clock_ns": 0}}, ["device.clock_ns"]),
            ({"hls": {"strategy": "latency"}}, ["did you mean 'Latency'?"]),
            ({"hls": {"reuse_factor": {"lstm*": [0]}}}, ["from 1 up"]),
            (
                {"hls": {"strategy": "distributed_arithmetic", "reuse_factor": 4}},
                ["hls.reuse_factor is above 1"],
            ),
            ({"budget": {}}, ["neither trials nor wall"]),
            ({"budget": {"trials": 0}}, ["budget.trials"]),
            ({"budget": {"wall": "0s"}}, ["not above zero"]),
            ({"training": {"epochs": 1.5}}, ["training.epochs"]),
            ({"training": {"learning_rate": float("nan")}}, ["training.learning_rate"]),
            ({"training": {"loss": "binary_crossentropy"}}, ["training.loss", "leave it out"]),
            ({"name": "../up"}, ["can't be a folder's name"]),
            ({"model": PYTHON_OBJECT}, ["run the study from Python again"]),
        ],
    )
    def test_a_fault_is_told_in_one_line_that_says_where_and_what_to_do(self, values, words):
        message = refusal(**values)

        assert [word for word in words if word not in message] == []
        assert "\n" not in message
        assert message.rstrip(")").endswith((".", "?"))
        assert "more to fix" not in message

    def test_a_missing_key_is_explained(self):
        with pytest.raises(UserError, match=r"data is missing: add the data: file\.py:function"):
            StudyConfig(model="m.py:f", task="binary")

    def test_a_misspelt_key_is_named_before_the_one_it_leaves_missing(self):
        with pytest.raises(UserError, match=r"no key 'modle': did you mean 'model'\?; model is missing"):
            StudyConfig(modle="m.py:f", data="d.py:f", task="binary")


class TestFile:
    def test_the_name_is_the_stem_of_the_file(self, file):
        assert load_study(file).name == "jets"

    def test_the_name_is_the_folder_of_a_study_yaml(self, tmp_path):
        folder = tmp_path / "tagging"
        folder.mkdir()
        (folder / "study.yaml").write_text(TEXT)

        assert load_study(folder).name == "tagging"

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", "is empty"),
            ("- a\n", "a list"),
            ("a: [1", "line 1, column 6"),
            (TEXT + "task: regression\n", "line 4, column 1: the key 'task' stands twice"),
            ("a: &x [1]\nb: *x\n", "aliases"),
            ('model: !!python/object/apply:os.system ["true"]\n', "could not determine a constructor"),
            ("[" * 3000, "nested too deeply"),
            ("#" * (1 << 20) + "\n", "too much for a study file"),
            (TEXT + "1: 2\n", "the key 1 isn't text"),
        ],
    )
    def test_a_broken_file_is_refused_in_one_line(self, file, text, words):
        file.write_text(text)

        with pytest.raises(UserError) as caught:
            load_study(file)
        assert str(file) in str(caught.value)
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_bytes_that_are_not_utf8_are_refused(self, file):
        file.write_bytes(b"\xff\xfe\x00")

        with pytest.raises(UserError, match="isn't UTF-8"):
            load_study(file)

    def test_a_missing_file_names_the_nearest(self, file):
        with pytest.raises(UserError, match=r"did you mean 'jets.yaml'\?"):
            load_study(file.with_name("jet.yaml"))

    def test_the_resolved_file_says_the_same_study(self, file):
        config = load_study(
            file, ["space.layers.lstm*.weights=4..8", "budget.wall=90s", "hls.reuse_factor={'lstm*': [1, 2]}"]
        )
        file.write_text(config.to_yaml())

        assert load_study(file) == config


class TestOverrides:
    def test_a_value_is_read_as_yaml(self, file):
        config = load_study(file, ["space.weights=4..8", "constraints={lut: 10%}", "tracking.enabled=false"])

        assert config.space.weights == Widths(4, 8)
        assert str(config.constraints.lut) == "10%"
        assert config.tracking.enabled is False

    def test_a_key_below_a_shorthand_keeps_what_the_shorthand_said(self, file):
        file.write_text(TEXT + "metric: background_rejection\n")

        metric = load_study(file, ["metric.signal_efficiency=0.3"]).metric

        assert (metric.name, metric.signal_efficiency) == ("background_rejection", 0.3)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("seed", "write it as key.path=value"),
            ("spce.weights=4", r"did you mean 'space'\?"),
            ("space.layers.lstm.wights=4", r"did you mean 'weights'\?"),
            ("seed.x=4", "has no keys of its own"),
            ("seed=[", "line 1, column 2"),
            ("seed=-1", r"with --set: seed = -1"),
        ],
    )
    def test_a_wrong_override_is_refused(self, file, text, words):
        with pytest.raises(UserError, match=words):
            load_study(file, [text])


class TestPresets:
    def test_a_preset_replaces_what_it_names_and_keeps_the_rest_of_a_section(self, file):
        file.write_text(TEXT + "training: {epochs: 9, batch_size: 32}\nconstraints: {lut: 10%}\n")
        file.with_name("quick.yaml").write_text("training: {epochs: 1}\nconstraints: {dsp: 5%}\n")

        config = load_study(file, ["training.batch_size=64"], preset="quick")

        assert (config.name, config.training.epochs, config.training.batch_size) == ("jets-quick", 1, 64)
        assert (str(config.constraints.lut), str(config.constraints.dsp)) == ("10%", "5%")
        assert load_study(file).training.epochs == 9

    def test_an_unknown_preset_names_those_that_are_there(self, file):
        with pytest.raises(UserError, match=r"no preset 'quick' beside it: write .*quick\.yaml"):
            load_study(file, preset="quick")
        file.with_name("quick.yaml").write_text("seed: 2\n")
        with pytest.raises(UserError, match=r"did you mean 'quick'\?"):
            load_study(file, preset="quik")
        with pytest.raises(UserError, match="no preset"):
            load_study(file, preset="../jets")

    def test_a_fault_in_a_preset_names_the_preset(self, file):
        file.with_name("quick.yaml").write_text("sed: 2\n")
        with pytest.raises(UserError, match=r"with --preset quick: .*did you mean 'seed'\?"):
            load_study(file, preset="quick")


class TestMeaning:
    def test_limits_are_absolute_and_include_the_device(self):
        limits = study(
            constraints={
                "lut": "50%",
                "dsp": 0,
                "latency": "2us",
                "ii": "10cycles",
                "energy": "2nJ",
                "metric": 0.8,
            },
            device={"part": "xcvu13p", "clock_ns": 4},
        ).limits()

        limits = {name: limit.value for name, limit in limits.items()}
        assert limits["lut"] == 864_000
        assert limits["ff"] == 3_456_000
        assert (limits["dsp"], limits["latency"], limits["ii"]) == (0, 2000, 40)
        assert (limits["energy"], limits["metric"]) == (2000, 0.8)

    def test_an_exact_layer_name_wins_over_patterns_and_the_last_pattern_wins(self):
        space = study(
            space={
                "weights": "2..12",
                "layers": {
                    "lstm_1": {"weights": 9},
                    "*": {"activations": 5},
                    "lstm*": {"weights": 4, "activations": 6},
                },
            }
        ).space

        assert (space.of_layer("lstm_1").weights, space.of_layer("lstm_1").activations) == (
            Widths(9, 9),
            Widths(6, 6),
        )
        assert (space.of_layer("dense").weights, space.of_layer("dense").activations) == (
            Widths(2, 12),
            Widths(5, 5),
        )

    def test_a_kept_layer_searches_nothing(self):
        layer = study(space={"layers": {"head": {"keep": 16}}}).space.of_layer("head")

        assert (layer.keep, layer.weights) == (Widths(16, 16), None)

    def test_a_pattern_that_matches_no_layer_is_refused_with_the_nearest(self):
        config = study(space={"layers": {"dens_1": {"weights": 4}}})

        with pytest.raises(
            UserError, match=r"space.layers: 'dens_1' matches nothing .* did you mean 'dense_1'\?"
        ):
            config.check_layers(["lstm", "dense_1"])

    def test_a_list_of_strategies_is_the_models_and_a_mapping_is_the_layers(self):
        assert study(hls={"strategy": ["Latency", "Resource"]}).hls.choices("strategy", "dense") == (
            ("Latency", "Resource"),
            False,
        )
        per_layer = study(hls={"strategy": {"d*": ["Latency", "Resource"], "dense": "Resource"}}).hls
        assert per_layer.choices("strategy", "dense") == (("Resource",), True)
        assert per_layer.choices("strategy", "lstm") == (("Latency",), True)

    def test_more_trials_keep_the_digest_and_another_space_does_not(self):
        assert study(budget={"trials": 9}).digest == study().digest != study(space={"weights": 4}).digest

    @given(st.integers(2, 32), st.integers(2, 32))
    def test_every_ordered_pair_within_the_bounds_is_a_range(self, low, high):
        low, high = sorted((low, high))

        config = study(space={"weights": f"{low}..{high}"})

        assert config.space.weights == Widths(low, high)
        assert StudyConfig(**config.to_dict()) == config


class TestReference:
    def test_the_page_in_docs_is_the_generated_one(self):
        """Regenerate with `python -m bitfront.search.config.reference > docs/study-file.md`."""
        page = Path(__file__).parents[1] / "docs" / "study-file.md"

        assert page.read_text() == markdown()

    def test_every_key_is_described_and_on_the_page(self):
        page = markdown()

        headings = re.findall(r"^##+ `(.*)`$", page, re.MULTILINE)
        assert [path for path in key_paths(StudyConfig) if path not in headings] == []
        assert len(set(headings)) == len(headings)
        assert max(map(len, page.splitlines())) <= 120
        sections = [StudyConfig, LayerSpace]
        sections += [
            f.annotation for f in StudyConfig.model_fields.values() if hasattr(f.annotation, "model_fields")
        ]
        undescribed = [
            f"{section.__name__}.{name}"
            for section in sections
            for name, field in section.model_fields.items()
            if len(field.description or "") < 15
        ]
        assert undescribed == []


@pytest.mark.parametrize("written", [0, [0]])
def test_a_share_of_zeros_may_stand_alone(written):
    """The reference gives `0` as the default, so that is what people write."""
    assert study(space={"sparsity": written}).space.sparsity == (0,)


@pytest.mark.parametrize("weights", ["balanced", {0: 1, 1: 5}, {"a": {0: 1, 1: 2}}])
def test_class_weights_are_written_back_without_a_warning(recwarn, weights):
    config = study(training={"class_weights": weights})
    assert StudyConfig(**config.to_dict()) == config
    assert [str(one.message) for one in recwarn if "serializ" in str(one.message).lower()] == []


@pytest.mark.parametrize(
    ("old", "new", "value"), [("scout", "screening", 7), ("gradient", "gradient_epochs", 9)]
)
def test_an_older_name_of_a_key_says_what_the_present_one_says_and_both_at_once_are_refused(
    tmp_path, old, new, value
):
    text = "task: binary\nmodel: model.py:build\ndata: data.npz\n"
    older, present, both = (tmp_path / f"{name}.yaml" for name in ("older", "present", "both"))
    older.write_text(f"{text}name: one\n{old}: {value}\n")
    present.write_text(f"{text}name: one\n{new}: {value}\n")
    both.write_text(f"{text}{old}: {value}\n{new}: {value}\n")
    assert getattr(load_study(older), new) == value
    assert getattr(load_study(present, [f"{old}={value + 1}"]), new) == value + 1
    assert load_study(older).digest == load_study(present).digest
    with pytest.raises(UserError, match=f"there's no key {old!r}"):
        load_study(both)
