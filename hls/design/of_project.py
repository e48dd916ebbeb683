"""Read the design out of an hls4ml project's own C++: any project, whoever wrote it, by hls4ml 0.6 to 1.3.

`firmware/NAME.cpp` calls one function a layer; `parameters.h` has a struct of constants for each, `defines.h`
the types, `weights/` the numbers. They become a record of the format that `design_records` reads.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from .headers import read_header
from .layers import DesignDescription, DesignError, WeightContent
from .of_record import DEFAULT, from_record, read_type

__all__ = ["is_project", "project_design"]

_TYPEDEF = re.compile(r"typedef\s+(.+?)\s+(\w+)\s*;")
_STRUCT = re.compile(r"struct\s+(\w+)\s*:\s*nnet::(\w+)\s*\{(.*?)\n\};", re.DOTALL)
_CONSTANT = re.compile(r"static\s+const(?:expr)?\s+[\w:]+\s+(\w+)\s*=\s*([^;]+);")
_CALL = re.compile(r"nnet::(\w+)<([^;]*?)>\(([^;]*?)\);(?:\s*//\s*(\S+))?")
_INPLACE = re.compile(r"auto&\s+(\w+)\s*=\s*(\w+)\s*;")
_COMMENT = re.compile(r"//[^\n]*")
_NOT_LAYERS = {"load_weights_from_txt", "load_compressed_weights_from_txt", "load_exponent_weights_from_txt"}
_ELEMENTS = "_elements"
"""End of the names of functions that round elements to widths of their own (`export.plain.elements_name`)."""
_CELLS = {1: "simple_rnn_stack", 3: "gru_stack", 4: "lstm_stack"}
"""The function of a recurrent layer by its products a step, `n_mult`."""
_OPERATORS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.floordiv,
}


def is_project(folder: Path) -> bool:
    """Return whether a folder holds hls4ml's firmware."""
    return (folder / "firmware" / "parameters.h").is_file() and (folder / "firmware" / "defines.h").is_file()


def project_design(folder: Path, *, tool_version: str | None = None) -> DesignDescription:
    """Describe the design that an hls4ml project folder holds; nothing that a tool measured is looked at.

    Raises:
        DesignError: the folder is no such project, or has a layer that can't be described.
    """
    if not is_project(folder):
        raise DesignError(f"{folder} holds no firmware/parameters.h: give the folder that hls4ml wrote.")
    firmware = folder / "firmware"
    try:
        settings = _settings(folder)
        top = firmware / f"{settings['name']}.cpp"
        source = top.read_text(encoding="utf-8", errors="replace")
        types = dict(_typedefs((firmware / "defines.h").read_text(encoding="utf-8", errors="replace")))
        configs = _configs((firmware / "parameters.h").read_text(encoding="utf-8", errors="replace"), types)
    except (OSError, KeyError, TypeError, yaml.YAMLError) as error:
        raise DesignError(f"{folder} can't be read as an hls4ml project: {error!r}.") from error
    layers = _calls(source, configs, types, firmware / "weights")
    return from_record(
        {
            "id": str(settings["name"]),
            "part": settings["part"],
            "clock_ns": settings["clock_ns"],
            "tool_version": tool_version,
            "yml": {"Backend": settings["backend"]},
            "structure": {
                "layers": layers,
                "subcfg": configs,
                "io": "io_stream" if "hls::stream<" in source else "io_parallel",
                "in_types": {"input_t": types.get("input_t")},
            },
        }
    )


def _settings(folder: Path) -> dict[str, Any]:
    """Return name, part, clock and backend from hls4ml's own configuration."""
    plain = yaml.load((folder / "hls4ml_config.yml").read_text(encoding="utf-8"), Loader=_Plain)  # noqa: S506
    return {
        "name": plain["ProjectName"],
        "part": plain.get("Part", plain.get("XilinxPart")),
        "clock_ns": plain["ClockPeriod"],
        "backend": plain.get("Backend", "Vivado"),
    }


class _Plain(yaml.SafeLoader):
    """Reads tags of Python objects, which hls4ml leaves in its file for the model, as nothing."""


_Plain.add_multi_constructor("", lambda loader, suffix, node: None)


def _typedefs(text: str) -> list[tuple[str, str]]:
    return [(name, " ".join(kind.split())) for kind, name in _TYPEDEF.findall(_COMMENT.sub("", text))]


