"""What is counted, timed and scored: the tables of quantities and metrics, and the numbers that limit
them.
"""

from .limits import Limit
from .metrics import METRICS, BuiltInMetric, Direction
from .table import QUANTITIES, Quantity, energy_range, measured_name, named, resources_of, told_apart

__all__ = [
    "METRICS",
    "QUANTITIES",
    "BuiltInMetric",
    "Direction",
    "Limit",
    "Quantity",
    "energy_range",
    "measured_name",
    "named",
    "resources_of",
    "told_apart",
]
