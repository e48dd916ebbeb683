"""LUTs that da4ml gives for one of HGQ2's candidates, the whole network, in HGQ2's environment.

`PYTHON_OF_HGQ2 hgq2_luts.py TASK_FOLDER OUT PLACE` prints the number last. da4ml is of bitfront's version,
with the options that bitfront traces its own networks with.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from candidates import read_task
from hgq2_layers import build

OPTIONS = {"hard_dc": 2, "search_all_decompose_dc": False}
"""Of da4ml's solver (see `bitfront.hls.rtl`)."""


def luts(folder: Path, out: Path, place: int) -> float:
    """Return da4ml's LUTs of a candidate of the sweep, by its place in `candidates.json`."""
    from da4ml.converter import trace_model
    from da4ml.trace import HWConfig, comb_trace

    model = build(*read_task(folder))
    with np.load(out / "candidates.npz", allow_pickle=False) as arrays:
        model.set_weights([arrays[f"{place}/w{i}"] for i in range(len(model.get_weights()))])
    inputs, outputs = trace_model(model, HWConfig(1, -1, -1), solver_options=OPTIONS)
    return float(comb_trace(inputs, outputs).cost)


if __name__ == "__main__":
    print(luts(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
