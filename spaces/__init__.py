"""What may be chosen: precisions, the tensors of a model that carry them, and the space of candidates."""

from .errors import BitfrontError, NothingFeasible, ToolMissing, UserError

__all__ = ["BitfrontError", "NothingFeasible", "ToolMissing", "UserError"]
