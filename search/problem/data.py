"""A study's arrays: read from an `.npz` or taken from Python, checked against the model and the task."""

from __future__ import annotations

import hashlib
import math
import os
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from bitfront.search.config.base import nearest
from bitfront.search.config.regular import require_regular
from bitfront.search.problem.arrays import numbers, parts
from bitfront.search.problem.beside import Beside, Extra, autoencodes, checked_extra, with_own_targets
from bitfront.search.problem.labels import Output, Targets, check_classes, targets
from bitfront.search.problem.split import shuffled, stratified
from bitfront.spaces import UserError

Inputs = tuple[NDArray[np.float32], ...]
SPLITS = ("train", "val", "test")
KEYS = tuple(f"{axis}_{split}" for split in SPLITS for axis in ("x", "y"))
EXTRA = tuple(f"extra_{split}" for split in SPLITS)
"""Arrays that the metric sees beside inputs and targets, by name."""
_OVERLAP_ROWS = 100_000
MIN_SAMPLES = 200
"""Fewest golden samples of a bundle: one draw of 200 meets nearly every table entry and saturation of a small
network.
"""


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Train, validation and test arrays that fit the model.

    Inputs are tuples, one float32 array an input of the model in its order, samples first. So are labels, one
    array an output: int32 class numbers of shape (samples,), or float32 targets of shape (samples, *output).
    Validation ranks candidates, test is for the report.
    """

    x_train: Inputs
    y_train: Targets
    x_val: Inputs
    y_val: Targets
    x_test: Inputs
    y_test: Targets
    extra: Mapping[str, Extra] = field(default_factory=dict)
    """What the metric sees beside them, by split (`val`, `test`) and name."""
    notices: tuple[str, ...] = ()
    """What was converted or looks odd, a sentence each."""

    def beside(self, split: str) -> Beside:
        """Return what a metric of a split may see beside labels and outputs."""
        return Beside(getattr(self, f"x_{split}"), self.extra.get(split, {}))

    @property
    def digest(self) -> str:
        """Identify the arrays: 16 hex digits."""
        state = hashlib.sha256()
        for array in (*self.x_train, *self.y_train, *self.x_val, *self.y_val, *self.x_test, *self.y_test):
            state.update(f"{array.dtype.str}{array.shape}".encode())
            state.update(np.ascontiguousarray(array).data)
        for split, arrays in sorted(self.extra.items()):
            for name, array in sorted(arrays.items()):
                state.update(f"{split} {name} {array.dtype.str}{array.shape}".encode())
                state.update(np.ascontiguousarray(array).data)
        return state.hexdigest()[:16]


@dataclass(frozen=True)
class Shape:
    """What the data must fit: the model's inputs by name (shapes without the batch axis) and its outputs."""

    inputs: Mapping[str, tuple[int | None, ...]]
    outputs: Mapping[str, Output]


