"""Colours that people with any colour vision tell apart: Okabe and Ito, "Color Universal Design" (2008)."""

from __future__ import annotations

BLACK = "#000000"
ORANGE = "#E69F00"
SKY = "#56B4E9"
GREEN = "#009E73"
YELLOW = "#F0E442"
BLUE = "#0072B2"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"
GREY = "#8a8f98"
INK = "#1f2430"

METHOD = {"ptq": SKY, "qat": ORANGE}
MARKER_PLOTLY = {"ptq": "circle", "qat": "triangle-up"}
MARKER_MATPLOTLIB = {"ptq": "o", "qat": "^"}
FRONT = BLUE
FLOAT = GREEN
LIMIT = VERMILION
UNIFORM = PURPLE
WIDTHS = "cividis"
"""Colour map of bit widths, even in lightness and safe for colour-blind readers; both plotters know it."""
