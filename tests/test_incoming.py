"""The candidate that a quantized model already is."""

import html

import keras
import numpy as np
import qkeras
import small_study

from bitfront.hls import BitTrue, resolve
from bitfront.search import write_report
from bitfront.search.analysis.incoming import Incoming
from bitfront.search.analysis.view import StudyView
from bitfront.search.warm_start.incoming import fraction_bits, incoming
from bitfront.spaces import LayerRule, build_space, lower

WIDE = LayerRule(weights=(1, 16), biases=(1, 16), activations=(1, 16))


def quantized():
    keras.utils.set_random_seed(3)
    bits = qkeras.quantized_bits(4, 1, alpha=1)
    dense = {"kernel_quantizer": bits, "bias_quantizer": bits}
    return keras.Sequential(
        [
            keras.Input((6,)),
            qkeras.QDense(8, **dense),
            qkeras.QActivation(qkeras.quantized_relu(5, 2)),
            qkeras.QDense(4, kernel_quantizer=qkeras.ternary(alpha=1), bias_quantizer=bits),
            qkeras.QActivation(qkeras.quantized_bits(6, 3, alpha=1)),
        ]
    )


def test_a_quantized_model_is_a_candidate_that_computes_the_same_bits():
    model, x = quantized(), np.random.default_rng(1).integers(-16, 16, (300, 6)).astype(np.float32) / 8
    graph = lower(model)
    bit_true = BitTrue(graph)
    calibration = bit_true.calibrate([x])
    space = build_space(graph, lambda _: WIDE, inputs=(12, 12))
    params = incoming(graph, space, calibration.peaks)
    candidate = space.candidate(params)
    bit_true.assign(resolve(graph, candidate.widths, calibration))

    assert np.array_equal(bit_true.predict([x])[0], model.predict(x, verbose=0))
    assert candidate.method == "ptq"
    assert max(value for name, value in params.items() if name.endswith("weights")) <= 5


def test_a_float_model_is_no_candidate():
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3)])
    graph = lower(model)

    assert incoming(graph, build_space(graph, lambda _: WIDE), {}) is None


def test_the_bits_behind_the_point_are_counted():
    assert fraction_bits(np.float32([0.5, -0.75])) == 2
    assert fraction_bits(np.float32([4, -8])) == -2
    assert fraction_bits(np.float32([1 / 3])) is None


QUANTIZED = """
import keras, qkeras

def build():
    bits = qkeras.quantized_bits(4, 1, alpha=1)
    dense = {"kernel_quantizer": bits, "bias_quantizer": bits}
    return keras.Sequential([keras.Input((8,), name="x"), qkeras.QDense(6, **dense, name="hidden"),
                             qkeras.QActivation(qkeras.quantized_relu(5, 2), name="relu"),
                             qkeras.QDense(3, **dense, name="out"),
                             keras.layers.Activation("softmax", name="softmax")])
"""


def test_the_report_says_by_how_much_the_search_beats_the_model_that_came(tmp_path):
    file = small_study.write(tmp_path)
    (tmp_path / "model.py").write_text(QUANTIZED)
    small_study.run(file, trials=14)
    folder = tmp_path / "studies" / "small"
    found = Incoming.read(folder, StudyView.read(folder))

    kernels = {name: bits for name, bits in found.trial.params.items() if name.endswith("weights")}
    assert found.trial.method == "ptq"
    assert max(kernels.values()) <= 4
    assert found.cheapest is None or found.cheapest.score >= found.trial.score
    page = write_report(folder, figures=False).read_text()
    assert found.sentence in html.unescape(page)

    (folder / "incoming.json").unlink()
    assert Incoming.read(folder, StudyView.read(folder)) is None
