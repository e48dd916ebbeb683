"""Which study a folder holds, and whether it is the one that is to run."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_args

from bitfront.spaces import Hardware, UserError

from ..config import PYTHON_OBJECT, StudyConfig, load_study
from ..config.load import STUDY_FILE, read_yaml
from ..config.settings import as_begun, differences, told
from ..problem.load import Problem, problem_digest
from ..trials.files import write_atomic
from ..trials.stored import DamagedFile, read_bytes, read_json

FILE = "identity.json"
_WAY_OUT = "restore it, or add --fresh to begin anew"
_OF_THE_SPACE = tuple(
    f"space.{key}"
    for key in (
        "method",
        "sparsity",
        "input",
        "layers",
        "weights",
        "recurrent_weights",
        "biases",
        "activations",
        "accumulators",
        "tables",
        "statistics",
        "softmax_inputs",
    )
) + tuple(f"hls.{key}" for key in get_args(Hardware))


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What `identity.json` says of a study, written once its float model is there."""

    config: str
    """Digest of its settings as it began."""
    problem: str
    """Digest of settings, model and data as it began."""
    data: str = ""
    """Digest of the data; empty where it wasn't recorded."""
    run: str = ""
    """Tells it from other studies of its name in a database; another one since its space was widened."""
    folder: str = ""
    """Where the study's own files lay when it was begun, relative to its folder; empty where it wasn't
    recorded.
    """
    carried: int = 0
    """Trials that were begun before its space was widened for the last time."""

    @classmethod
    def read(cls, folder: Path) -> Identity | None:
        """Return what a folder holds, None where it holds no study.

        Raises:
            UserError: when the file can't be read.
        """
        path = folder / FILE
        try:
            plain = read_json(path, _WAY_OUT)
            known = cls(**{key: plain[key] for key in {one.name for one in fields(cls)} & set(plain)})
        except FileNotFoundError:
            return None
        except (TypeError, AttributeError, KeyError) as error:
            raise DamagedFile(path, error, _WAY_OUT) from None
        for one in fields(cls):
            if not isinstance(getattr(known, one.name), int if one.name == "carried" else str):
                raise DamagedFile(path, f"{one.name} has the wrong kind", _WAY_OUT)
        return known

    def write(self, folder: Path) -> None:
        """Write `identity.json` whole or not at all."""
        write_atomic(folder / FILE, json.dumps(asdict(self)) + "\n")


def recorded_values(folder: Path) -> dict[str, Any]:
    """Return the plain values of the study file in a study's folder; empty where there is none that can be
    read.
    """
    try:
        return read_yaml(folder / STUDY_FILE)
    except UserError:
        return {}


def recorded_study(folder: Path) -> StudyConfig:
    """Return the study that a folder holds, with what was done before keys existed that its study file lacks.

    Raises:
        UserError: when the file is missing, can't be read, or was changed since the study was run.
    """
    path = folder / STUDY_FILE
    with contextlib.suppress(FileNotFoundError):  # which is told below
        read_bytes(path, "put it back as it was run, or run the study again with what it is to have")
    config, _ = as_begun(load_study(folder / STUDY_FILE), read_yaml(folder / STUDY_FILE))
    return config


def changed_settings(folder: Path, config: StudyConfig) -> dict[str, tuple[Any, Any]] | None:
    """Return the keys that differ between the study in a folder and the one that is to run, with old and new
    value.

    None where what the folder holds can't be read as a study of this version.
    """
    old = as_recorded(folder)
    if old is None:
        return None
    plain = old.to_dict()
    raw = recorded_values(folder)
    return differences({**plain, **{key: raw.get(key) for key in ("model", "data")}}, config.to_dict())


def as_recorded(folder: Path) -> StudyConfig | None:
    """Return the study of a folder where its file can be read, objects of a Python session in it by a name
    that means none.
    """
    raw = recorded_values(folder)
    if not raw:
        return None
    named = {key: "python:object" for key in ("model", "data") if raw.get(key) == PYTHON_OBJECT}
    try:
        old, _ = as_begun(StudyConfig(**{**raw, **named}), raw)
    except UserError:
        return None
    return old


def require_same_problem(folder: Path, known: Identity, problem: Problem) -> None:
    """Check that model and data are those that a study began with.

    Raises:
        UserError: when they differ.
    """
    if problem_digest(problem, known.config) == known.problem:
        return
    other = "model code or data"
    if known.data:
        other = "data" if known.data != problem.data.digest else "model code"
    raise UserError(_other(folder, f"other {other}"))


def of_the_space(path: str) -> bool:
    """Whether a key says nothing but what a candidate may be."""
    return path.startswith(_OF_THE_SPACE)


def other_settings(folder: Path, changed: Mapping[str, tuple[Any, Any]] | None) -> UserError:
    """Return the refusal of settings that differ, naming them with old and new value where they are known."""
    return UserError(_other(folder, f"other settings ({told(changed)})" if changed else "other settings"))


def _other(folder: Path, what: str) -> str:
    return (
        f"{folder} holds a study with {what}: add --fresh to begin anew (the old one is kept), or choose "
        f"another name."
    )
