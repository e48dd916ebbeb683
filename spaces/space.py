"""The space of candidates: named dimensions over the tensors of a graph, with ties."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Literal, get_args

from .candidate import Candidate, layer_hardware
from .errors import UserError
from .graph import Graph, Node, Tensor
from .operations import Hardware

Value = int | str
Params = Mapping[str, Value]
"""Dimension name -> value: what a sampler proposes."""
Kind = Literal["width", "shift", "method", "sparsity"] | Hardware
"""What a dimension chooses; `shift` adds integer bits to the calibrated ones."""
Range = tuple[int, int]
"""Lowest and highest width, both included."""


@dataclass(frozen=True, kw_only=True)
class LayerRule:
    """The widths that the tensors of one Keras layer may have; (0, 0) keeps accumulators lossless."""

    weights: Range = (2, 12)
    recurrent_weights: Range | None = None
    """None: tied to the weights."""
    biases: Range | None = None
    """None: tied to the weights."""
    activations: Range = (3, 12)
    accumulators: Range = (0, 0)
    tables: Range = (12, 12)
    statistics: Range = (12, 12)
    """Mean, variance and normalized values inside a layer normalization."""
    softmax_inputs: Range = (10, 10)
    """Distance to the largest score, which addresses the exponential table."""


@dataclass(frozen=True)
class Moved:
    """A choice of hardware that a node can't be built with, and the nearest one, which is built."""

    node: str
    kind: Hardware
    asked: Value
    built: Value


@dataclass(frozen=True, kw_only=True)
class Dimension:
    """One choice: an ordinal width (`low`..`high`) or one of `choices`.

    `targets` are tensor keys (widths, shifts) or node names (`Hardware`). A choice of hardware can be built
    as it is where it is for one node; where nodes share it, those that can't have it get the nearest
    (`moved`).
    """

    name: str
    kind: Kind
    targets: tuple[str, ...] = ()
    low: int = 0
    high: int = 0
    choices: tuple[Value, ...] = ()
    moved: tuple[Moved, ...] = ()
    """What was asked for and is built otherwise."""
    stand_ins: tuple[tuple[Value, Value], ...] = ()
    """Values that were asked for and are no choices, each with the choice that builds the same."""

    @property
    def size(self) -> int:
        """How many values it takes."""
        return len(self.choices) or self.high - self.low + 1

    @property
    def ordinal(self) -> bool:
        """Whether its values have an order: widths, and choices that are numbers."""
        return not self.choices or all(isinstance(choice, int) for choice in self.choices)

    def choice(self, value: Value) -> Value:
        """Return the choice that stands for what was asked for; other values as they are."""
        return dict(self.stand_ins).get(value, value)

    def position(self, value: Value) -> int:
        """Return the place of a value, from 0."""
        return self.choices.index(self.choice(value)) if self.choices else int(value) - self.low

    def built(self, value: Value) -> dict[str, Value]:
        """Return what each target is built with where `value` is chosen."""
        moved = {one.node: one.built for one in self.moved if one.asked == value}
        return {target: moved.get(target, value) for target in self.targets}

    def holds(self, value: Value) -> bool:
        """Return whether `value` is one of its values."""
        return (
            value in self.choices
            if self.choices
            else isinstance(value, int) and self.low <= value <= self.high
        )


