"""What is searched: the study's model and data, loaded and checked, and how outputs are scored."""

from .data import MIN_SAMPLES, Dataset
from .float_model import train_float
from .load import Problem, load_model, load_problem
from .metrics import build_ranking

__all__ = ["MIN_SAMPLES", "Dataset", "Problem", "build_ranking", "load_model", "load_problem", "train_float"]
