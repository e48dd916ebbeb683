"""One number for what a design costs, of the resources that its study wants to be few."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bitfront.hls import part

from ..trials.objectives import Objective

if TYPE_CHECKING:
    from ..evaluator.evaluator import Evaluator

_EITHER = {"lut": "dsp", "lut_implemented": "dsp", "dsp": "lut"}
"""A product takes one or the other: where a study names one alone, wider products would seem to cost
nothing.
"""
_EBOPS_WEIGHT = 0.1
"""Of the EBOPs' logarithm beside that of the resources, which may not change over several bits. Chosen by
hand; no measurement is on record."""


class WeightedCost:
    """The logarithm of a design's share of the device, summed over the resources among the objectives.

    That of its EBOPs where these are an objective or no objective is a resource that the device has a stock
    of.

    Args:
        evaluator: of the study.
        objectives: the study's.
    """

    def __init__(self, evaluator: Evaluator, objectives: Sequence[Objective]) -> None:
        stock = part(evaluator.problem.config.device.part).capacity()
        stocks = {o.key: o.stock for o in objectives if not o.is_metric}
        for key in list(stocks):
            other = _EITHER.get(key)
            if other and other not in stocks.values():
                stocks[other] = other
        self._stock = (
            {}
            if "ebops" in stocks
            else {key: stock[own] for key, own in sorted(stocks.items()) if stock.get(own)}
        )

    def counts_bits(self, strategy: str) -> bool:
        """Whether a single weight costs less with fewer bits: not where the strategy gives all of them one
        multiplier.
        """
        return not self._stock or strategy.lower() != "resource"

    def __call__(self, figures: Mapping[str, float]) -> float:
        """Return the weighted cost of resources, named as `Evaluation.resources` names them: less is
        cheaper.
        """
        ebops = math.log(max(1.0, figures["ebops"]))
        share = sum(figures[key] / stock for key, stock in self._stock.items())
        return math.log(share) + _EBOPS_WEIGHT * ebops if share else ebops
