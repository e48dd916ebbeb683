"""A study run from its beginning to its report."""

__all__: list[str] = []
