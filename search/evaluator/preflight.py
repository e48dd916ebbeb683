"""Everything that can refuse a study, asked before anything is trained: what passes here is searched."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bitfront.hls import check_model, part
from bitfront.spaces import Graph, Space

from ..problem.data import checked_inputs, gather
from ..problem.own_layers import check_registered
from ..problem.user_code import UserFunction
from ..trials.objectives import constraints_of, parse_objectives
from .prepare import bit_true_model, graph_of, metric_of
from .space import space_of

if TYPE_CHECKING:
    import keras

    from ..problem.data import Inputs
    from ..problem.load import Problem


def preflight(problem: Problem) -> tuple[Graph, Space]:
    """Return the graph and the space of a study, both fit to be searched and built.

    Compares the graph with Keras, layer by layer, on the study's own data and on stressed inputs.

    Raises:
        UserError: in one sentence: a layer that can't be computed or built as the study wants it, or that
            computes something else than in Keras; a pattern, tie or limit that fits nothing; a sampler of the
            user's own that can't be had.
    """
    config, data = problem.config, problem.data
    graph = graph_of(problem)
    space = space_of(config, graph)
    bit_true_model(config, graph, space)
    constraints_of(config.limits(), metric_of(problem.ranking), part(config.device.part).capacity())
    own = own_sampler_function(problem)
    if own is not None:
        from ..samplers.own_sampler import OwnSampler  # here, since it loads Optuna, which takes a second

        OwnSampler(own, config.seed, space, parse_objectives(config.objectives, metric_of(problem.ranking)))
    check_registered(problem.model)
    check_model(problem.model, data.x_train)
    return graph, space


def own_sampler_function(problem: Problem) -> UserFunction | None:
    """Return the function that makes a sampler of the user's own; None where the study takes one of
    bitfront's.

    Raises:
        UserError: when the file or the function is missing, or the file fails to load.
    """
    name = problem.config.sampler
    return UserFunction(name, problem.base_dir, "sampler") if ":" in name else None


def samples_for(model: keras.Model, source: Any, base_dir: Path) -> Inputs:
    """Return the training inputs that a data source holds for `model`, one array per input.

    Raises:
        UserError: when the source can't be read, or its inputs don't fit the model.
    """
    from ..problem.load import input_shapes, load_data

    raw = gather(load_data(source, base_dir), str(source))
    return checked_inputs(raw["x_train"], input_shapes(model), f"{source}: x_train")
