"""A bundle's Keras model, loaded in a fresh process, predicts the golden outputs; its headers hold the
model's numbers.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
import zoo
from bundles import exact_in_a_fresh_process, family, said_by_bitfront, sign

from bitfront.hls import to_qkeras
from bitfront.search.bundle import write_bundle
from bitfront.search.bundle.archive import save_model

keras = pytest.importorskip("keras")

FAMILIES = {
    **{group: {"group": group} for group in zoo.GROUPS},
    **{f"{group}-wide": {"group": group, "low": 6, "high": 16} for group in zoo.GROUPS},
    **{f"{group}-narrow": {"group": group, "narrow": True} for group in ("vector", "image", "recurrent")},
    "sequence-stream": {"group": "sequence", "io_type": "io_stream"},
    "recurrent-resource": {"group": "recurrent", "strategy": "Resource"},
    "image-resource": {"group": "image", "strategy": "Resource", "only": zoo.NOT_DEPTHWISE},
    "merges-distributed": {"group": "merges", "strategy": "distributed_arithmetic"},
    "norms-stream": {"group": "norms", "io_type": "io_stream"},
}


def changed_numbers(path) -> None:
    """Set the last number of a header to another."""
    text = path.read_text()
    numbers = re.search(r"\{(.*)\};", text)[1].split(", ")
    path.write_text(text[: text.rindex(numbers[-1])] + f"{float(numbers[-1]) + 1:.3f}}};\n\n\n#endif\n")


def unnoticed_headers(bundle) -> list[str]:
    """Return the headers of which a changed number, signed anew, passes; nothing is compiled up to there."""
    found = []
    for path in sorted((bundle / "project" / "firmware" / "weights").glob("*.h")):
        text = path.read_text()
        changed_numbers(path)
        sign(bundle)
        code, said = said_by_bitfront(bundle)
        if (code, f"{path.name} holds other numbers than the model" in said) != (1, True):
            found.append(f"{path.name}: {code} {said}")
        path.write_text(text)
    sign(bundle)
    return found


def test_a_transformer_s_and_an_lstm_s_keras_models_predict_the_golden_outputs_in_a_fresh_process(tmp_path):
    """Softmax, layer normalization and recurrent tables are where Keras and QKeras compute something else."""
    transformer = write_bundle(family("attention", only=("one_head",)), tmp_path / "transformer", check=False)
    lstm = write_bundle(family("recurrent", only=("conv_lstm",)), tmp_path / "lstm", check=False)

    assert exact_in_a_fresh_process(transformer, lstm) == [(1, 1), (1, 1)]
    assert unnoticed_headers(lstm) == []
    text = (transformer / "README.md").read_text()
    assert "import bitfront.hls.keras_layers" in text
    assert "(`FirmwareLayer`) where theirs aren't exact: `multi_head_attention_softmax`" in text.replace(
        "\n", " "
    )


def test_what_qkeras_computes_exactly_stays_qkeras_s_and_the_files_are_the_same_twice(tmp_path):
    """Dense and ReLU are QKeras layers; saving anew in another process state gives the same bytes."""
    model, x = zoo.zoo("vector", 1, only=("mlp", "curves")), zoo.data("vector", 50)
    graph, bit_true, types = zoo.prepared(model, x, 5, low=3, high=8)
    made = [to_qkeras(graph, bit_true.weights(), types) for _ in range(2)]
    kinds = {layer.name: type(layer).__name__ for layer in made[0].layers}

    assert {kinds[n.name] for n in graph if n.op == "dense"} == {"QDense"}
    assert {kinds[n.name] for n in graph if n.op == "relu"} == {"QActivation"}
    assert {kinds[n.name] for n in graph if n.op in ("tanh", "sigmoid")} == {"FirmwareLayer"}
    files = []
    for number, one in enumerate(made):
        folder = tmp_path / str(number)
        folder.mkdir()
        files.append(save_model(one, folder / "model.keras").read_bytes())
    assert files[0] == files[1]


@zoo.needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_a_bundle_of_each_family_verifies_and_its_keras_model_predicts_the_golden_outputs(name, tmp_path):
    """Firmware, bit-true model and Keras model agree; a number changed in any header is noticed."""
    source = family(**FAMILIES[name])
    bundle = write_bundle(source, tmp_path / "best")

    outputs = len(source.golden_outputs)
    assert exact_in_a_fresh_process(bundle) == [(outputs, outputs)]
    assert unnoticed_headers(bundle) == []


@zoo.needs_compiler
@pytest.mark.slow
def test_the_emulation_computes_with_the_numbers_in_the_headers(tmp_path):
    """With every number of a family's headers set to a half, no emulation gives what it gave."""
    from bitfront.hls import convert

    for group in zoo.GROUPS:
        source = family(group)
        project = convert(source.model, source.hls_config, tmp_path / group, part=zoo.PART).write()
        before = project.compile().predict(source.golden_inputs[0])
        for path in (project.folder / "firmware" / "weights").glob("*.h"):
            path.write_text(
                re.sub(r"\{(.*)\};", lambda m: "{" + re.sub(r"[-\d.]+", "0.5", m[1]) + "};", path.read_text())
            )
        after = project.compile().predict(source.golden_inputs[0])
        pairs = zip(*(y if isinstance(y, list) else [y] for y in (before, after)), strict=True)
        assert not any(np.array_equal(a, b) for a, b in pairs), group
