"""Limits by name: what an experiment leaves to one network, as files that `constraints` may name.

A preset is a YAML file with `title`, `source` (who says so, and whether it is a rule or a habit) and
`constraints`. bitfront's own lie in `presets/`; any other is named by its path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from .base import at, nearest
from .regular import require_regular

FOLDER = Path(__file__).with_name("presets")
KEY = "preset"
_KEYS = {"title", "source", "constraints"}
_MAX_BYTES = 1 << 16


@dataclass(frozen=True)
class Preset:
    """Limits with a name.

    Attributes:
        name: what a study file calls them.
        title: what they are for.
        source: who says so.
        constraints: key -> limit, as a study file has them.
    """

    name: str
    title: str
    source: str
    constraints: Mapping[str, Any]


def presets() -> dict[str, Preset]:
    """Return bitfront's own presets, by name."""
    return {file.stem: _read(file, file.stem) for file in sorted(FOLDER.glob("*.yaml"))}


def with_preset(given: Any, folder: Path) -> Any:
    """Return the values of `constraints` with the limits of the preset that they name; a limit that is given
    beside it wins, one given as null is taken away.

    Args:
        given: what stands in the study file: a name, a mapping, or anything else, which is returned as it is.
        folder: where the path of a user's own preset begins.

    Raises:
        PydanticCustomError: when there is no such preset, or it can't be read.
    """
    values = {KEY: given} if isinstance(given, str) else given
    if not isinstance(values, Mapping) or values.get(KEY) is None:
        return values
    rest = {key: value for key, value in values.items() if key != KEY}
    return {**_named(values[KEY], folder).constraints, **rest}


def _named(name: object, folder: Path) -> Preset:
    if not isinstance(name, str):
        raise at("constraints.preset", f"= {name!r} isn't a name or the path of a YAML file")
    if name.endswith((".yaml", ".yml")):
        return _read(folder / name, name)
    known = presets()
    if name not in known:
        raise at(
            "constraints.preset",
            f"= {name!r} isn't known: {nearest(name, known)}, or name your own file.yaml".replace("?,", ","),
        )
    return known[name]


def _read(file: Path, name: str) -> Preset:
    where = f"= {name}"
    try:
        require_regular(file)
        text = file.read_bytes()[: _MAX_BYTES + 1]
        values = yaml.safe_load(text.decode("utf-8")) if len(text) <= _MAX_BYTES else None
    except OSError as error:
        raise at("constraints.preset", f"{where} can't be read ({error.strerror}): check the path") from None
    except (ValueError, yaml.YAMLError, RecursionError):
        raise at("constraints.preset", f"{where} isn't YAML in UTF-8: correct it") from None
    if not isinstance(values, dict) or not isinstance(values.get("constraints"), dict):
        raise at("constraints.preset", f"{where} lacks a mapping 'constraints': write the limits there")
    unknown = sorted(map(str, set(values) - _KEYS))
    if unknown or KEY in values["constraints"]:
        raise at(
            "constraints.preset",
            f"{where} has {', '.join(unknown) or 'a preset inside'}: it takes title, source and constraints",
        )
    title, source = (str(values.get(key) or "").strip() for key in ("title", "source"))
    return Preset(name, title, source, values["constraints"])
