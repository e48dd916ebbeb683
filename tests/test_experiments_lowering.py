"""Every ready model is one that the search can take: it lowers to the layers its README names."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from bitfront.experiments import gallery
from bitfront.spaces import lower

TRANSFORMER = ["einsum_dense"] * 5 + ["layernorm", "dense", "dense", "layernorm", "dense"]
WEIGHTED = {
    "top_tagging_lstm": ["lstm", "dense", "dense"],
    "top_tagging_gru": ["gru", "dense", "dense"],
    "top_tagging_transformer": TRANSFORMER,
    "gw_transformer": TRANSFORMER,
    "b_tagging_transformer": TRANSFORMER,
    "engine_anomaly_transformer": TRANSFORMER,
    "quickdraw_lstm": ["lstm", "dense", "dense", "dense"],
    "quickdraw_gru": ["gru", "dense", "dense", "dense"],
    "flavour_tagging_lstm": ["lstm", "dense", "dense", "dense"],
    "flavour_tagging_gru": ["gru", "dense", "dense", "dense"],
    "japanese_vowels_lstm": ["lstm", "dense", "dense"],
    "fashion_mnist_cnn": ["conv2d"] * 3 + ["dense"],
    "jets_mlp": ["dense"] * 4,
    "mnist": ["dense"] * 3,
    "dry_bean": ["dense"] * 2,
    "wine": ["dense"],
    "jsc_openml": ["dense"] * 4,
    "jet_constituents": ["conv1d", "conv1d", "dense", "dense"],
    "digits_cnn": ["conv2d", "conv2d", "dense", "dense"],
}


def built(folder: Path):
    """The model that a study folder's model.py builds, loaded by its path as a copy elsewhere would be."""
    spec = importlib.util.spec_from_file_location(f"{folder.name}_lowered", folder / "model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.build()


@pytest.mark.parametrize("study", gallery(), ids=lambda study: study.name)
def test_a_ready_model_lowers_with_all_its_layers_and_weights(study):
    model = built(study.folder)
    graph = lower(model)
    ops = {node.name: node.op for node in graph.nodes}
    assert [ops[name] for name in ops if name in graph.weights] == WEIGHTED[study.name]
    held = sum(array.size for roles in graph.weights.values() for array in roles.values())
    assert held == model.count_params()
