"""Legal reuse factors, as hls4ml chooses them (`hls4ml/backends/fpga/fpga_backend.py`, 1.3)."""

from __future__ import annotations

import math
from bisect import bisect_left
from functools import lru_cache

__all__ = ["closest_reuse_factor", "legal_reuse_factors", "settle_reuse_factors"]


def _legal(n_in: int, n_out: int, reuse: int) -> bool:
    # `_validate_reuse_factor`; its third condition (the reuse factor divides n_in * n_out) holds for the divisors.
    limit = math.ceil(n_in * n_out / min(n_in, reuse))
    return (limit % n_out == 0 or reuse >= n_in) and (reuse % n_in == 0 or reuse < n_in)


@lru_cache(maxsize=1024)
def legal_reuse_factors(n_in: int, n_out: int) -> tuple[int, ...]:
    """Reuse factors that hls4ml's Resource strategy takes for a product of `n_in` inputs and `n_out` outputs.

    Ascending; the same as `FPGABackend.get_valid_reuse_factors`, without trying every number.
    """
    total = n_in * n_out
    small = [d for d in range(1, math.isqrt(total) + 1) if total % d == 0]
    divisors = sorted({*small, *(total // d for d in small)})
    return tuple(d for d in divisors if _legal(n_in, n_out, d))


def closest_reuse_factor(n_in: int, n_out: int, wanted: int, *, largest: bool = True) -> int:
    """Return the legal reuse factor that hls4ml silently takes for `wanted`: the nearest, the lower on a tie.

    `largest=False` leaves out the largest, as the unrolled Resource strategy does
    (`set_closest_reuse_factor(include_max_rf=False)`).
    """
    legal = legal_reuse_factors(n_in, n_out)
    if not largest and len(legal) > 1:
        legal = legal[:-1]
    place = bisect_left(legal, wanted)
    if place == 0:
        return legal[0]
    if place == len(legal):
        return legal[-1]
    before, after = legal[place - 1], legal[place]
    return after if after - wanted < wanted - before else before


def settle_reuse_factors(
    n_in: int, n_out: int, wanted: int, *, strategy: str = "latency", n_state: int | None = None
) -> tuple[int, int | None]:
    """Return the reuse factors that hls4ml's Vivado and Vitis backends end up with, kernel and recurrent.

    `n_in`, `n_out`: of the layer's product (`LayerDescription.matrix`: a convolution's window by its filters, a
    recurrent layer's inputs by all its gates). `n_state` of a recurrent layer gives the second factor, which hls4ml
    settles for the `n_state` by `n_out` recurrent product on its own (`init_lstm`, `init_gru`); else it is None.
    The Resource strategy takes the nearest legal factor and, unrolled, leaves the largest out; the Latency strategy
    takes any, which limits multipliers only; distributed arithmetic takes 1 alone.
    """
    if strategy.startswith("resource"):
        largest = strategy != "resource_unrolled" or wanted == 1
        kernel = closest_reuse_factor(n_in, n_out, wanted, largest=largest)
        return kernel, None if n_state is None else closest_reuse_factor(
            n_state, n_out, wanted, largest=largest
        )
    if strategy in ("distributed_arithmetic", "da"):
        return 1, None if n_state is None else 1
    return max(1, wanted), None if n_state is None else max(1, wanted)
