"""Colours that people with any colour vision tell apart: Okabe and Ito, "Color Universal Design" (2008)."""

from __future__ import annotations

ORANGE = "#E69F00"
SKY = "#56B4E9"
GREEN = "#009E73"
BLUE = "#0072B2"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"
GREY = "#8a8f98"
INK = "#1f2430"
PAPER = "#ffffff"

METHOD = {"ptq": SKY, "qat": ORANGE}
METHOD_PALE = {"ptq": "#a5d6f3", "qat": "#f1ca73"}
"""The same colours on paper at 55 %, for marks that matter less. Not by opacity: it would make a PDF's bytes
differ.
"""
METHOD_SHAPE = {"ptq": "circle", "qat": "triangle-up"}
STAR = "M0,-1L.28,-.28L1,0L.28,.28L0,1L-.28,.28L-1,0L-.28,-.28Z"
UNIFORM_SHAPE = {"ptq": "diamond", "qat": STAR}
FRONT = BLUE
FLOAT = GREEN
LIMIT = VERMILION
UNIFORM = PURPLE
INTERVAL = "#aeb3bb"
DEVICES = {"FPGA": BLUE, "CPU": ORANGE, "GPU": GREEN}
DEVICE_SHAPE = {"FPGA": "square", "CPU": "circle", "GPU": "diamond"}
QUANTITIES = {
    "lut": BLUE,
    "lut_implemented": ORANGE,
    "ff": SKY,
    "ff_implemented": PURPLE,
    "dsp": VERMILION,
    "latency_ns": GREEN,
}
QUANTITY_SHAPE = {
    "lut": "circle",
    "lut_implemented": "cross",
    "ff": "square",
    "ff_implemented": "triangle-down",
    "dsp": "diamond",
    "latency_ns": "triangle-up",
}
STUDIES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE)
STUDIES_PALE = ("#a6cbe3", "#f2c7a6", "#a6dccf", "#eed3e1", "#f7dea6")
STUDY_SHAPE = ("circle", "square", "triangle-up", "diamond", "cross")
STUDY_DASHES = ([1, 0], [8, 4], [2, 3], [8, 3, 2, 3], [14, 4])
DASHED = [7, 5]
DOTTED = [2, 3]
