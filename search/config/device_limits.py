"""Limits of a study beside its device: what they come to in absolute units, and which fit neither."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from ..quantities import QUANTITIES, Limit
from .base import at

if TYPE_CHECKING:
    from .constraints import Constraints
    from .sections import DeviceConfig


def device_limits(
    device: DeviceConfig, constraints: Constraints, objectives: Iterable[str] = ()
) -> dict[str, Limit]:
    """Return the constraints in absolute units, and 100 % of each limitable resource where none is given.

    Where a resource is counted in two ways (LUTs by C-synthesis, and implemented), a limit on one is enough,
    and the 100 % are of the one among the objectives, or of what C-synthesis reports.
    """
    from bitfront.hls import part

    capacity = part(device.part).capacity()
    limited = [q for q in QUANTITIES.values() if q.on_device and q.limit]
    given, named = constraints.given(), set(objectives)
    wanted: dict[str, Limit] = {}
    for q in limited:
        alike = [other.name for other in limited if other.stock == q.stock]
        # one of the figures of a stock bounds the design: what C-synthesis reports, unless a study is after
        # the other one
        first = next((name for name in alike if name in named), alike[0])
        if q.name == first and not any(name in given for name in alike):
            wanted[q.name] = Limit(100, "%")
    stock = {q.name: capacity[q.stock] for q in limited}
    wanted |= given
    order = dict.fromkeys(name for name in (*stock, *given) if name in wanted)
    return {
        name: _surely(name, wanted[name], constraints).absolute(stock.get(name, 0), device.clock_ns)
        for name in order
    }


def _surely(name: str, limit: Limit, constraints: Constraints) -> Limit:
    """Return a limit with the study's confidence, if it is on a figure whose errors are known."""
    uncertain = name in QUANTITIES and QUANTITIES[name].uncertain
    return replace(limit, confidence=constraints.confidence) if uncertain else limit


def check_limits(device: DeviceConfig, constraints: Constraints, objectives: Iterable[str]) -> None:
    """Refuse limits beyond the device, below a clock cycle, or of zero on what is an objective.

    Raises:
        PydanticCustomError: for the first such key.
    """
    from bitfront.hls import part

    chosen, wanted = part(device.part), set(objectives)
    capacity, clock_ns = chosen.capacity(), device.clock_ns
    given = constraints.given()
    for q in QUANTITIES.values():
        limit = given.get(q.name)
        if limit is None:
            continue
        if q.on_device and not limit.unit and limit.value > capacity[q.stock]:
            raise at(
                f"constraints.{q.name}",
                f"= {limit} is more than the {capacity[q.stock]} of {chosen.name}: lower it, or choose a "
                f"larger device",
            )
        if limit.value == 0 and q.on_device and q.name in wanted:
            raise at(
                "objectives", f"has {q.name}, which constraints.{q.name} sets to 0: leave one of them out"
            )
        if q.unit == "ns" and limit.absolute(clock_ns=clock_ns).value < clock_ns:
            raise at(
                f"constraints.{q.name}",
                f"= {limit} is less than one clock cycle ({clock_ns:g} ns): raise it or shorten the clock",
            )
