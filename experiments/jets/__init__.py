"""Top-quark tagging: simulated jets, their loaders, and the generator that made them."""

from .loaders import load_jets_mlp, load_top_tagging, read_sample
from .substructure import SUBSTRUCTURE, substructure

__all__ = ["SUBSTRUCTURE", "load_jets_mlp", "load_top_tagging", "read_sample", "substructure"]
