"""Ready studies: their data, their models, and the gallery of folders that `bitfront run` takes."""

from .datasets import Dataset, load_digits, split_dataset, standardise, stratified_split
from .gallery import Study, gallery
from .jets import load_jets_mlp, load_top_tagging
from .models import digits_cnn, jets_mlp, top_tagging_gru, top_tagging_lstm

__all__ = [
    "Dataset",
    "Study",
    "digits_cnn",
    "gallery",
    "jets_mlp",
    "load_digits",
    "load_jets_mlp",
    "load_top_tagging",
    "split_dataset",
    "standardise",
    "stratified_split",
    "top_tagging_gru",
    "top_tagging_lstm",
]
