"""Ready studies: their data, their models, and the gallery of folders that `bitfront run` takes."""

from .datasets import Dataset, load_digits, split_dataset, standardise, stratified_split
from .engines import load_engines
from .fashion import load_fashion_mnist
from .gallery import Study, gallery
from .gw import load_gravitational_waves
from .jets import load_flavour_tagging, load_jets_mlp, load_top_tagging
from .models import (
    b_tagging_transformer,
    digits_cnn,
    engine_anomaly_transformer,
    fashion_mnist_cnn,
    flavour_tagging_gru,
    flavour_tagging_lstm,
    gw_transformer,
    japanese_vowels_lstm,
    jets_mlp,
    quickdraw_gru,
    quickdraw_lstm,
    top_tagging_gru,
    top_tagging_lstm,
    top_tagging_transformer,
)
from .quickdraw import load_quick_draw
from .vowels import load_japanese_vowels

__all__ = [
    "Dataset",
    "Study",
    "b_tagging_transformer",
    "digits_cnn",
    "engine_anomaly_transformer",
    "fashion_mnist_cnn",
    "flavour_tagging_gru",
    "flavour_tagging_lstm",
    "gallery",
    "gw_transformer",
    "japanese_vowels_lstm",
    "jets_mlp",
    "load_digits",
    "load_engines",
    "load_fashion_mnist",
    "load_flavour_tagging",
    "load_gravitational_waves",
    "load_japanese_vowels",
    "load_jets_mlp",
    "load_quick_draw",
    "load_top_tagging",
    "quickdraw_gru",
    "quickdraw_lstm",
    "split_dataset",
    "standardise",
    "stratified_split",
    "top_tagging_gru",
    "top_tagging_lstm",
    "top_tagging_transformer",
]
