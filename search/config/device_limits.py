"""Limits of a study beside its device: what they come to in absolute units, and which fit neither."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..quantities import QUANTITIES, Limit
from .base import at

if TYPE_CHECKING:
    from .constraints import Constraints
    from .sections import DeviceConfig


def device_limits(device: DeviceConfig, constraints: Constraints) -> dict[str, Limit]:
    """Return the constraints in absolute units, and 100 % of each limitable resource where none is given."""
    from bitfront.hls import part

    capacity = part(device.part).capacity()
    stock = {q.name: capacity[q.key] for q in QUANTITIES.values() if q.on_device and q.limit}
    wanted = {name: Limit(100, "%") for name in stock} | constraints.given()
    return {name: limit.absolute(stock.get(name, 0), device.clock_ns) for name, limit in wanted.items()}


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
        if q.on_device and not limit.unit and limit.value > capacity[q.key]:
            raise at(
                f"constraints.{q.name}",
                f"= {limit} is more than the {capacity[q.key]} of {chosen.name}: lower it, or choose a "
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
