"""What every section of a study file shares, and the one sentence that a fault in it becomes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from types import NoneType, UnionType
from typing import Any, ClassVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from bitfront.spaces import UserError

from .secrets import redact

_TOLD = 8
"""Faults of a study file that are told at once."""


class Section(BaseModel):
    """A frozen part of a study file: unknown keys are refused, defaults are checked like given values.

    Raises:
        UserError: when built from Python with values that don't fit, in one sentence.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False, arbitrary_types_allowed=True
    )

    shorthand: ClassVar[str | None] = None
    """The key that a plain value in place of the section stands for."""

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise explain(error, type(self).__name__, type(self)) from None

    # Nested sections must report to the outermost one, with their key path, so pydantic has to validate them
    # itself rather than through the `__init__` above: that is what this mark on BaseModel.__init__ means.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]


def at(path: str, message: str) -> PydanticCustomError:
    """Return an error that a check across keys raises for the key at `path`."""
    return PydanticCustomError("at", "{message}", {"path": path, "message": message})


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `did you mean …?` for a name that isn't known, or the list of known ones."""
    names = [str(one) for one in known]
    close = difflib.get_close_matches(str(name).lower(), [one.lower() for one in names], n=1, cutoff=0.5)
    if close:
        return f"did you mean {next(one for one in names if one.lower() == close[0])!r}?"
    return f"choose one of {', '.join(names)}"


def no_such_key(path: Sequence[str], root: type[BaseModel]) -> str:
    """Say that a key path has an unknown last key, with the nearest one there or in another section."""
    section, key = section_at(root, path[:-1]), path[-1]
    known = list(section.model_fields) if section else []
    hint = nearest(key, known)
    paths = {name: one for one in key_paths(root) for name in [one.rpartition(".")[2]]}
    if key in paths:  # a key of another section
        hint = f"did you mean {paths[key]!r}?"
    if not hint.endswith("?"):
        close = difflib.get_close_matches(key.lower(), paths, n=1, cutoff=0.6)
        hint = f"did you mean {paths[close[0]]!r}?" if close else hint
    where = f" in {'.'.join(path[:-1])}" if path[:-1] else ""
    return f"there's no key {key!r}{where}: {hint}"


def key_paths(root: type[BaseModel], prefix: str = "") -> list[str]:
    """Return the path of every key, sections' own paths included, without those below the user's own
    names.
    """
    paths = []
    for name, field in root.model_fields.items():
        paths.append(prefix + name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            paths += key_paths(field.annotation, f"{prefix}{name}.")
    return paths


def section_at(root: type[BaseModel], path: Iterable[object]) -> type[BaseModel] | None:
    """Return the section that stands at a key path below `root`, or None where there's no section."""
    current: type[BaseModel] | None = root
    named = False  # whether `current` is what a mapping of the user's own names holds
    for key in path:
        if named:
            named = False
            continue
        field = current.model_fields.get(str(key)) if current else None
        if field is None:
            return None
        current = _section_of(field.annotation)
        named = getattr(field.annotation, "__origin__", None) is dict
    return None if named else current


def _section_of(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _section_of(inner)
        if found is not None:
            return found
    return None


def explain(error: ValidationError, source: str, root: type[BaseModel]) -> UserError:
    """Return the error as one sentence: where it is, what is wrong, what to do."""
    faults = _one_a_value(error.errors(include_url=False), root)
    # A misspelt key is the cause of a missing one: name it first.
    faults.sort(key=lambda fault: fault["type"] != "extra_forbidden")
    told = [_sentence(fault, root).rstrip(".") for fault in faults[:_TOLD]]
    if len(faults) > _TOLD:
        told.append(f"{len(faults) - _TOLD} more")
    return UserError(f"{source}: {'; '.join(dict.fromkeys(told))}.".replace("?.", "?"))


def _one_a_value(faults: Iterable[ErrorDetails], root: type[BaseModel]) -> list[ErrorDetails]:
    """Return the faults under the user's own key paths, and one a value where a key takes several kinds.

    For such a key pydantic tells what each kind misses, and puts the kind behind the key. The innermost fault
    belongs to the kind that was meant; of equals, the first.
    """
    kinds: dict[str, list[ErrorDetails]] = {}
    found = []
    for fault in faults:
        key = fault["loc"][0] if fault["loc"] else ""
        field = root.model_fields.get(str(key))
        if len(fault["loc"]) > 1 and field and _takes_several_kinds(field.annotation):
            kinds.setdefault(str(key), []).append({**fault, "loc": (key, *fault["loc"][2:])})
        else:
            found.append(fault)
    for several in kinds.values():
        meant = max(several, key=lambda fault: len(fault["loc"]))
        if any(fault["type"].startswith("bool") for fault in several) and meant["type"] == "literal_error":
            meant["ctx"] = {"expected": f"{meant['ctx']['expected']}, true, false"}
        found.append(meant)
    return found


def _takes_several_kinds(annotation: Any) -> bool:
    return (
        get_origin(annotation) in (Union, UnionType)
        and len([kind for kind in get_args(annotation) if kind is not NoneType]) > 1
    )


def _sentence(fault: ErrorDetails, root: type[BaseModel]) -> str:
    place = [key for key in fault["loc"] if key not in ("[key]",)]
    context = fault.get("ctx", {})
    path = ".".join(str(key) for key in place)
    kind = fault["type"]
    if kind == "extra_forbidden":
        return no_such_key([str(key) for key in place], root)
    if kind == "missing":
        section = section_at(root, place[:-1])
        field = section.model_fields.get(str(place[-1])) if section else None
        what = f": add {field.description}" if field and field.description else ""
        return f"{path} is missing{what}".rstrip(".")
    if kind == "at":
        return f"{context['path']} {context['message']}"
    given = _shown(fault["input"])
    if kind == "value_error":
        return f"{path} = {given} {context['error']}"
    if kind == "literal_error":
        options = [word.strip().strip("'") for word in context["expected"].replace(" or ", ", ").split(",")]
        return f"{path} = {given} isn't known: {nearest(str(fault['input']), options)}"
    if kind == "invalid_key":
        return f"the key {path} isn't text: put it in quotes"
    if kind.startswith(("model_type", "dict_type")):
        return f"{path} = {given} should be a mapping of keys to values"
    message = fault["msg"].removeprefix("Input ").rstrip(".")
    return f"{path} = {given} {message}"


def _shown(value: object) -> str:
    text = redact(repr(value))
    return text if len(text) <= 60 else f"{text[:57]}..."