def half_of_memory() -> int:
    """Return the bytes that no archive may claim to unpack to."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def read_npz(path: Path) -> dict[str, Any]:
    """Read the arrays of an `.npz`, without unpickling and without trusting the sizes that it claims.

    `x_train` or, for several inputs, `x_train.<input name>`, `y_train` or, for several outputs,
    `y_train.<output name>`; likewise the other splits, and `extra_val.<name>` for what the metric sees.

    Raises:
        UserError: when it is missing, damaged, holds Python objects, or claims more than half of the memory.
    """
    require_regular(path, "data: ")
    most = half_of_memory()
    found: dict[str, Any] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            members = {one.filename.removesuffix(".npy"): one for one in archive.infolist()}
            wanted = {name: one for name, one in members.items() if name.partition(".")[0] in KEYS + EXTRA}
            total = sum(one.file_size for one in wanted.values())
            if total > most:
                raise UserError(
                    f"{path}: its arrays claim {total:,} bytes, more than half of this machine's memory."
                )
            if not wanted:
                raise UserError(
                    f"{path}: it holds {', '.join(members) or 'nothing'}: it needs {', '.join(KEYS)}."
                )
            for name, member in wanted.items():
                with archive.open(member) as stream:
                    array = _read_array(stream, member.file_size, f"{path}: {name}")
                split, _, input_name = name.partition(".")
                if split in found and (not input_name or not isinstance(found[split], dict)):
                    raise UserError(
                        f"{path}: it holds {split} beside {split}.NAME: name each input of a split, or none."
                    )
                if input_name:
                    found.setdefault(split, {})[input_name] = array
                else:
                    found[split] = array
    except FileNotFoundError:
        raise UserError(
            f"data: there's no file {path}: correct the path, or write the file with numpy.savez."
        ) from None
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError) as error:
        raise UserError(
            f"{path}: it isn't a sound .npz ({error}): write it again with numpy.savez."
        ) from None
    return found


def _read_array(stream: IO[bytes], size: int, where: str) -> NDArray[Any]:
    try:
        version = np.lib.format.read_magic(stream)
        header = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, fortran, dtype = header(stream)
    except (
        Exception
    ) as error:  # NumPy reads the header with Python's tokenizer and parser, and raises what they do
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise UserError(
            f"{where} isn't a sound array ({reason[:200]}): write it again with numpy.savez."
        ) from None
    if dtype.hasobject:
        raise UserError(
            f"{where} holds pickled Python objects, which aren't loaded: save it as a numeric array."
        )
    if dtype.kind not in "biufc":
        raise UserError(f"{where} has dtype {str(dtype)[:60]}: save numbers.")
    expected = math.prod(shape) * dtype.itemsize
    if expected > size or min(shape, default=0) < 0:
        raise UserError(
            f"{where} claims shape {shape} but the file holds {size} bytes of it: write it again."
        )
    raw = stream.read(expected)
    if len(raw) < expected:
        raise UserError(f"{where} ends early: write it again with numpy.savez.")
    flat = np.frombuffer(raw, dtype=dtype)
    return flat.reshape(shape[::-1]).T if fortran else flat.reshape(shape)


def gather(raw: Any, source: str) -> dict[str, Any]:
    """Bring what a data function returns into a dict with the keys of `KEYS` (those of val may be absent).

    Raises:
        UserError: when it is neither a mapping nor two or three (x, y) pairs, or lacks a split.
    """
    if isinstance(raw, Mapping):
        unknown = [str(key) for key in raw if key not in KEYS + EXTRA]
        if unknown:
            hint = nearest(unknown[0], KEYS + EXTRA)
            raise UserError(f"{source}: there's no place for {unknown[0]!r}: {hint}.".replace("?.", "?"))
        found = dict(raw)
    elif (
        isinstance(raw, Sequence)
        and not isinstance(raw, str)
        and len(raw) in (2, 3)
        and all(_is_pair(one) for one in raw)
    ):
        splits = SPLITS if len(raw) == 3 else ("train", "test")
        found = {
            f"{axis}_{split}": one
            for split, pair in zip(splits, raw, strict=True)
            for axis, one in zip(("x", "y", "extra"), pair, strict=False)
        }
    else:
        raise UserError(
            f"{source}: it gives a {type(raw).__name__}: return a dict with {', '.join(KEYS)}, or three (x, "
            f"y) pairs."
        )
    missing = [key for key in KEYS if found.get(key) is None]
    if set(missing) - {"x_val", "y_val"}:
        raise UserError(f"{source}: {missing[0]} is missing: give {', '.join(KEYS)}.")
    if len(missing) == 1:
        raise UserError(f"{source}: {missing[0]} is missing though its partner is there: give both.")
    return found


def _is_pair(value: Any) -> bool:
    """Whether it is (x, y), or (x, y, what stands beside them by name)."""
    pair = isinstance(value, Sequence) and not isinstance(value, str) and len(value) in (2, 3)
    return pair and (len(value) == 2 or isinstance(value[2], Mapping))


def check(
    raw: Any,
    shape: Shape,
    source: str,
    validation_split: float | None,
    seed: int,
    *,
    stratify: bool = True,
    labelled: bool = False,
) -> Dataset:
    """Check arrays against the model and the task, and bring them into their types.

    `validation_split` of the training samples become the validation split where there is none, of every class
    the same share with `stratify`. A model whose outputs have its inputs' shapes, for regression, has the
    inputs as targets where the data name none; one number a sample in their place are the metric's labels
    with `labelled`.

    Raises:
        UserError: naming the array, what is wrong with it and what to do.
    """
    notices: list[str] = []
    if autoencodes(shape.inputs, shape.outputs) and isinstance(raw, Mapping):
        raw = with_own_targets(raw, shape.inputs, SPLITS, source, labelled=labelled, notices=notices)
    found = gather(raw, source)
    splits = [split for split in SPLITS if f"x_{split}" in found and found[f"x_{split}"] is not None]
    x: dict[str, Inputs] = {}
    y: dict[str, Targets] = {}
    extra: dict[str, Extra] = {}
    for split in splits:
        x[split] = checked_inputs(found[f"x_{split}"], shape.inputs, f"{source}: x_{split}")
        y[split] = targets(found[f"y_{split}"], shape.outputs, f"{source}: y_{split}", notices)
        if len(y[split][0]) != len(x[split][0]):
            raise UserError(
                f"{source}: x_{split} has {len(x[split][0])} samples and y_{split} {len(y[split][0])}: they "
                f"must be equal."
            )
        extra[split] = checked_extra(
            found.get(f"extra_{split}"), len(x[split][0]), f"{source}: extra_{split}"
        )
    if "val" not in splits:
        if validation_split is None:
            raise UserError(
                f"{source}: x_val and y_val are missing, which rank the candidates: give them, or set "
                "validation_split: 0.2 to take them from the training samples."
            )
        tasks = [output.task for output in shape.outputs.values()] if stratify else []
        _split_off(x, y, extra, validation_split, seed, source, tasks)
    check_classes(y, list(shape.outputs.values()), source, notices)
    notices += _overlaps(x)
    count = sum(len(one[0]) for one in x.values())
    if count < MIN_SAMPLES:
        notices.append(
            f"{source} holds {count} samples in all splits: bundles verify the firmware on further inputs "
            f"that are mixed from them."
        )
    return Dataset(
        x_train=x["train"],
        y_train=y["train"],
        x_val=x["val"],
        y_val=y["val"],
        x_test=x["test"],
        y_test=y["test"],
        extra={split: extra[split] for split in ("val", "test") if extra[split]},
        notices=tuple(notices),
    )


def _split_off(
    x: dict[str, Inputs],
    y: dict[str, Targets],
    extra: dict[str, Extra],
    share: float,
    seed: int,
    source: str,
    tasks: Sequence[str],
) -> None:
    count = len(x["train"][0])
    held = round(share * count)
    if not 0 < held < count:
        raise UserError(
            f"{source}: validation_split {share} of {count} training samples leaves a split empty."
        )
    classes = [one for one, task in zip(y["train"], tasks, strict=False) if task != "regression"]
    val, train = stratified(classes, held, seed) if classes else shuffled(count, held, seed)
    for arrays in (x, y):
        arrays["val"] = tuple(one[val] for one in arrays["train"])
        arrays["train"] = tuple(one[train] for one in arrays["train"])
    given = extra["train"]
    extra["val"] = {name: one[val] for name, one in given.items()}
    extra["train"] = {name: one[train] for name, one in given.items()}


def checked_inputs(value: Any, inputs: Mapping[str, tuple[int | None, ...]], where: str) -> Inputs:
    """Return the arrays of one split in the order of the model's `inputs` (name -> shape without the batch
    axis).

    Raises:
        UserError: naming the array, what is wrong with it and what to do.
    """
    names = list(inputs)
    if (
        len(names) == 1
        and isinstance(value, list | tuple)
        and len(value) == 1
        and np.ndim(value[0]) == len(inputs[names[0]]) + 1
    ):
        (value,) = value
    arrays = []
    for name, part in zip(names, parts(value, names, where, "input"), strict=True):
        spot = f"{where}[{name!r}]" if len(names) > 1 else where
        array = numbers(part, spot)
        wanted = inputs[name]
        fits = array.ndim == len(wanted) + 1 and all(
            want in (None, have) for want, have in zip(wanted, array.shape[1:], strict=True)
        )
        if not fits:
            raise UserError(
                f"{spot} has samples of shape {array.shape[1:]}, the model takes {wanted}: reshape one of "
                f"them."
            )
        arrays.append(array)
    if len({len(one) for one in arrays}) > 1:
        raise UserError(
            f"{where} has {', '.join(str(len(one)) for one in arrays)} samples in its inputs: they must be "
            f"equal."
        )
    return tuple(arrays)


def _overlaps(x: Mapping[str, Inputs]) -> list[str]:
    """Tell how many validation or test samples also stand among the training samples, byte for byte."""

    def rows(split: str) -> list[int]:
        arrays = x[split]
        return [
            hash(b"".join(one[i].tobytes() for one in arrays))
            for i in range(min(len(arrays[0]), _OVERLAP_ROWS))
        ]

    train = set(rows("train"))
    found = []
    for split in ("val", "test"):
        shared = sum(one in train for one in rows(split))
        if shared:
            found.append(f"{shared} samples of x_{split} also stand in x_train: the scores will be too good.")
    return found
