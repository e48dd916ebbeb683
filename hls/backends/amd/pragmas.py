"""The pragmas that Vitis HLS knows, with their options: what an exported project may say to it.

Sources: UG1399 2023.1 to 2025.2, "HLS Pragmas"; the grammar of the tool's own front end
(github.com/Xilinx/hls-llvm-project, `XlxPragmaOption.td` and `DiagnosticHLSKinds.td`), which also says which
are deprecated, ignored with a warning, or errors; UG1399, "Migrating from Vivado HLS to Vitis HLS".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["PRAGMAS", "Directive", "Pragma", "read_pragma"]


@dataclass(frozen=True, kw_only=True)
class Directive:
    """One `#pragma HLS NAME`.

    Attributes:
        required: options that must be given.
        names: options whose value is a variable or a function of the C++.
        constants: options whose value is an integer constant expression.
        others: options with any other value.
        words: words that stand alone.
        old: words and options that are only accepted with a warning -> what the tool says of them.
        said: what the tool says of the whole directive, where it isn't taken at its word.
    """

    required: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    constants: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    old: Mapping[str, str] = field(default_factory=dict)
    said: str | None = None

    @property
    def options(self) -> tuple[str, ...]:
        """Every option that takes a value."""
        return (*self.names, *self.constants, *self.others)


_PARTITION = ("block", "cyclic", "complete")
_DEPRECATED = "deprecated: accepted with a warning"
_SHAPE = {
    "required": ("variable",),
    "names": ("variable",),
    "constants": ("factor", "dim"),
    "others": ("type", "off"),
}

PRAGMAS: Mapping[str, Directive] = {
    "aggregate": Directive(
        required=("variable",),
        names=("variable",),
        others=("compact",),
        words=("bit", "byte", "none", "auto"),
    ),
    "alias": Directive(required=("ports",), names=("ports",), others=("offset", "distance")),
    "allocation": Directive(
        required=("instances", "limit"),
        names=("instances",),
        constants=("limit",),
        others=("type",),
        words=("operation", "function"),
    ),
    "array_partition": Directive(**_SHAPE, words=_PARTITION),  # type: ignore[arg-type]
    "array_reshape": Directive(**_SHAPE, words=(*_PARTITION, "object")),  # type: ignore[arg-type]
    "bind_op": Directive(
        required=("variable", "op"), names=("variable",), constants=("latency",), others=("op", "impl")
    ),
    "bind_storage": Directive(
        required=("variable", "type"), names=("variable",), constants=("latency",), others=("type", "impl")
    ),
    "cache": Directive(
        required=("port",), names=("port",), constants=("lines", "depth", "ways"), others=("users",)
    ),
    "dataflow": Directive(words=("disable_start_propagation",)),
    "dependence": Directive(
        names=("variable",),
        constants=("distance",),
        others=("class", "type", "direction", "dependent"),
        words=("array", "pointer", "intra", "inter", "raw", "war", "waw", "true", "false"),
    ),
    "disaggregate": Directive(required=("variable",), names=("variable",)),
    "expression_balance": Directive(words=("off",)),
    "function_instantiate": Directive(required=("variable",), names=("variable",)),
    "inline": Directive(
        words=("recursive", "off"),
        old=dict.fromkeys(("region", "self", "all"), f"{_DEPRECATED} (HLS 207-5538)"),
    ),
    "interface": Directive(
        required=("port",),
        names=("port",),
        constants=(
            "depth", "latency", "num_read_outstanding", "num_write_outstanding", "max_read_burst_length",
            "max_write_burst_length", "max_widen_bitwidth", "channel", "interrupt",
        ),
        others=(
            "mode", "bundle", "offset", "name", "clock", "storage_type", "storage_impl", "register_mode",
            "direct_io",
        ),
        words=(
            "ap_none", "ap_vld", "ap_ack", "ap_hs", "ap_ovld", "ap_fifo", "ap_memory", "bram", "axis",
            "s_axilite", "m_axi", "ap_ctrl_none", "ap_ctrl_hs", "ap_ctrl_chain", "ap_stable", "register",
            "forward", "reverse", "both", "off",
        ),
    ),
    "latency": Directive(constants=("min", "max")),
    "loop_flatten": Directive(words=("off",)),
    "loop_merge": Directive(words=("force",)),
    "loop_tripcount": Directive(required=("max",), constants=("min", "max", "avg")),
    "occurrence": Directive(constants=("cycle",)),
    "performance": Directive(others=("target_ti", "target_tl", "unit", "scope")),
    "pipeline": Directive(
        constants=("ii",),
        others=("style",),
        words=("off", "rewind"),
        old={"enable_flush": f"{_DEPRECATED}: style=flp"},
    ),
    "protocol": Directive(others=("mode",), words=("floating", "fixed")),
    "reset": Directive(required=("variable",), names=("variable",), words=("off",)),
    "stable": Directive(required=("variable",), names=("variable",)),
    "stream": Directive(
        required=("variable",),
        names=("variable",),
        constants=("depth",),
        others=("type",),
        old={"dim": _DEPRECATED, "off": f"{_DEPRECATED}: type=pipo"},
    ),
    "top": Directive(others=("name",)),
    "unroll": Directive(
        constants=("factor",),
        others=("off",),
        words=("skip_exit_check", "complete", "partial"),
        old={"region": f"{_DEPRECATED}: it unrolls the loops of the region one by one"},
    ),
    "data_pack": Directive(
        required=("variable",),
        names=("variable",),
        words=("struct_level", "field_level"),
        said="not supported since 2020.2, ignored with a warning (HLS 207-5514): structs are aggregated",
    ),
    "resource": Directive(
        required=("variable", "core"),
        names=("variable",),
        constants=("latency",),
        others=("core",),
        said=f"{_DEPRECATED}: the tool reads it as bind_storage",
    ),
}  # fmt: skip
"""By lower-case name, as the tool takes them in any case."""


@dataclass(frozen=True)
class Pragma:
    """One pragma, read.

    Attributes:
        name: the name of the directive, in lower case.
        directive: what the tool knows of it.
        values: option, in lower case -> its text.
        words: words that stand alone, in lower case.
        problem: why the tool refuses it; None where it doesn't.
        warning: what the tool says where it accepts it with a warning only; None where it says nothing.
    """

    name: str
    directive: Directive
    values: Mapping[str, str]
    words: tuple[str, ...]
    problem: str | None = None
    warning: str | None = None


def read_pragma(text: str) -> Pragma:
    """Read what stands after `#pragma HLS`, comments removed.

    Options are `NAME=VALUE` with blanks anywhere, words stand alone in any place, both in any case.
    """
    name, _, rest = text.strip().partition(" ")
    name = name.lower()
    directive = PRAGMAS.get(name)
    if directive is None:
        return Pragma(name, Directive(), {}, (), problem=f"no directive of Vitis HLS is called {name!r}")
    words: list[str] = []
    values: dict[str, str] = {}
    known = {*directive.words, *directive.old}
    parts = re.split(r"(\w+)\s*=(?!=)", rest)
    words += parts[0].lower().split()
    for option, value in zip(parts[1::2], parts[2::2], strict=True):
        given = value.split()
        while len(given) > 1 and given[-1].lower() in known:
            words.append(given.pop().lower())
        values[option.lower()] = " ".join(given)
    return Pragma(
        name,
        directive,
        values,
        tuple(words),
        _problem(directive, values, words),
        _warning(directive, values, words),
    )


def _problem(directive: Directive, values: Mapping[str, str], words: list[str]) -> str | None:
    unknown = [word for word in words if word not in directive.words and word not in directive.old]
    unknown += [name for name in values if name not in directive.options and name not in directive.old]
    missing = [name for name in directive.required if not values.get(name)]
    if unknown:
        return f"it has no option {unknown[0]!r}"
    return f"it lacks {missing[0]}=" if missing else None


def _warning(directive: Directive, values: Mapping[str, str], words: list[str]) -> str | None:
    if directive.said:
        return directive.said
    return next((said for key, said in directive.old.items() if key in words or key in values), None)
