"""PyTorch's modules and exported programs (`torch.export`), read as Keras 3 models and compared with what
PyTorch computes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bitfront.spaces import ToolMissing, UserError

from .channels_first import Builder, Held, plain
from .comparison import alike, keras_outputs, probes
from .reading import Reading, reason, telling_what_stops
from .torch_operations import OPERATIONS, Work

if TYPE_CHECKING:
    import keras

_WAY_OUT = "return (module, example_input) or a torch.export.ExportedProgram"


class TorchProgram:
    """A program that `torch.export.save` wrote."""

    suffixes: tuple[str, ...] = (".pt2", ".pt", ".pth")

    def takes(self, path: Path) -> bool:
        """Whether it is called so."""
        return path.name.lower().endswith(self.suffixes)

    def read(self, path: Path, reading: Reading) -> keras.Model:
        """Return the model.

        Raises:
            ToolMissing: without PyTorch.
            UserError: for a pickle, a program of a maker who isn't trusted, or what can't be built.
        """
        if not path.name.lower().endswith(".pt2"):
            raise UserError(
                f"model: {path} is a pickle, which runs code of whoever made it: load it in a function of "
                f"your own, and {_WAY_OUT}."
            )
        if not reading.trust:
            raise UserError(
                f"model: {path} may hold pickled objects, which run code of whoever made the file: set "
                "trust_model: true if you trust its maker."
            )
        try:
            import torch
        except ImportError:
            raise ToolMissing(f"model: {path} needs PyTorch: pip install 'bitfront[torch]'.") from None
        try:
            program = torch.export.load(str(path))
        except Exception as error:  # PyTorch raises whatever it meets
            raise UserError(f"model: {path} isn't a sound program ({reason(error)}).") from None
        return from_torch(program, str(path))


def is_torch(value: Any) -> bool:
    """Whether it is a module, a program, or a module with its example input, as far as its class says."""
    first = value[0] if isinstance(value, tuple) and len(value) == 2 else value
    names = {(base.__module__.split(".")[0], base.__name__) for base in type(first).__mro__}
    return bool({("torch", "Module"), ("torch", "ExportedProgram")} & names)


def from_torch(value: Any, source: str) -> keras.Model:
    """Return the Keras model of a module with its example input, or of an exported program.

    The inputs keep PyTorch's shapes, channels first where it has them.

    Raises:
        UserError: in one sentence: what can't be exported or built, or is computed otherwise.
    """
    program = _exported(value, source)
    with telling_what_stops(source):
        model = built(program)
    inputs = probes(model)
    theirs = _outputs(program, inputs)
    for old, new in zip(theirs, keras_outputs(model, inputs), strict=True):
        if not alike(old, new):
            raise UserError(
                f"model: {source} gives other outputs in Keras than in PyTorch: it can't be searched."
            )
    return model


def _exported(value: Any, source: str) -> Any:
    import torch

    if isinstance(value, torch.export.ExportedProgram):
        return value
    if not isinstance(value, tuple):
        raise UserError(f"model: {source} returned a module without the shape of its input: {_WAY_OUT}.")
    module, example = value
    given = example if isinstance(example, tuple) else (example,)
    try:
        return torch.export.export(module.eval(), given)
    except Exception as error:  # PyTorch raises whatever the module does
        raise UserError(
            f"model: {source} can't be exported by torch.export ({reason(error)}): write it without branches "
            "on values."
        ) from None


def _outputs(program: Any, inputs: Sequence[Any]) -> list[Any]:
    """Return what the program gives, a batch of its own size at a time."""
    import torch

    module = program.module()
    batch = _batch(program)
    rows: list[list[Any]] = []
    with torch.no_grad():
        for start in range(0, len(inputs[0]) // batch * batch, batch):
            found = module(*(torch.from_numpy(x[start : start + batch]) for x in inputs))
            found = found if isinstance(found, tuple | list) else (found,)
            rows.append([one.numpy().astype(np.float64) for one in found])
    return [np.concatenate([row[i] for row in rows]) for i in range(len(rows[0]))]


def _batch(program: Any) -> int:
    wanted = set(program.graph_signature.user_inputs)
    node = next(one for one in program.graph.nodes if one.name in wanted)
    return int(node.meta["val"].shape[0])


def built(program: Any) -> keras.Model:
    """Return the Keras model of an exported program.

    Raises:
        UserError: naming what can't be built.
    """
    import keras

    signature = program.graph_signature
    arrays = dict(program.state_dict) | dict(program.constants)
    held = signature.inputs_to_parameters | signature.inputs_to_buffers
    held |= getattr(signature, "inputs_to_lifted_tensor_constants", {})
    work = Work(Builder(), _batch(program))
    inputs = []
    for node in program.graph.nodes:
        if node.op == "placeholder":
            if node.name in held:
                work.values[node] = arrays[held[node.name]].detach().cpu().numpy()
                continue
            shape = tuple(int(one) for one in node.meta["val"].shape[1:])
            if not shape:
                raise UserError(f"input {node.name!r} has no axis but the batch")
            tensor = keras.Input(shape, name=work.build.name(node.name))
            inputs.append(tensor)
            work.values[node] = plain(tensor)
        elif node.op == "call_function":
            work.values[node] = _called(work, node)
        elif node.op == "output":
            outputs = node.args[0]
    tensors = []
    for node in outputs:
        value = work.values[node]
        if not isinstance(value, Held):
            raise UserError(f"output {node.name!r} is a constant")
        tensors.append(work.build.natural(value, node.name))
    return keras.Model(inputs, tensors[0] if len(tensors) == 1 else tensors)


def _called(work: Work, node: Any) -> Any:
    """Return what a call of the program gives."""
    from torch.fx import map_arg

    name = str(node.target)
    arguments = map_arg(node.args, lambda one: work.values[one])
    options = map_arg(node.kwargs, lambda one: work.values[one])
    if name == "<built-in function getitem>":
        return arguments[0][arguments[1]]
    short = name.split(".")[1] if name.startswith("aten.") else name
    found = OPERATIONS.get(short.rstrip("_"))
    if found is None:
        raise UserError(f"{node.name!r} calls {name}, which isn't read")
    return found(work, node.name, *arguments, **dict(options))
