"""hls4ml's configuration of a candidate, every type written out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bitfront.spaces import FixedPoint, Graph, LayerHardware, hardware_of

from ..design.reuse import built_reuse_factors, built_strategy
from ..hls4ml_project.extension import NORM_TYPES
from ..operation import operation
from ..target import Target
from .plain import elements_name

if TYPE_CHECKING:
    import keras

    from ..precision.resolve import Types

_RENAMED = {"slope": "param"}
"""Our role -> hls4ml's name of the type."""
_BY_TYPE_NAME = frozenset({"table", "exp_table", "inv_table", "inv_inp", "inp_norm", *NORM_TYPES})
"""Types that hls4ml 1.3 ignores under `Precision` and takes from a layer's `<role>_t`."""


_PLAIN, _TARGET = LayerHardware(), Target()


def hls_config(
    graph: Graph,
    types: Types,
    model: keras.Model,
    hardware: LayerHardware | Mapping[str, LayerHardware] = _PLAIN,
    target: Target = _TARGET,
) -> dict[str, Any]:
    """Return the configuration for hls4ml's converter, by layer name, without any `auto`.

    `model` is what `to_keras` made. `hardware` holds for all nodes, or is given by node name (`Candidate`).
    Each layer gets the nearest reuse factor that it can be built with for the target's interface
    (`bitfront.hls.design.reuse`): hls4ml's own choice is not always right. hls4ml itself ignores
    `RecurrentReuseFactor`: `recurrent_reuse` makes it count.
    """
    from hls4ml.utils import config_from_keras_model

    from ..hls4ml_project.handlers import register_handlers

    register_handlers()

    config: dict[str, Any] = config_from_keras_model(
        model,
        granularity="name",
        backend=target.backend,
        default_precision="fixed<16,6>",
        default_reuse_factor=1,
    )
    default = (hardware.strategy if isinstance(hardware, LayerHardware) else None) or "Latency"
    config["Model"]["Strategy"] = "Latency" if default == "distributed_arithmetic" else default
    for node in graph:
        layer = config["LayerName"].get(node.name)
        if layer is None:
            continue
        chosen = hardware_of(hardware, node.name)
        layer["Strategy"] = chosen.strategy or "Latency"
        if built_strategy(node, layer["Strategy"]) == "latency":
            layer["Strategy"] = "Latency"
        layer["ReuseFactor"], asked = built_reuse_factors(
            graph,
            node.name,
            chosen.reuse_factor or 1,
            chosen.recurrent_reuse_factor,
            strategy=layer["Strategy"],
            io_type=target.io_type,
        )
        if node.traits.family == "recurrent":
            layer["Static"] = chosen.static
            if asked is not None and "recurrent_reuse_factor" in node.traits.hardware:
                layer["RecurrentReuseFactor"] = asked
        precision = layer.setdefault("Precision", {})
        for key, kind in types.items():
            owner, _, role = key.rpartition("/")
            if owner != node.name:
                continue
            role = _RENAMED.get(role, role)
            if role in _BY_TYPE_NAME:
                layer[f"{role}_t"] = str(kind.container)
                precision.pop(role, None)
            else:
                precision[role] = str(kind.container)
        operation(node.op).configure(graph, node, layer, types, table_size=target.table_size)
        for role, text in precision.items():
            if text == "auto":
                precision[role] = str(types[f"{node.name}/result"].container)
    for node in graph:
        behind = config["LayerName"].get(elements_name(node.name))
        if behind is not None:  # its code rounds; the array behind it holds what comes of that
            kind = types[f"{node.name}/result"]
            behind["Precision"] = {"result": str(FixedPoint(kind.width, kind.integer, kind.signed))}
    return config
