"""From a plain Keras model with rounded weights to an hls4ml project and its emulation, each in its own
folder.
"""

from __future__ import annotations

import contextlib
import copy
import io
import re
import threading
import warnings as python_warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import ArrayLike, NDArray

from bitfront.spaces import UserError

from ..backends import backend_named
from .emulation import FAST_FLAGS
from .emulator import SHIPPED_FLAGS, Emulator
from .handlers import register_handlers
from .own_names import use_own_names
from .patches import AppliedPatch, apply_patches
from .sandbox import BuildError
from .weight_headers import use_headers

STAMP = "bitfront"
"""Stands where hls4ml puts a random stamp, so that writing a design twice gives identical files."""

CONFIG_FILE = "hls4ml_config.yml"

# hls4ml keeps global registries and prints while it converts, so conversions take turns.
_CONVERTING = threading.Lock()

_REUSE = re.compile(
    r'Invalid ReuseFactor=(?P<asked>\d+) in layer "(?P<layer>[^"]+)"\.\s*Using ReuseFactor=(?P<used>\d+)'
)
_LAYER = re.compile(r'layer:? "?(?P<layer>[\w./-]+)"?')


@dataclass(frozen=True)
class Notice:
    """Something that hls4ml said while it converted.

    `kind` is `reuse_factor` where it moved a reuse factor to a legal one (`asked`, `used`), else `warning`.
    """

    kind: str
    message: str
    layer: str | None = None
    asked: int | None = None
    used: int | None = None


@dataclass(eq=False)
class HlsProject:
    """An hls4ml project: written to `folder`, compiled and run apart from this process.

    `graph` is hls4ml's `ModelGraph`. `notices` holds what hls4ml warned of, `patches` what was corrected
    in the written files. Any number of projects can be compiled and run side by side.
    """

    folder: Path
    graph: Any
    name: str
    backend: str
    io_type: str
    part: str
    clock_ns: float
    input_shapes: tuple[tuple[int, ...], ...]
    output_shapes: tuple[tuple[int, ...], ...]
    notices: tuple[Notice, ...] = ()
    patches: tuple[AppliedPatch, ...] = ()
    _written: bool = False
    _emulator: Emulator | None = field(default=None, repr=False)

    def write(self) -> HlsProject:
        """Write the project: relative paths only, no stamps, no build products; writing again changes
        nothing.

        Raises:
            UserError: when `folder` exists and is not empty.
            BuildError: when hls4ml can't write the design or a patch doesn't fit.
        """
        if self._written:
            return self
        _require_empty(self.folder)
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        config = self.graph.config.config
        kept, config["KerasModel"] = (
            config.get("KerasModel"),
            None,
        )  # else a copy of the model is saved inside
        try:
            with _hls4ml(f"writing the project {self.name!r}") as notices:
                self.graph.write()
        finally:
            config["KerasModel"] = kept
        self.notices += tuple(notices)
        self._make_portable(str(config["Stamp"]))
        self.patches = (
            *apply_patches(self.folder, backend_named(self.backend).patches),
            use_headers(self.folder, self.name),
            *use_own_names(self.folder, self.name),
        )
        self._written = True
        return self

    def compile(self, timeout_s: float = 600, memory_gib: float = 8, *, fast: bool = True) -> HlsProject:
        """Build the emulation of the written project with g++; the project folder itself gains no files.

        Args:
            timeout_s: wall-clock limit in seconds.
            memory_gib: limit of the compiler's address space in GiB.
            fast: -O1 instead of hls4ml's -O3: half the time to compile, same results.

        Raises:
            ToolMissing: when g++ is not installed.
            BuildError: when g++ fails or passes a limit.
        """
        self.write()
        self._emulator = Emulator.build(
            self.folder,
            self.name,
            inputs=tuple(int(np.prod(s)) for s in self.input_shapes),
            outputs=tuple(int(np.prod(s)) for s in self.output_shapes),
            timeout_s=timeout_s,
            memory_gib=memory_gib,
            flags=FAST_FLAGS if fast else SHIPPED_FLAGS,
        )
        return self

    def predict(
        self, x: ArrayLike | Sequence[ArrayLike], *, timeout_s: float = 600
    ) -> NDArray[np.float64] | list[NDArray[np.float64]]:
        """Return what the firmware computes: float64 of shape (samples, *output), a list for several outputs.

        Args:
            x: array of shape (samples, *input); a sequence of arrays, in the model's order, for several
                inputs.
            timeout_s: wall-clock limit in seconds.

        Raises:
            UserError: when `x` doesn't fit the model's inputs.
            BuildError: when the project isn't compiled, or the emulation crashes or passes its limit.
        """
        if self._emulator is None:
            raise BuildError(f"The project {self.name!r} is not compiled: call compile() before predict().")
        given = [x] if len(self.input_shapes) == 1 else list(x)  # type: ignore[arg-type]
        if len(given) != len(self.input_shapes):
            raise UserError(f"The model takes {len(self.input_shapes)} inputs, {len(given)} were given.")
        arrays = [np.asarray(a, np.float64) for a in given]
        for array, shape in zip(arrays, self.input_shapes, strict=True):
            if array.ndim == 0 or array.shape[1:] != shape or len(array) != len(arrays[0]):
                raise UserError(
                    f"The emulation takes inputs of shape (samples, {', '.join(map(str, shape))}), "
                    f"not {array.shape}."
                )
        flat = self._emulator.run([a.reshape(len(a), -1) for a in arrays], timeout_s=timeout_s)
        shaped = [y.reshape(-1, *shape) for y, shape in zip(flat, self.output_shapes, strict=True)]
        return shaped[0] if len(shaped) == 1 else shaped

    def _make_portable(self, stamp: str) -> None:
        """Replace the stamp and the absolute folder in the written scripts and configuration."""
        script = self.folder / "build_lib.sh"
        if script.is_file():
            script.write_text(script.read_text().replace(f"LIB_STAMP={stamp}", f"LIB_STAMP={STAMP}"))
        path = self.folder / CONFIG_FILE
        config = yaml.safe_load(path.read_text())
        config |= {"OutputDir": ".", "Stamp": STAMP}
        path.write_text(yaml.safe_dump(config))


