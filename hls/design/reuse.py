"""Reuse factors and strategies: what hls4ml 1.3's firmware computes correctly with, and what is built for a
wish.

hls4ml checks a Resource layer's factor by the size of its product alone
(`FPGABackend.get_valid_reuse_factors`). Its C++ asks for more in two places, and for some sizes computes
something else in silence where it isn't given that:

- `conv_1d_resource_cl` and `conv_2d_resource_cl`, which compute convolutions with io_parallel, 1 x 1 ones and
  Dense layers over positions (hls4ml makes convolutions of these) among them, hold the whole window for one
  output: no factor above its kernel height x width x channels. The first stops with an assertion, the
  assertion of the second holds always.
- a bidirectional layer takes the code of both products by the first one's factor, and lists factors for three
  gates.

Everything else takes the factors of hls4ml's list; the Latency strategy, which only limits multipliers, takes
any. `tests/test_reuse_firmware.py` compiles all of them.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable
from functools import lru_cache

from bitfront.spaces import Graph, Node

from ..operation import operation
from .weights import DesignError

__all__ = [
    "built_reuse_factors",
    "built_strategy",
    "closest_reuse_factor",
    "legal_reuse_factor",
    "legal_reuse_factors",
    "node_reuse_factors",
    "settle_reuse_factors",
]

DISTRIBUTED = "distributed_arithmetic"


def _legal(n_in: int, n_out: int, reuse: int) -> bool:
    # `_validate_reuse_factor`; its third condition (the reuse factor divides n_in * n_out) holds for the
    # divisors.
    limit = math.ceil(n_in * n_out / min(n_in, reuse))
    return (limit % n_out == 0 or reuse >= n_in) and (reuse % n_in == 0 or reuse < n_in)


@lru_cache(maxsize=1024)
def legal_reuse_factors(n_in: int, n_out: int) -> tuple[int, ...]:
    """Reuse factors that hls4ml's Resource strategy takes for a product of `n_in` inputs and `n_out` outputs.

    Ascending; the same as `FPGABackend.get_valid_reuse_factors`, without trying every number. What a layer's
    firmware can be built with may be fewer, see `node_reuse_factors`.

    Raises:
        DesignError: a size isn't positive, or the product has 2^32 factors or more, beyond hls4ml's unsigned.
    """
    total = n_in * n_out
    if min(n_in, n_out) < 1 or total >= 2**32:
        raise DesignError(f"A product of {n_in:g} inputs and {n_out:g} outputs can't be built by hls4ml.")
    small = [d for d in range(1, math.isqrt(total) + 1) if total % d == 0]
    divisors = sorted({*small, *(total // d for d in small)})
    return tuple(d for d in divisors if _legal(n_in, n_out, d))


def closest_reuse_factor(n_in: int, n_out: int, wanted: int, *, largest: bool = True) -> int:
    """Return the factor of its list that hls4ml silently takes for `wanted`: the nearest, the lower on a tie.

    `largest=False` leaves out the largest, as the unrolled Resource strategy does
    (`set_closest_reuse_factor(include_max_rf=False)`).
    """
    legal = legal_reuse_factors(n_in, n_out)
    return _nearest(legal if largest or len(legal) == 1 else legal[:-1], wanted)


def _nearest(legal: tuple[int, ...], wanted: int) -> int:
    """Return the nearest of ascending factors, the lower on a tie."""
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

    Of any design, legal or not: for a study's own layers see `built_reuse_factors`. `n_in`, `n_out`: of the
    layer's product (`LayerDescription.matrix`: a convolution's window by its filters, a recurrent layer's
    inputs by all its gates). `n_state` of a recurrent layer gives the second factor, which hls4ml settles for
    the `n_state` by `n_out` recurrent product on its own (`init_lstm`, `init_gru`); else it is None. The
    Resource strategy takes the nearest legal factor and, unrolled, leaves the largest out; the Latency
    strategy takes any, which limits multipliers only; distributed arithmetic takes 1 alone.
    """
    if strategy.startswith("resource"):
        largest = strategy != "resource_unrolled" or wanted == 1
        kernel = closest_reuse_factor(n_in, n_out, wanted, largest=largest)
        return kernel, None if n_state is None else closest_reuse_factor(
            n_state, n_out, wanted, largest=largest
        )
    if strategy in (DISTRIBUTED, "da"):
        return 1, None if n_state is None else 1
    return max(1, wanted), None if n_state is None else max(1, wanted)


def built_strategy(node: Node, strategy: str) -> str:
    """Return the strategy, in lower case, with which a node is built where `strategy` is asked for.

    There are no constants to distribute in a product of two tensors, and hls4ml has no distributed arithmetic
    for depthwise convolutions: `init_depconv1d` and `init_depconv2d` take Latency without a word.
    """
    asked = strategy.lower()
    return "latency" if asked == DISTRIBUTED and not operation(node.op).distributable else asked


def node_reuse_factors(
    graph: Graph, name: str, strategy: str, io_type: str, *, recurrent: bool = False
) -> tuple[int, ...] | None:
    """Return the reuse factors, ascending, with which the firmware of node `name` is right; None: with any
    from 1 up.

    `recurrent`: those of a recurrent layer's recurrent kernel.
    """
    node = graph[name]
    if "reuse_factor" not in node.traits.hardware:
        return None
    built = built_strategy(node, strategy)
    if built == DISTRIBUTED:
        return (1,)
    if built != "resource":
        return None
    return operation(node.op).reuse_factors(graph, node, io_type, recurrent=recurrent)


def legal_reuse_factor(
    graph: Graph,
    name: str,
    wanted: int,
    strategies: Iterable[str] = ("Resource",),
    io_type: str = "io_parallel",
    *,
    recurrent: bool = False,
) -> int:
    """Return the reuse factor nearest to `wanted`, the lower on a tie, that is right with every one of
    `strategies`.
    """
    found = [node_reuse_factors(graph, name, s, io_type, recurrent=recurrent) for s in strategies]
    bounded = [set(legal) for legal in found if legal is not None]
    if not bounded:
        return max(1, wanted)
    return _nearest(tuple(sorted(set.intersection(*bounded))), wanted)


def built_reuse_factors(
    graph: Graph,
    name: str,
    wanted: int,
    recurrent: int | None = None,
    *,
    strategy: str = "Resource",
    io_type: str = "io_parallel",
) -> tuple[int, int | None]:
    """Return the reuse factors that node `name` is built with, the second of a recurrent kernel, else None.

    Each is the legal one nearest to what is asked for: `wanted` for both, unless `recurrent` is given. A
    bidirectional layer has one for both. Where any factor is right, the second is `recurrent` as it was
    given.
    """
    node = graph[name]
    kernel = legal_reuse_factor(graph, name, wanted, (strategy,), io_type)
    if node.traits.family != "recurrent":
        return kernel, None
    if node_reuse_factors(graph, name, strategy, io_type, recurrent=True) is None:
        return kernel, recurrent
    if "recurrent_reuse_factor" not in node.traits.hardware:  # one for both products
        return kernel, kernel
    asked = wanted if recurrent is None else recurrent
    return kernel, legal_reuse_factor(graph, name, asked, (strategy,), io_type, recurrent=True)
