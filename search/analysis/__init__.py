"""What a finished study says: findings, test scores, sensitivity, latency."""

from .findings import Findings, find
from .latency import Timing, measure, record_latency
from .sensitivity import Sensitivity, measure_sensitivity
from .test_scores import TestScores, score_on_test
from .uniform_comparison import baselines_of, searched
from .view import StudyView

__all__ = [
    "Findings",
    "Sensitivity",
    "StudyView",
    "TestScores",
    "Timing",
    "baselines_of",
    "find",
    "measure",
    "measure_sensitivity",
    "record_latency",
    "score_on_test",
    "searched",
]
