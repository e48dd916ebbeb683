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
UNIFORM_PLOTLY = {"ptq": "diamond", "qat": "star-diamond"}
UNIFORM_MATPLOTLIB = {"ptq": "D", "qat": "d"}
FRONT = BLUE
FLOAT = GREEN
LIMIT = VERMILION
UNIFORM = PURPLE
WIDTHS = "cividis"
"""Colour map of bit widths, even in lightness and safe for colour-blind readers; both plotters know it."""
DEVICES = {"FPGA": BLUE, "CPU": ORANGE, "GPU": GREEN}
DEVICE_PLOTLY = {"FPGA": "square", "CPU": "circle", "GPU": "diamond"}
DEVICE_MATPLOTLIB = {"FPGA": "s", "CPU": "o", "GPU": "D"}
QUANTITIES = {"lut": BLUE, "ff": SKY, "dsp": VERMILION, "latency_ns": GREEN}
QUANTITY_PLOTLY = {"lut": "circle", "ff": "square", "dsp": "diamond", "latency_ns": "triangle-up"}
QUANTITY_MATPLOTLIB = {"lut": "o", "ff": "s", "dsp": "D", "latency_ns": "^"}
STUDIES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE)
STUDY_PLOTLY = ("circle", "square", "triangle-up", "diamond", "x")
STUDY_MATPLOTLIB = ("o", "s", "^", "D", "X")
STUDY_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
