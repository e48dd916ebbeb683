"""Ready studies: the gallery of folders that `bitfront run` takes, each whole with its model and data, and
what makes data.
"""

from .datasets import brought
from .engines import RECORDINGS, SAMPLES, synthetic_engines
from .gallery import Study, data_of, gallery, model_of, ready_study
from .quickdraw import PER_CLASS, read_drawings

__all__ = [
    "PER_CLASS",
    "RECORDINGS",
    "SAMPLES",
    "Study",
    "brought",
    "data_of",
    "gallery",
    "model_of",
    "read_drawings",
    "ready_study",
    "synthetic_engines",
]
