"""A width for each element of a result: the same in NumPy, the bit-true model, its exports and the firmware."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import keras
import numpy as np
import pytest
import small_study
import zoo
from bundles import exact_in_a_fresh_process, of_candidate, said_by_bitfront, said_by_script
from hypothesis import given
from hypothesis import strategies as st

from bitfront.hls import (
    BitTrue,
    DesignDescription,
    LayerHardware,
    Target,
    describe,
    hls_config,
    resolve,
    shrunk,
    to_keras,
    to_qkeras,
)
from bitfront.hls.estimate import estimate
from bitfront.hls.precision import elements_of, narrowable
from bitfront.hls.rtl import trace_logic
from bitfront.search import Evaluator, load_problem, load_study
from bitfront.search.bundle import write_bundle
from bitfront.search.bundle.designs import bundle_design
from bitfront.search.problem.float_model import train_float
from bitfront.spaces import FixedPoint, UserError, lower

L = keras.layers
SAMPLES = 200
"""The first half says what elements need, so that the second saturates."""


def _mlp() -> keras.Model:
    """Return a dense network, two units of which never fire."""
    layers = [
        keras.Input((6,), name="x"),
        L.Dense(8, activation="relu", name="first"),
        L.Dense(5, activation="relu", name="second"),
        L.Dense(3, name="last"),
    ]
    model = keras.Sequential(layers)
    kernel, bias = (np.array(a) for a in model.get_layer("first").get_weights())
    bias[[1, 4]] = -40.0
    model.get_layer("first").set_weights([kernel, bias])
    return model


def _cnn() -> keras.Model:
    """Return a convolutional network: channels for its second convolution, pixels for its dense layer."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 2), name="x"),
            L.Conv2D(4, 3, activation="relu", name="first"),
            L.MaxPooling2D(2, name="pool"),
            L.Conv2D(3, 2, activation="relu", name="second"),
            L.Flatten(name="flat"),
            L.Dense(4, activation="relu", name="third"),
            L.Dense(2, name="last"),
        ]
    )


MODELS = {"mlp": _mlp, "cnn": _cnn}


