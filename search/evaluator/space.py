"""The space of candidates that a study file describes for a model."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from bitfront.hls.precision import SOFTMAX_ADDRESS_BITS
from bitfront.spaces import Graph, LayerRule, Space, build_space

from ..config.space import SPARSITIES
from .hardware import nearest_built

if TYPE_CHECKING:
    from ..config import StudyConfig
    from ..config.values import Widths


def space_of(config: StudyConfig, graph: Graph) -> Space:
    """Return the space that a study file describes for a model.

    Raises:
        UserError: when a pattern matches no layer or a tie no dimension.
    """
    layers = list(dict.fromkeys(node.layer for node in graph))
    config.check_layers(layers)
    section = config.space

    def rule_of(layer: str) -> LayerRule:
        rule = section.of_layer(layer)
        if rule.keep is not None:
            kept = _bounds(rule.keep)
            address = (min(kept[0], SOFTMAX_ADDRESS_BITS),) * 2
            return LayerRule(
                weights=kept,
                recurrent_weights=kept,
                biases=kept,
                activations=kept,
                tables=kept,
                statistics=kept,
                softmax_inputs=address,
            )
        return LayerRule(
            weights=_bounds(rule.weights),
            recurrent_weights=_tied(rule.recurrent_weights),
            biases=_tied(rule.biases),
            activations=_bounds(rule.activations),
            accumulators=(0, 0) if rule.accumulators == "exact" else _bounds(rule.accumulators),
            tables=_bounds(rule.tables),
            statistics=_bounds(rule.statistics),
            softmax_inputs=_bounds(rule.softmax_inputs),
        )

    return build_space(
        graph,
        rule_of,
        methods=section.method,
        inputs=_bounds(section.input),
        ties=section.ties,
        parts=section.attention == "parts",
        search_integers=section.integer_bits == "search",
        hardware=config.hls.choices,
        legal=partial(nearest_built, config, graph),
        sparsity=_sparsities(config, layers),
    )


def _sparsities(config: StudyConfig, layers: Iterable[str]) -> tuple[int, ...]:
    """Return the percentages of zeros that are searched: none by default where zeros spare no multiplier."""
    chosen = config.space.sparsity
    if chosen != "auto":
        return chosen
    spared = any(set(config.hls.choices("strategy", layer)[0]) - {"Resource"} for layer in layers)
    return SPARSITIES if spared else (0,)


def _bounds(widths: Widths | str | None) -> tuple[int, int]:
    assert widths is not None
    assert not isinstance(widths, str)
    return widths.low, widths.high


def _tied(widths: Widths | str | None) -> tuple[int, int] | None:
    return None if widths == "tied" else _bounds(widths)
