"""What every operation must keep, asked of each that is registered: bitfront's own and those of other
packages.

That its bit-true layer is hls4ml's C++ is asked in `test_conformance.py`, of models that hold every one of
them.
"""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
import zoo

from bitfront.hls import DesignDescription, Operation, Target, describe, operations
from bitfront.hls.backends import IO_TYPES, STRATEGIES
from bitfront.hls.bit_true.model import BitTrue
from bitfront.hls.estimate import site_estimate
from bitfront.hls.ops import Elementwise
from bitfront.hls.precision import resolve
from bitfront.spaces import Graph, Node, Traits, UserError, lower, register, traits, unregister

BUILT = sorted(op for op, one in operations().items() if one.traits.built)


@cache
def models() -> dict[str, tuple[Graph, BitTrue, dict, dict]]:
    """Return graph, bit-true model, types and design of each group of the zoo; types are wide, so that little
    is zero.
    """
    found = {}
    for group in zoo.GROUPS:
        graph, bit_true, types = zoo.prepared(zoo.zoo(group, 1), zoo.data(group, 64), 1, low=8, high=12)
        design = describe(graph, types, bit_true.weights(), {}, Target(part=zoo.PART))
        found[group] = graph, bit_true, types, design
    return found


def nodes(op: str) -> list[tuple[Graph, Node, BitTrue, dict, DesignDescription]]:
    """Return every node of an operation in the zoo, with its model."""
    return [
        (graph, node, bit_true, types, design)
        for graph, bit_true, types, design in models().values()
        for node in graph
        if node.op == op
    ]


@pytest.mark.parametrize("op", BUILT)
class TestOperation:
    """A new operation needs a branch in `tests/zoo.py`, and then keeps all of this."""

    def test_a_model_of_the_conformance_tests_holds_it(self, op):
        assert nodes(op)

    def test_it_gives_a_type_to_every_tensor_that_a_candidate_chooses(self, op):
        for graph, node, _, types, _ in nodes(op):
            assert {tensor.key for tensor in graph.tensors(node)} <= set(types)
            assert f"{node.name}/result" in types

    def test_its_cost_is_finite_and_every_part_of_it_is_stated(self, op):
        for _, node, _, _, design in nodes(op):
            whole = site_estimate(design)
            row = next(layer for layer in whole.layers if layer.name == node.name)
            parts = (row.lut, row.ff, row.dsp, row.bram18, row.latency_cycles, row.ebops, row.energy_pj)
            assert all(np.isfinite(part) and part >= 0 for part in parts)
            assert row.ii_cycles >= 1
            again = DesignDescription.from_json(design.to_json())
            assert again == design

    def test_what_cannot_be_other_than_zero_is_zero(self, op):
        """With weights and inputs of which many are zero, nothing outside `reaches` ever has a value."""
        for seed in (0, 1):
            for node, layer, sources, own in sparse_nodes(op, seed):
                live = [x.any(0) for x in sources]
                own_there = {role: array != 0 for role, array in own.items()}
                mask = np.broadcast_to(operations()[op].reaches(node, live, own_there), node.shape)
                values = np.asarray(layer([tf.constant(x) for x in sources]))
                assert not values[:, ~mask].any(), node

    def test_what_a_result_does_not_need_changes_nothing_of_it(self, op):
        for node, layer, sources, own in sparse_nodes(op, 0):
            rng = np.random.default_rng(7)
            wanted = rng.random(node.shape) < 0.3
            live = [x.any(0) for x in sources]
            own_there = {role: array != 0 for role, array in own.items()}
            # of cells, others may reach what is wanted step after step
            computed = operations()[op].computes(node, wanted, own_there)
            needs = operations()[op].needs(node, computed, live, own_there)
            changed = []
            for x, need in zip(sources, needs, strict=True):
                free = ~np.broadcast_to(need, x.shape[1:]) & x.any(0)
                # other values of the same kind, where nothing may depend on them
                changed.append(np.where(free, np.roll(x, 1, axis=0), x))
            before, after = (np.asarray(layer([tf.constant(x) for x in xs])) for xs in (sources, changed))
            assert np.array_equal(before[:, wanted], after[:, wanted]), node

    def test_it_says_with_what_it_can_be_built_and_why_not_with_the_rest(self, op):
        operation = operations()[op]
        for graph, node, *_ in nodes(op):
            source = graph[node.inputs[0]].shape
            where = {io: operation.refused(node, source, io) for io in IO_TYPES}
            how = {s: operation.refused_strategy(s.lower()) for s in STRATEGIES}
            assert None in where.values(), f"{node.name} can't be built at all"
            assert None in how.values(), f"{node.name} can't be built at all"
            for reason in (*where.values(), *how.values(), operation.rtl_refusal):
                assert reason is None or len(reason.split()) > 4, reason

    def test_the_keras_model_that_hls4ml_reads_is_lowered_to_it_again(self, op):
        for graph, node, _, types, _ in nodes(op):
            own = {
                role: types[f"{node.name}/{role}"].quantize(a)
                for role, a in graph.weights.get(node.name, {}).items()
            }
            own |= operations()[op].keras_values(node, types)
            inputs = [keras.Input(graph[name].shape, name=name) for name in node.inputs]
            layer = operations()[op].keras_layer(node, own, types)
            output = layer(inputs[0] if len(inputs) == 1 else inputs)
            again = lower(keras.Model(inputs, output), head="keep")
            made = again[again.outputs[0]]
            assert made.shape == node.shape
            assert made.op == op or not made.inputs  # a rounding alone is no layer of Keras's


