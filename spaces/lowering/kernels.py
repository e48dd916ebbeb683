"""Kernels of dilated, grouped and multiplied convolutions, written out as kernels of plain ones.

hls4ml ignores dilation and groups, and a depth multiplier. A convolution with zeros where the layer has no
weight computes the same; zeros cost no multiplier with Latency and distributed arithmetic, and are never
trained (`Node.attrs["spread"]`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Kernel = NDArray[np.float32]


def dilated(kernel: Kernel, rates: Sequence[int]) -> Kernel:
    """Return a kernel with `rate - 1` zeros between its weights along each axis of positions."""
    sizes = kernel.shape[: len(rates)]
    wide = [(size - 1) * rate + 1 for size, rate in zip(sizes, rates, strict=True)]
    found = np.zeros((*wide, *kernel.shape[len(rates) :]), np.float32)
    found[tuple(slice(None, None, rate) for rate in rates)] = kernel
    return found


def ungrouped(kernel: Kernel, groups: int) -> Kernel:
    """Return the kernel over all channels of one in groups, shape (*window, channels / groups, filters)."""
    *window, channels, filters = kernel.shape
    found = np.zeros((*window, channels * groups, filters), np.float32)
    each = filters // groups
    for group in range(groups):
        to = slice(group * each, (group + 1) * each)
        found[..., group * channels : (group + 1) * channels, to] = kernel[..., to]
    return found


def full(kernel: Kernel) -> Kernel:
    """Return the kernel over all channels of a depthwise one, shape (*window, channels, multiplier).

    Channel `c` gives the filters from `c * multiplier` on.
    """
    *window, channels, multiplier = kernel.shape
    found = np.zeros((*window, channels, channels * multiplier), np.float32)
    for channel in range(channels):
        own = slice(channel * multiplier, (channel + 1) * multiplier)
        found[..., channel, own] = kernel[..., channel, :]
    return found
