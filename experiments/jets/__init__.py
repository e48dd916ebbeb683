"""Simulated jets for top-quark and flavour tagging: their loaders, and the generators that made them."""

from .loaders import load_flavour_tagging, load_jets_mlp, load_top_tagging, read_sample
from .substructure import SUBSTRUCTURE, substructure

__all__ = [
    "SUBSTRUCTURE",
    "load_flavour_tagging",
    "load_jets_mlp",
    "load_top_tagging",
    "read_sample",
    "substructure",
]
