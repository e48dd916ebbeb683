"""The two back-ends, and the programs that synthesise their projects.

Which version has which program (UG1399 and UG1702 of each; the hints of the tools' own logs):

| version | programs for hls4ml's `build_prj.tcl` |
|---|---|
| Vivado HLS to 2020.1 | `vivado_hls -f` |
| Vitis HLS 2020.2 to 2022.2 | `vitis_hls -f` |
| 2023.1 to 2024.1 | `vitis-run --mode hls --tcl`; `vitis_hls -f`, with a hint at it from 2023.2 on |
| 2024.2 | the same, `vitis_hls` deprecated |
| 2025.1, 2025.2 | `vitis-run --mode hls --tcl`; no `vitis_hls` that synthesises |

`--mode` must be given, in 2023.1 at least (github.com/fastmachinelearning/hls4ml, pull request 1350), and
arguments for the script can't, so that hls4ml writes `build_opt.tcl` (pull request 1327). `v++ -c --mode hls`
takes a configuration file and no script, and knows C-synthesis only.
"""

from __future__ import annotations

from ..record import Backend
from .patches import PATCHES

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