@cache
def candidate(name, io_type="io_parallel", rounding="RND_CONV", seed=3):
    """Return a model's graph, its types without and with elements, its bit-true model and samples."""
    keras.utils.set_random_seed(seed)
    model = MODELS[name]()
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1.5, (SAMPLES, *model.input_shape[1:])).astype("f4")
    x *= rng.uniform(0.05, 1.5, x.shape[1:])
    x[: SAMPLES // 2, ..., 0] *= 0.1
    if x.ndim == 2:
        x[: SAMPLES // 2, 3] = 0.0
    graph = lower(model)
    bit_true = BitTrue(graph, rounding=rounding)
    calibration = bit_true.calibrate([x], rule="mse")
    widths = zoo.random_widths(graph, seed, 4, 8)
    types = resolve(graph, widths, calibration, rounding=rounding)
    bit_true.assign(types)
    elements = elements_of(graph, types, bit_true.ranges([x[: SAMPLES // 2]]), io_type)
    narrow = resolve(graph, widths, calibration, rounding=rounding, elements=elements)
    bit_true.assign(narrow)
    return graph, types, narrow, bit_true, x


def outputs(bit_true, types, x):
    bit_true.assign(types)
    return bit_true.predict([x])[0]


@given(
    st.integers(1, 12).flatmap(
        lambda width: st.tuples(st.just(width), st.lists(st.integers(0, width), max_size=30))
    ),
    st.booleans(),
)
def test_types_with_elements_are_read_as_they_were_written(widths, signed):
    width, elements = widths
    kind = FixedPoint(width, 2, signed, "RND", "SAT", tuple(elements))

    assert FixedPoint.parse(str(kind)) == kind == FixedPoint.from_json(kind.to_json())
    assert str(kind.container) == str(kind).partition("[")[0]


def test_an_element_saturates_at_its_own_bits():
    """Two bits of steps of a quarter reach from -0.5 to 0.25; an element without bits is zero."""
    kind = FixedPoint(6, 4, True, "RND_CONV", "SAT", (6, 2, 0))

    assert kind.quantize([[9, 9, 9], [-9, -9, -9], [0.3, 0.3, 0.3]]).tolist() == [
        [7.75, 0.25, 0],
        [-8, -0.5, 0],
        [0.25, 0.25, 0],
    ]
    with pytest.raises(UserError, match="no place"):
        kind.spread((4, 2))
    with pytest.raises(UserError, match="has 7 bits"):
        replace(kind, elements=(7,))


@pytest.mark.parametrize("rounding", ["RND_CONV", "RND"])
def test_the_bit_true_model_computes_what_numpy_computes(rounding):
    """Each result is rounded once, to the types of its elements."""
    graph, types, narrow, bit_true, x = candidate("mlp", rounding=rounding)
    value = narrow["x/result"].quantize(x)
    for name in ("first", "second", "last"):
        kernel, bias = (narrow[f"{name}/{r}"].quantize(graph.weights[name][r]) for r in ("weight", "bias"))
        value = value @ kernel + bias
        result = narrow[f"{name}_relu/result" if name != "last" else "last/result"]
        value = result.quantize(np.maximum(value, 0) if name != "last" else value)

    assert narrow["first_relu/result"].elements[1] == narrow["first_relu/result"].elements[4] == 0
    assert narrow["x/result"].elements[3] == 0
    assert np.array_equal(outputs(bit_true, narrow, x), value)
    assert not np.array_equal(outputs(bit_true, types, x), value)


@pytest.mark.parametrize("name", MODELS)
def test_what_elements_were_taken_from_computes_the_same(name):
    _, types, narrow, bit_true, x = candidate(name)
    seen = x[: SAMPLES // 2]

    assert np.array_equal(outputs(bit_true, types, seen), outputs(bit_true, narrow, seen))
    assert sum(narrow[f"{n}/result"].mean_width for n in narrowable(bit_true.graph)) < sum(
        types[f"{n}/result"].width for n in narrowable(bit_true.graph)
    )


def test_other_elements_need_no_other_trace():
    _, types, narrow, bit_true, x = candidate("mlp")
    for kinds in (types, narrow):
        outputs(bit_true, kinds, x)
    before = dict(bit_true.traces)
    fewer = {
        key: replace(kind, elements=tuple(max(0, bits - 1) for bits in kind.elements))
        for key, kind in narrow.items()
    }

    assert not np.array_equal(outputs(bit_true, fewer, x), outputs(bit_true, narrow, x))
    assert bit_true.traces == before


def test_pixels_have_their_own_widths_before_dense_layers_and_channels_before_convolutions():
    """A maximum and flattening hand elements on; in streams, all are by channel."""
    _, _, narrow, _, _ = candidate("cnn")
    _, _, stream, _, _ = candidate("cnn", "io_stream")

    assert {key: len(kind.elements) for key, kind in narrow.items() if kind.elements} == {
        "x/result": 2,
        "first_relu/result": 4,
        "pool/result": 4,
        "second_relu/result": 12,
        "flat/result": 12,
        "third_relu/result": 4,
    }
    assert len(stream["second_relu/result"].elements) == 3


def test_sums_of_narrower_elements_need_narrower_accumulators():
    graph, types, narrow, _, _ = candidate("mlp")
    reach = np.abs(narrow["first_relu/result"].quantize(np.full((1, 8), 1e9)))
    kernel, bias = (narrow[f"second/{r}"].quantize(graph.weights["second"][r]) for r in ("weight", "bias"))

    assert narrow["second/accum"].width < types["second/accum"].width
    assert narrow["second/accum"].max >= (reach @ np.abs(kernel) + np.abs(bias)).max()


@pytest.mark.parametrize("name", MODELS)
def test_the_exported_keras_model_predicts_the_same(name, tmp_path):
    graph, _, narrow, bit_true, x = candidate(name)
    to_qkeras(graph, graph.weights, narrow).save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False)

    assert np.array_equal(loaded.predict(x, verbose=0), outputs(bit_true, narrow, x))


def test_units_that_never_fire_are_not_built():
    """What reads an element without bits has no weight for it, so that nothing needs its unit."""
    graph, _, narrow, bit_true, x = candidate("mlp")
    left = shrunk(graph, graph.weights, narrow)
    smaller = BitTrue(left.graph)

    assert left.graph["first"].shape == (6,)
    assert len(left.types["first_relu/result"].elements) == 6
    assert min(left.types["first_relu/result"].elements) > 0
    assert np.array_equal(outputs(smaller, left.types, x), outputs(bit_true, narrow, x))


def test_ebops_count_each_element_and_a_description_survives_json():
    graph, types, narrow, _, _ = candidate("mlp")
    target = Target(part=zoo.PART, clock_ns=5)
    wide, small = (
        describe(graph, kinds, graph.weights, LayerHardware(), target) for kinds in (types, narrow)
    )
    total = 0.0
    for name, source in (("first", "x"), ("second", "first_relu"), ("last", "second_relu")):
        kind = narrow[f"{name}/weight"]
        whole = np.abs(kind.integers(graph.weights[name]["weight"])).astype(int)
        bits = np.frompyfunc(lambda n: (n // (n & -n)).bit_length() if n else 0, 1, 1)(whole).sum(1)
        total += float(bits @ narrow[f"{source}/result"].spread(graph[source].shape))

    assert estimate(small).ebops == total < estimate(wide).ebops
    assert estimate(small).lut < estimate(wide).lut
    assert DesignDescription.from_json(small.to_json()) == small


def test_logic_of_elements_computes_the_same_and_is_smaller():
    graph, types, narrow, bit_true, x = candidate("mlp")
    logics = [trace_logic(graph, kinds, graph.weights) for kinds in (types, narrow)]
    rounded = narrow["x/result"].container.quantize(x)

    assert np.array_equal(logics[1].predict(rounded), outputs(bit_true, narrow, x))
    assert logics[1].cost < logics[0].cost


def firmware_differs(folder, name, io_type, strategy, rounding="RND_CONV"):
    """Return how many outputs of the compiled firmware are others than the bit-true model's."""
    graph, _, narrow, bit_true, x = candidate(name, io_type, rounding)
    left = shrunk(graph, graph.weights, narrow)
    plain = to_keras(left.graph, left.weights, left.types)
    config = hls_config(
        left.graph, left.types, plain, LayerHardware(strategy=strategy), Target(io_type=io_type)
    )
    (found,) = zoo.emulated(folder / "project", plain, config, x, io_type)
    expected = outputs(bit_true, narrow, x)
    code = (folder / "project" / "firmware" / "nnet_utils" / "nnet_code_gen.h").read_text()
    assert "AP_SAT>" in code
    return int((found.reshape(expected.shape) != expected).sum())


@pytest.fixture(scope="module")
def evaluators(tmp_path_factory):
    """Two evaluators of one trained study, with and without element widths; unit 2 of the hidden layer is weak."""
    file = small_study.write(tmp_path_factory.mktemp("elements"))
    found = []
    for wanted in ("true", "false"):
        problem = load_problem(load_study(file, [f"space.element_widths={wanted}"]), file.parent)
        train_float(problem)
        found.append(Evaluator(problem))
    return found


def test_a_candidate_gets_elements_where_they_cost_less_and_score_no_worse(evaluators):
    """Its objectives' costs fall; a baseline keeps one width a tensor, and so does a study that wants it."""
    own, shared = evaluators
    params = own.space.uniform(6, "qat")
    found, weights = own.evaluate(0, params)
    before, same = shared.evaluate(0, params)

    assert "[" in found.precision["hidden_relu/result"] + found.precision["x/result"]
    assert found.score >= before.score
    assert found.resources["lut"] < before.resources["lut"]
    assert found.resources["ebops"] < before.resources["ebops"]
    assert all(np.array_equal(weights[n][r], same[n][r]) for n in weights for r in weights[n])
    assert "[" not in "".join(before.precision.values())
    assert "[" not in "".join(own.evaluate(0, params, "uniform")[0].precision.values())
    types = {key: FixedPoint.parse(text) for key, text in found.precision.items()}
    assert own.scores.of(types, weights) == found.score


@zoo.needs_compiler
def test_firmware_computes_what_the_bit_true_model_computes(tmp_path):
    assert firmware_differs(tmp_path, "mlp", "io_parallel", "Latency") == 0


@zoo.needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("rounding", ["RND_CONV", "RND"])
@pytest.mark.parametrize(
    ("io_type", "strategy"),
    [
        ("io_parallel", "Latency"),
        ("io_parallel", "distributed_arithmetic"),
        ("io_stream", "Latency"),
        ("io_stream", "distributed_arithmetic"),
        ("io_stream", "Resource"),
    ],
)
@pytest.mark.parametrize("name", MODELS)
def test_firmware_of_every_kind_computes_what_the_bit_true_model_computes(
    tmp_path, name, io_type, strategy, rounding
):
    assert firmware_differs(tmp_path, name, io_type, strategy, rounding) == 0


@zoo.needs_compiler
@pytest.mark.slow
def test_a_bundle_is_verified_and_estimated_as_it_was(tmp_path):
    """Its files alone give the firmware's outputs and the candidate's estimate."""
    graph, _, narrow, _, x = candidate("cnn")
    left = shrunk(graph, graph.weights, narrow)
    smaller = BitTrue(left.graph)
    smaller.assign(left.types)
    source = of_candidate(
        left.graph, smaller, left.types, [x], io_type="io_parallel", strategy="distributed_arithmetic"
    )
    bundle = write_bundle(source, tmp_path / "best")
    hardware = zoo.hardware(left.graph, "distributed_arithmetic")
    known = describe(left.graph, left.types, left.weights, hardware, Target(part=zoo.PART, clock_ns=5))

    assert said_by_bitfront(bundle)[0] == said_by_script(bundle)[0] == 0
    assert exact_in_a_fresh_process(bundle) == [(1, 1)]
    assert estimate(bundle_design(bundle)).ebops == estimate(known).ebops
    assert "[" in (bundle / "precision.json").read_text()
    assert "third_relu_elements" in (bundle / "hls4ml_config.yaml").read_text()
