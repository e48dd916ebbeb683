"""The hls4ml project of a model: converted, corrected, written, emulated and verified."""

__all__: list[str] = []
