"""The types of a design's tensors: what is chosen, what calibration gives and what is exact."""

__all__: list[str] = []
