"""The candidates that a search begins with, before a sampler proposes any."""

__all__: list[str] = []
