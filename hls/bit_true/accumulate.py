"""Sums in a narrow accumulator.

hls4ml stores every product in the accumulator's type before it adds (`nnet_dense_latency.h`: `accum_t
mult[]`; `nnet_dense_resource.h`: a cast per product), so each product is truncated (`TRN`) on its own and the
sum wraps. Wrapping sums don't depend on their order. The products are laid out one by one, which costs
memory: only studies that search accumulators pay for it.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from bitfront.spaces import FixedPoint, Node

from .quantizer import Mode


class Accumulator:
    """An `ap_fixed<width, integer>` (TRN, WRAP) that products are summed in."""

    def __init__(self, node: Node, mode: Mode) -> None:
        self.node, self.mode = node, mode
        self.packed = tf.Variable([2.0**16, 2.0**8], trainable=False, dtype=tf.float64)

    def assign(self, precision: FixedPoint) -> None:
        """Sum in `precision` from now on."""
        self.packed.assign([1.0 / precision.step, 2.0**precision.integer])

    def store(self, x: Any) -> Any:
        """Return `x` as it is after an assignment to the accumulator (truncated, wrapped)."""
        if not self.mode.exact:
            return x
        scale, span = (tf.cast(self.packed[i], self.mode.dtype) for i in (0, 1))
        kept = tf.floor(x * scale) / scale
        kept = kept - span * tf.floor((kept + span / 2) / span)
        return x + tf.stop_gradient(kept - x) if self.mode.training else kept

    def matmul(self, x: Any, kernel: Any, bias: Any | None) -> Any:
        """Return `x @ kernel + bias` with every product stored first (`x`: [..., n_in], `kernel`: [n_in,
        n_out]).
        """
        if not self.mode.exact:
            total = tf.tensordot(x, kernel, [[-1], [0]])
        else:
            total = tf.reduce_sum(self.store(x[..., :, None] * kernel), axis=-2)
        if bias is not None:
            total = total + self.store(bias)
        return self.store(total)

    def linear(self, x: Any, kernel: Any, bias: Any | None) -> Any:
        """Return the node's sum of products for its input `x` (channels last)."""
        attrs = self.node.attrs
        if "kernel_size" not in attrs:
            return self.matmul(x, kernel, bias)
        one_dimensional = len(attrs["kernel_size"]) == 1
        sizes, strides = attrs["kernel_size"], attrs["strides"]
        padding = "VALID" if attrs["padding"] == "causal" else attrs["padding"].upper()
        if one_dimensional:
            x, sizes, strides = x[:, None], (1, *sizes), (1, *strides)
        patches = tf.image.extract_patches(x, [1, *sizes, 1], [1, *strides, 1], [1, 1, 1, 1], padding)
        if self.node.traits.channel_axes == 2:  # a kernel for each channel
            channels = kernel.shape[-2]
            shape = tf.concat([tf.shape(patches)[:-1], [sizes[0] * sizes[1], channels]], 0)
            products = self.store(tf.reshape(patches, shape) * tf.reshape(kernel, (-1, channels)))
            total = tf.reduce_sum(products, axis=-2)
            total = self.store(total if bias is None else total + self.store(bias))
        else:
            total = self.matmul(patches, tf.reshape(kernel, (-1, kernel.shape[-1])), bias)
        return total[:, 0] if one_dimensional else total
