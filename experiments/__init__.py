"""Ready studies: their data, their models, and the gallery of folders that `bitfront run` takes."""

from .datasets import Dataset, load_digits, split_dataset, standardise, stratified_split
from .gallery import Study, gallery
from .gw import load_gravitational_waves
from .jets import load_jets_mlp, load_top_tagging
from .models import (
    digits_cnn,
    gw_transformer,
    jets_mlp,
    top_tagging_gru,
    top_tagging_lstm,
    top_tagging_transformer,
)

__all__ = [
    "Dataset",
    "Study",
    "digits_cnn",
    "gallery",
    "gw_transformer",
    "jets_mlp",
    "load_digits",
    "load_gravitational_waves",
    "load_jets_mlp",
    "load_top_tagging",
    "split_dataset",
    "standardise",
    "stratified_split",
    "top_tagging_gru",
    "top_tagging_lstm",
    "top_tagging_transformer",
]