def _configs(text: str, types: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return the constants and the types of every config struct."""
    found: dict[str, dict[str, Any]] = {}
    for name, base, body in _STRUCT.findall(_COMMENT.sub("", text)):
        constants: dict[str, Any] = {}
        for key, value in _CONSTANT.findall(body):
            known = _value(" ".join(value.split()), constants)
            if known is not None:
                constants[key] = known
        kinds = {key: types.get(kind, kind) for key, kind in _typedefs(body)}
        found[name] = {"base": base, "v": constants, "t": kinds}
    return found


def _value(text: str, known: Mapping[str, Any]) -> int | bool | str | None:
    """Return a constant: a number, a product of numbers and earlier constants, a boolean, or the name of a
    choice.
    """
    if text in ("true", "false"):
        return text == "true"
    choice = re.fullmatch(r"nnet::(?:\w+::)?(\w+)", text)
    if choice:
        return choice[1]
    try:
        return _number(ast.parse(text, mode="eval").body, known)
    except (SyntaxError, KeyError, TypeError, ZeroDivisionError, RecursionError):
        return None


def _number(node: ast.expr, known: Mapping[str, Any]) -> int:
    if isinstance(node, ast.BinOp):
        return int(_OPERATORS[type(node.op)](_number(node.left, known), _number(node.right, known)))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_number(node.operand, known)
    if isinstance(node, ast.Name):
        return int(known[node.id])
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return int(node.value)
    raise TypeError(type(node).__name__)


def _calls(
    source: str, configs: Mapping[str, Any], types: Mapping[str, str], weights: Path
) -> list[dict[str, Any]]:
    """Return a record's layers, in order: every call of a layer's function with its config, types and
    weights.
    """
    made_by: dict[str, str] = {}
    aliases = dict(_INPLACE.findall(source))
    layers: list[dict[str, Any]] = []
    for function, parameters, arguments, comment in _CALL.findall(source):
        if function in _NOT_LAYERS:
            continue
        names = [one.strip() for one in parameters.split(",")]
        config = configs.get(names[-1], {})
        kinds = [types[one] for one in names if one in types]
        given = [re.sub(r"\[.*", "", one.strip()) for one in arguments.split(",")]
        arrays = [one for one in given if (weights / f"{one}.h").is_file()]
        tensors = [one for one in given if one not in arrays]
        if function.startswith("bidirectional"):
            function, config = _one_direction(names[-1], config, configs)
            arrays = [one for one in arrays if "_f_" in one]
        sources, target = _ends(function, tensors)
        if function.endswith(
            _ELEMENTS
        ):  # which rounds elements of what it reads, and costs no layer of its own
            aliases |= dict.fromkeys(target, aliases.get(sources[0], sources[0]))
            continue
        name = comment or f"{function}{len(layers)}"
        after = [made_by.get(aliases.get(one, one), one) for one in sources]
        for one in target:
            made_by[one] = name
        own = dict(config.get("t", {}))
        counted = {one.replace("_f_", ""): weights / f"{one}.h" for one in arrays}
        layers.append(
            {
                "fn": function,
                "name": name,
                "in_t": kinds[: max(1, len(sources))],
                "out_t": kinds[len(sources)] if len(kinds) > len(sources) else kinds[-1] if kinds else None,
                "v": config.get("v", {}),
                "t": own,
                "w": {one: _content(path, _type_of(one, own, configs)) for one, path in counted.items()},
                "after": after,
            }
        )
    return layers


def _one_direction(
    name: str, config: Mapping[str, Any], configs: Mapping[str, Any]
) -> tuple[str, dict[str, Any]]:
    """Return the call and the config of a bidirectional layer's forward half, which is built twice."""
    forward = configs.get(config.get("t", {}).get("FORWARD_CONFIG", ""), {})
    values = {**config.get("v", {}), **forward.get("v", {}), "directions": 2}
    function = _CELLS.get(values.get("n_mult", 0))
    if function is None:
        raise DesignError(
            f"{name} in firmware/parameters.h names no LSTM, GRU or SimpleRNN as its forward half."
        )
    values["n_out"] = values.get("n_state", 1)
    return function, {"v": values, "t": forward.get("t", {})}


def _ends(function: str, tensors: list[str]) -> tuple[list[str], list[str]]:
    """Return which of a call's tensors it reads and which it writes."""
    if function.startswith("clone"):
        return tensors[:1], tensors[1:]
    return tensors[:-1], tensors[-1:]


def _type_of(array: str, own: Mapping[str, str], configs: Mapping[str, Any]) -> str:
    """Return the type of a weight array by the letters that its name begins with."""
    prefix = re.sub(r"\d+.*", "", array)
    key = {
        "w": "weight_t",
        "b": "bias_t",
        "s": "scale_t",
        "wr": "recurrent_weight_t",
        "br": "recurrent_bias_t",
    }
    direct = own.get(key.get(prefix, ""))
    if direct is None and prefix in ("wr", "br"):  # hls4ml before 1.0 has them in the second product's config
        nested = configs.get(own.get("mult_config2", ""), {}).get("t", {})
        direct = nested.get("weight_t" if prefix == "wr" else "bias_t")
    return direct or str(DEFAULT)


def _content(path: Path, kind: str) -> dict[str, Any] | None:
    """Count a weight array as the firmware holds it, in the keys of a record."""
    try:
        values = read_header(path)
    except ValueError as error:
        raise DesignError(f"firmware/weights/{path.name} can't be read: {error}.") from error
    type_ = read_type(kind, DEFAULT)
    counted = WeightContent.of(type_.integers(values))
    return {
        "n": counted.n, "nz": counted.nonzero, "pow2": counted.powers_of_two, "csd": counted.csd_digits,
        "bits": counted.bits, "bithist": counted.histogram, "multiplied": counted.multiplied,
        "long_multiplied": counted.long_multiplied, "long_digits": counted.long_digits,
    }  # fmt: skip