@cache
def sparse_model(group, seed):
    """Return the bit-true model of a group with many weights zero, in float64, its weights and a random
    generator's seed.
    """
    graph, _, types, _ = models()[group]
    rng = np.random.default_rng(seed)
    weights = {
        name: {role: (a * _columns(rng, a)).astype(np.float32) for role, a in roles.items()}
        for name, roles in graph.weights.items()
    }
    model = BitTrue(graph.with_weights(weights))
    model.assign(types)
    model.mode.exact, model.mode.training, model.mode.dtype = True, False, tf.float64
    return model, weights


def sparse_nodes(op, seed):
    """Give each node of an operation on sparse inputs with sparse weights: its layer, its inputs, its rounded
    weights.
    """
    for group, (graph, _, types, _) in models().items():
        for node in (one for one in graph if one.op == op):
            model, weights = sparse_model(group, seed)
            rng = np.random.default_rng(seed)
            own = {r: types[f"{node.name}/{r}"].quantize(a) for r, a in weights.get(node.name, {}).items()}
            sources = []
            for name in node.inputs:
                kind, shape = types[f"{name}/result"], graph[name].shape
                x = kind.quantize(rng.normal(size=(16, *shape)) * kind.max / 3)
                x = np.clip(x, 0, graph.entries(graph[name]) - 1) if graph.entries(graph[name]) else x
                sources.append(x * (rng.random(shape) < 0.6))
            yield node, model.layers[node.name], sources, own


def _columns(rng, array):
    """Return a mask of zeros in an array, whole columns among them."""
    mask = rng.random(array.shape) < 0.7
    return mask & (rng.random(array.shape[-1:]) < 0.7)


# -- other packages ------------------------------------------------------------------------------------------


class Doubled(Elementwise):
    """Twice the input, as a package of its own would bring it."""

    keeps_zero = True

    def layer(self, graph, node, mode, settings):
        from bitfront.hls.bit_true.base import Layer

        class Twice(Layer):
            def __call__(self, inputs):
                return self.result(2 * inputs[0])

        return Twice(graph, node, mode)

    def mantissa_bits(self, node, own, x):
        return x[0].width + 1

    def described_as(self, node):
        return "add"


@keras.saving.register_keras_serializable(package="tests")
class TwiceLayer(keras.layers.Layer):
    """Twice the input."""

    def call(self, x):
        return 2.0 * x


@pytest.fixture
def doubled():
    """Offer an operation of another package for the length of a test."""

    def lowered(work, layer, inputs, shape):
        return work.add(layer, "doubled", inputs, shape)

    one = Doubled(Traits(op="doubled", family="activation", layers={"Doubled": lowered}))
    register(one)
    yield one
    unregister("doubled")


def test_an_operation_of_another_package_is_lowered_computed_and_priced(doubled):
    graph = Graph(
        nodes=(
            Node(name="x", op="input", inputs=(), shape=(4,), layer="x"),
            Node(name="twice", op="doubled", inputs=("x",), shape=(4,), layer="twice"),
        ),
        outputs=("twice",),
        weights={},
    )
    bit_true = BitTrue(graph)
    x = zoo.data("vector", 32)[:, :4]
    types = resolve(graph, {"x/result": 8, "twice/result": 10}, bit_true.calibrate([x]))
    bit_true.assign(types)
    assert np.array_equal(
        bit_true.predict([x])[0], types["twice/result"].quantize(2 * types["x/result"].quantize(x))
    )
    design = describe(graph, types, {}, {}, Target(part=zoo.PART))
    assert site_estimate(design).lut > 0


def test_two_operations_of_one_name_are_refused(doubled):
    with pytest.raises(UserError, match="'doubled' already"):
        register(doubled)
    with pytest.raises(UserError, match="'dense' already"):
        register(SimpleNamespace(traits=traits("dense")))


def test_an_unknown_operation_is_refused_with_those_that_are_there():
    with pytest.raises(UserError, match=r"no operation 'conv4d'.*dense"):
        traits("conv4d")


def test_every_operation_has_all_that_the_stages_ask():
    asked = [name for name in vars(Operation) if not name.startswith("_")]
    lacking = {op: [name for name in asked if not hasattr(one, name)] for op, one in operations().items()}
    assert lacking == {op: [] for op in operations()}