@dataclass(frozen=True, kw_only=True)
class Space:
    """Dimensions with more than one value, and what is fixed."""

    dimensions: tuple[Dimension, ...]
    fixed: tuple[Dimension, ...] = field(default=())
    """Dimensions with one value: part of every candidate, not of its parameters."""

    def __getitem__(self, name: str) -> Dimension:
        for dimension in self.dimensions:
            if dimension.name == name:
                return dimension
        raise KeyError(name)

    @property
    def size(self) -> int:
        """Number of configurations."""
        return prod(d.size for d in self.dimensions)

    @property
    def different(self) -> int:
        """Number of different candidates: one that isn't trained has no sparsity."""
        methods = next((d.choices for d in (*self.dimensions, *self.fixed) if d.kind == "method"), ("ptq",))
        each = sum(len(self.sparsities) if method == "qat" else 1 for method in methods)
        return each * prod(d.size for d in self.dimensions if d.kind not in {"method", "sparsity"})

    @property
    def sparsities(self) -> tuple[int, ...]:
        """The choices of sparsity in percent, ascending from 0; 0 alone where it isn't searched."""
        chosen = next((d.choices for d in self.dimensions if d.kind == "sparsity"), (0,))
        return tuple(map(int, chosen))

    @property
    def moved(self) -> tuple[Moved, ...]:
        """What the study file asks of the hardware and is built otherwise."""
        return tuple(one for d in (*self.fixed, *self.dimensions) for one in d.moved)

    def candidate(self, params: Params) -> Candidate:
        """Return the candidate that `params` (one value a dimension) stand for.

        Raises:
            UserError: when a value is missing or outside its dimension.
        """
        widths: dict[str, int] = {}
        shifts: dict[str, int] = {}
        hardware: dict[Hardware, dict[str, Value]] = {kind: {} for kind in get_args(Hardware)}
        method, sparsity = "ptq", 0
        for dimension in (*self.fixed, *self.dimensions):
            value = self._value(dimension, params)
            if dimension.kind == "method":
                method = str(value)
            elif dimension.kind == "sparsity":
                sparsity = int(value)
            elif dimension.kind == "width":
                widths |= {target: int(bits) for target, bits in dimension.built(value).items()}
            elif dimension.kind == "shift":
                shifts |= {target: int(bits) for target, bits in dimension.built(value).items() if bits}
            else:
                hardware[dimension.kind] |= dimension.built(value)
        return Candidate(
            method=method,
            widths=widths,
            shifts=shifts,
            hardware=layer_hardware(hardware),
            sparsity=sparsity if method == "qat" else 0,
        )

    def _value(self, dimension: Dimension, params: Params) -> Value:
        if dimension in self.fixed:
            return dimension.choices[0] if dimension.choices else dimension.low
        if dimension.name not in params:
            raise UserError(f"The candidate has no value for {dimension.name!r}.")
        value = dimension.choice(params[dimension.name])
        if not dimension.holds(value):
            allowed = dimension.choices or f"{dimension.low}..{dimension.high}"
            raise UserError(f"{dimension.name} = {value!r} is outside the space, which has {allowed}.")
        return value

    def uniform(self, width: int, method: str) -> dict[str, Value]:
        """Return the parameters that give every tensor `width` bits, as far as the ranges allow.

        Accumulators, tables and what lies inside a layer get their widest type, what is chosen of the
        hardware its first choice, and the sparsity its first, which is 0.
        """
        params: dict[str, Value] = {}
        for d in self.dimensions:
            if d.kind == "method":
                params[d.name] = method if method in d.choices else d.choices[0]
            elif d.kind == "width":
                wide = d.name.endswith(INNER)
                params[d.name] = d.high if wide else min(max(width, d.low), d.high)
            else:
                params[d.name] = 0 if d.kind == "shift" else d.choices[0]
        return params


INNER = (".accumulators", ".tables", ".statistics", ".softmax_inputs")
"""Endings of the dimensions whose uniform value is the widest, and whose integer bits aren't searched."""
_INTEGER = "integer"
_ROLES: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("recurrent_weights", lambda role: role.endswith("recurrent_weight")),
    ("biases", lambda role: role.endswith("bias")),
    ("weights", lambda role: role.endswith(("weight", "scale", "slope"))),
    ("accumulators", lambda role: role == "accum"),
    ("tables", lambda role: role.endswith("table")),
    ("statistics", lambda role: role in {"mean", "variance", "normalized"}),
    ("softmax_inputs", lambda role: role == "inp_norm"),
    ("activations", lambda role: role == "result"),
)


def dimension_kind(name: str) -> Kind:
    """Return what a dimension chooses, from the end of its name: `lstm.reuse_factor`, `method`,
    `lstm.weights` (a width).
    """
    end = name.rpartition(".")[2]
    others: dict[str, Kind] = {kind: kind for kind in ("method", "sparsity", *get_args(Hardware))}
    return "shift" if end == _INTEGER else others.get(end, "width")


def group_of(tensor: Tensor) -> str:
    """Return the group of a tensor within its layer: `weights`, `biases`, `activations`, ..."""
    return next(group for group, matches in _ROLES if matches(tensor.role))


def build_space(
    graph: Graph,
    rule_of: Callable[[str], LayerRule],
    *,
    methods: Sequence[str] = ("ptq", "qat"),
    inputs: Range = (4, 12),
    ties: Iterable[Sequence[str]] = (),
    search_integers: bool = False,
    parts: bool = False,
    hardware: Callable[[Hardware, str], tuple[tuple[Value, ...], bool]] | None = None,
    legal: Callable[[Hardware, str, Value], Value] | None = None,
    sparsity: Sequence[int] = (0,),
) -> Space:
    """Return the space of `graph`.

    `rule_of` gives the widths of a Keras layer by its name; `inputs` those of what enters. `ties`: groups of
    patterns of dimension names that share one width. `parts` gives every part of an attention layer, and
    every sum and normalization of a transformer, dimensions of its own (see `_owner`). `hardware(key, layer)`
    returns the choices of a layer's strategy or reuse factor, none where hls4ml's default is meant, and
    whether they are its own (else they are one choice for the whole model). `legal(key, node, value)` returns
    the nearest value that a node can be built with. `sparsity`: how many weights training may make zero, in
    percent.

    Raises:
        UserError: when a tie matches nothing or joins ranges without a common width.
    """
    found: dict[str, Dimension] = {}
    for node in graph:
        rule = rule_of(node.layer)
        for tensor in graph.tensors(node):
            name, bounds = _width_of(_owner(graph, node, tensor, parts), node, tensor, rule, inputs)
            known = found.get(name)
            targets = (*known.targets, tensor.key) if known else (tensor.key,)
            found[name] = Dimension(name=name, kind="width", targets=targets, low=bounds[0], high=bounds[1])
    dimensions = _tied(list(found.values()), ties)
    if search_integers:
        dimensions += [
            Dimension(name=f"{d.name}.{_INTEGER}", kind="shift", targets=d.targets, low=-2, high=1)
            for d in dimensions
            if not d.name.endswith(INNER)
        ]
    dimensions += _hardware(graph, hardware, legal or (lambda key, node, value: value)) if hardware else []
    zeros = tuple(sparsity) if "qat" in methods else (0,)
    dimensions.append(Dimension(name="sparsity", kind="sparsity", choices=zeros))
    dimensions.append(Dimension(name="method", kind="method", choices=tuple(methods)))
    return Space(
        dimensions=tuple(d for d in dimensions if d.size > 1),
        fixed=tuple(d for d in dimensions if d.size == 1),
    )


