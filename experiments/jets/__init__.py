"""Simulated jets for top-quark and flavour tagging: readers of the samples, and the generators that made
them.
"""

from .loaders import read_flavours, read_sample
from .substructure import SUBSTRUCTURE, substructure

__all__ = ["SUBSTRUCTURE", "read_flavours", "read_sample", "substructure"]