def convert(
    model: Any,
    hls_config: Mapping[str, Any],
    folder: Path | str,
    *,
    backend: str = "Vitis",
    io_type: str = "io_parallel",
    part: str | None = None,
    clock_ns: float = 5.0,
    project_name: str = "bitfront",
) -> HlsProject:
    """Convert a plain Keras model whose weights are already rounded; nothing is written yet.

    Args:
        model: built Keras 3 model.
        hls_config: complete hls4ml configuration, as `config_from_keras_model(granularity="name")` gives,
            with every precision explicit; it is not changed.
        folder: where the project will be written; must be empty or absent.
        backend: hls4ml backend, a name in `BACKENDS`.
        io_type: `io_parallel` or `io_stream`.
        part: AMD part string; hls4ml's default where None.
        clock_ns: clock period in ns.
        project_name: name of the top function, a C++ identifier.

    Raises:
        UserError: when the folder is in use, the name is no C++ identifier or bitfront builds nothing for the
            backend.
        BuildError: when hls4ml refuses the model; the message is its own.
    """
    target = Path(folder).absolute()
    _require_empty(target)
    if re.fullmatch(r"[A-Za-z_]\w*", project_name) is None:
        raise UserError(f"{project_name!r} can't name a C++ function: use letters, digits and underscores.")
    interfaces = backend_named(backend).io_types
    if io_type not in interfaces:
        raise UserError(f"io_type {io_type!r} is unknown: use {' or '.join(interfaces)}.")
    with _hls4ml(f"converting {model.name!r}") as notices:
        import hls4ml

        register_handlers()
        _require_forward(model)
        graph = hls4ml.converters.convert_from_keras_model(
            model,
            hls_config=copy.deepcopy(dict(hls_config)),
            output_dir=str(target),
            project_name=project_name,
            backend=backend,
            io_type=io_type,
            part=part,
            clock_period=clock_ns,
            # an unsupported layer is an error here, not an occasion for distributed arithmetic
            allow_da_fallback=False,
            # every type is explicit; a quantizer of elements alone would have hls4ml derive them all anew
            bit_exact=False,
        )
        _require_implemented(graph)
    inputs = tuple(tuple(int(d) for d in tensor.shape[1:]) for tensor in model.inputs)
    outputs = tuple(tuple(int(d) for d in tensor.shape[1:]) for tensor in model.outputs)
    return HlsProject(
        folder=target,
        graph=graph,
        name=project_name,
        backend=backend,
        io_type=io_type,
        part=str(graph.config.get_config_value("Part")),
        clock_ns=float(clock_ns),
        input_shapes=inputs,
        output_shapes=outputs,
        notices=tuple(notices),
    )


