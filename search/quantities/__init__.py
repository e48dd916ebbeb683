"""What is counted, timed and scored: the tables of quantities and metrics, and the numbers that limit them."""

from .limits import Limit
from .table import QUANTITIES, Quantity, named, resources_of

__all__ = ["QUANTITIES", "Limit", "Quantity", "named", "resources_of"]
