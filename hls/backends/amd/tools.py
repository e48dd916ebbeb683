"""The two back-ends, and the programs that synthesise their projects."""

from __future__ import annotations

from ..record import Backend
from .patches import PATCHES

# UG1399: vitis-run since 2023.2, vitis_hls before; v++ alone knows C-synthesis only
VITIS = Backend(
    name="Vitis",
    about="Vitis HLS",
    programs=("vitis-run", "vitis_hls", "v++"),
    settings="source the settings64.sh of Vitis 2022.2 or newer",
    patches=PATCHES,
)
VIVADO = Backend(
    name="Vivado",
    about="the older Vivado HLS",
    programs=("vivado_hls",),
    settings="source the settings64.sh of Vivado HLS 2020.1 or older",
    patches=PATCHES,
)