def _require_empty(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{str(folder)!r} is not an empty folder: choose another one or remove it.")


def _require_forward(model: Any) -> None:
    """Refuse a layer that reads its sequence backwards on its own: hls4ml would read it forwards."""
    for layer in model.layers:
        if getattr(layer, "go_backwards", False):
            raise BuildError(
                f"hls4ml ignores go_backwards=True of the layer {layer.name!r}: reverse its input."
            )


def _require_implemented(graph: Any) -> None:
    """Refuse what hls4ml would convert in silence to firmware that computes something else.

    A layer without code leaves its output unset; a GRU's reset gate is always applied after the product.
    """
    for layer in graph.get_layers():
        for attribute in ("apply_reset_gate", "forward_apply_reset_gate", "backward_apply_reset_gate"):
            if layer.get_attr(attribute, "after") == "before":
                raise BuildError(
                    f"hls4ml ignores reset_after=False of the GRU layer {layer.name!r}: use reset_after=True."
                )
        computes = layer.class_name not in ("Input", "InputLayer", "Constant")
        inplace = any(hasattr(v, "input_var") for v in layer.get_variables())
        if computes and not inplace and not layer.get_attr("function_cpp", None):
            raise BuildError(
                f"hls4ml's {graph.config.backend.name} backend has no implementation of the "
                f"{layer.class_name} layer {layer.name!r} for {graph.config.get_config_value('IOType')}."
            )


@contextlib.contextmanager
def _hls4ml(what: str) -> Iterator[list[Notice]]:
    """Run hls4ml alone and quietly; what it warned of is in the list afterwards, what it raised is typed.

    Raises:
        BuildError: for any error that hls4ml raises.
    """
    notices: list[Notice] = []
    said = io.StringIO()
    with _CONVERTING, python_warnings.catch_warnings(record=True) as caught:
        python_warnings.simplefilter("always", UserWarning)
        try:
            with contextlib.redirect_stdout(said):
                yield notices
        except (UserError, BuildError):
            raise
        except Exception as error:
            reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
            raise BuildError(f"hls4ml failed while {what}: {reason}.", said.getvalue()) from error
    lines = [line.strip() for line in said.getvalue().splitlines()]
    lines += [str(w.message) for w in caught if issubclass(w.category, UserWarning)]
    notices.extend(notice for line in dict.fromkeys(lines) if (notice := _notice(line)) is not None)


def _notice(line: str) -> Notice | None:
    """Read one printed line; None for progress messages."""
    reuse = _REUSE.search(line)
    if reuse is not None:
        return Notice("reuse_factor", line, reuse["layer"], int(reuse["asked"]), int(reuse["used"]))
    if re.search(r"warning|unable|cannot|invalid|not supported|instead", line, re.IGNORECASE) is None:
        return None
    layer = _LAYER.search(line)
    return Notice("warning", line.removeprefix("WARNING: "), layer["layer"] if layer else None)