def _owner(graph: Graph, node: Node, tensor: Tensor, parts: bool) -> str | None:
    """Return the name under which a tensor's width is searched, where it is not the layer's and the group's.

    In a model with attention, and unless `parts` are searched one by one: the scores and the attention
    weights share one width; a normalization's scale and bias have that of its result; the sum of a residual
    connection has that of the branch it adds. So a block of one attention and two dense layers has some 15
    dimensions.
    """
    if not any(n.traits.multiplies_tensors for n in graph):
        return None
    part = node.attrs.get("part")
    if parts:
        return f"{node.name}.{group_of(tensor)}" if part else None
    if part in {"scores", "softmax"} and tensor.role == "result":
        return f"{node.layer}.scores"
    if node.traits.normalizes and group_of(tensor) in {"weights", "biases"}:
        return f"{node.layer}.activations"
    if node.traits.residual:
        products = [graph[i] for i in node.inputs if graph[i].traits.projects]
        branches = [n for n in products if len(graph.consumers(n.name)) == 1]
        if len(branches) == 1:
            return f"{branches[0].layer}.activations"
    return None


def _width_of(
    owner: str | None, node: Node, tensor: Tensor, rule: LayerRule, inputs: Range
) -> tuple[str, Range]:
    """Return the dimension that sets the width of a tensor, and its range."""
    group = group_of(tensor)
    if node.traits.family == "input":
        return f"{node.layer}.input", inputs
    if group in {"recurrent_weights", "biases"} and getattr(rule, group) is None:
        group = "weights"
    if owner and owner.endswith(".activations"):
        group = "activations"
    bounds: Range = getattr(rule, group)
    return owner or f"{node.layer}.{group}", bounds


def _tied(dimensions: list[Dimension], ties: Iterable[Sequence[str]]) -> list[Dimension]:
    for patterns in ties:
        members = [d for d in dimensions if any(fnmatch.fnmatchcase(d.name, p) for p in patterns)]
        if not members:
            names = ", ".join(d.name for d in dimensions)
            raise UserError(f"space.ties: {list(patterns)} matches no dimension; there are {names}.")
        low, high = max(d.low for d in members), min(d.high for d in members)
        if low > high:
            raise UserError(
                f"space.ties: {', '.join(d.name for d in members)} have no width in common; widen their "
                f"ranges."
            )
        targets = tuple(t for d in members for t in d.targets)
        joined = replace(members[0], targets=targets, low=low, high=high)
        dimensions = [
            joined if d is members[0] else d for d in dimensions if d is members[0] or d not in members
        ]
    return dimensions


def _hardware(
    graph: Graph,
    choices_of: Callable[[Hardware, str], tuple[tuple[Value, ...], bool]],
    legal: Callable[[Hardware, str, Value], Value],
) -> list[Dimension]:
    found: list[Dimension] = []
    keys: tuple[Hardware, ...] = get_args(Hardware)
    for key in keys:
        shared: list[str] = []
        for node in graph:
            if key not in node.traits.hardware:
                continue
            choices, own = choices_of(key, node.layer)
            if not choices:
                continue
            if own:
                found.append(_choice(f"{node.layer}.{key}", key, (node.name,), choices, legal))
            else:
                shared.append(node.name)
        if shared:
            choices, _ = choices_of(key, graph[shared[0]].layer)
            found.append(_choice(key, key, tuple(shared), choices, legal))
    return found


def _choice(
    name: str,
    key: Hardware,
    targets: tuple[str, ...],
    asked: tuple[Value, ...],
    legal: Callable[[Hardware, str, Value], Value],
) -> Dimension:
    """Return a choice of hardware: what all its targets are built with, or what is asked of them, each
    different design once.
    """
    offered: dict[tuple[Value, ...], Value] = {}
    stand_ins: list[tuple[Value, Value]] = []
    moved: list[Moved] = []
    for value in asked:
        built = tuple(legal(key, target, value) for target in targets)
        choice = offered.setdefault(built, built[0] if len(set(built)) == 1 else value)
        if choice != value:
            stand_ins.append((value, choice))
        moved += [Moved(t, key, value, one) for t, one in zip(targets, built, strict=True) if one != value]
    return Dimension(
        name=name,
        kind=key,
        targets=targets,
        choices=tuple(offered.values()),
        moved=tuple(moved),
        stand_ins=tuple(stand_ins),
    )
