"""Runs a library that Verilator and da4ml's binder made, in a process of its own: `python -m
bitfront.hls.rtl.simulate`.

Arguments: the library, a file of int32 inputs (.npy), where to write int32 outputs, and how many outputs a
sample has.
"""

from __future__ import annotations

import ctypes
import sys

import numpy as np


def main(library: str, source: str, target: str, outputs: str) -> None:
    """Feed the samples one a cycle and keep what comes out as many cycles later as the pipeline has
    stages.
    """
    x = np.ascontiguousarray(np.load(source), np.int32)
    y = np.zeros((len(x), int(outputs)), np.int32)
    pointers = [one.ctypes.data_as(ctypes.POINTER(ctypes.c_int32)) for one in (x, y)]
    ctypes.CDLL(library).inference(*pointers, ctypes.c_size_t(len(x)), ctypes.c_size_t(1))
    np.save(target, y)


if __name__ == "__main__":
    main(*sys.argv[1:5])
