"""A candidate evaluated: its cost, its rounding, its training, its score."""

__all__: list[str] = []
