"""What the zeros of the weights leave without effect, and the design without it."""

__all__: list[str] = []
