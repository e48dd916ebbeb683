"""Reading study files and `--set` overrides, with every fault told in one sentence."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError

from bitfront.spaces import UserError

from .base import Section, explain, nearest, no_such_key, section_at
from .constraint_presets import KEY, with_preset
from .regular import require_regular
from .settings import RENAMED, renamed
from .study import StudyConfig

MAX_BYTES = 1 << 20
"""Largest study file that is read; a hundred layers with their own ranges take some 10 kB."""
STUDY_FILE = "study.yaml"


class _Loader(yaml.SafeLoader):
    """YAML without what a study file doesn't need and an attacker does: tags, aliases, repeated keys."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.events.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(
                None,
                None,
                "aliases (*name) aren't read in study files, write the value out",
                event.start_mark,
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = str(key_node.value)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice, keep one", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def study_path(where: str | Path) -> Path:
    """Return the study file that a path means: the file itself, or `study.yaml` in a folder.

    Raises:
        UserError: when there is none.
    """
    path = Path(where)
    if path.is_dir():
        path = path / STUDY_FILE
    require_regular(path)
    if not path.is_file():
        near = sorted(one.name for one in path.parent.glob("*.yaml")) if path.parent.is_dir() else []
        hint = f"{nearest(path.name, near)}" if near else "`bitfront init NAME` writes a ready one"
        raise UserError(f"{path}: there's no such study file: {hint}.".replace("?.", "?"))
    return path


def load_study(path: str | Path, overrides: Sequence[str] = (), *, preset: str | None = None) -> StudyConfig:
    """Read a study file, lay a preset over it, apply overrides such as `space.weights=4..8`, and check all of
    it.

    The preset `quick` is the file `quick.yaml` beside the study file, with the keys that differ; the study is
    then called NAME-quick, so that presets have folders of their own. Paths in the files are relative to
    their folder.

    Raises:
        UserError: naming the file, the key, what is wrong and what to do.
    """
    file = study_path(path)
    values = renamed(read_yaml(file))
    values.setdefault("name", file.resolve().parent.name if file.name == STUDY_FILE else file.stem)
    if preset is not None:
        values = _laid_over(values, renamed(read_yaml(_preset_path(file, preset))))
        values["name"] = f"{values['name']}-{preset}"
    for text in overrides:
        override(values, text)
    try:
        values["constraints"] = with_preset(values.get("constraints", {}), file.parent)
    except PydanticCustomError as error:
        raise UserError(f"{file}: constraints.{KEY} {error.message()}.".replace("?.", "?")) from None
    try:
        return StudyConfig.model_validate(values)
    except ValidationError as error:
        source = f"{file} with --preset {preset}" if preset else str(file)
        if overrides:
            source = f"{source} and --set" if preset else f"{source} with --set"
        raise explain(error, source, StudyConfig) from None


def _preset_path(file: Path, preset: str) -> Path:
    known = sorted(one.stem for one in file.parent.glob("*.yaml") if one != file)
    if preset not in known:
        hint = (
            nearest(preset, known)
            if known
            else f"write {file.parent / 'quick.yaml'} with the keys that differ"
        )
        raise UserError(f"{file}: there's no preset {preset!r} beside it: {hint}.".replace("?.", "?"))
    return file.with_name(f"{preset}.yaml")


def _laid_over(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return the values with the changes in them, key by key inside sections."""
    merged = dict(values)
    for key, change in changes.items():
        inner = values.get(key)
        merged[key] = (
            _laid_over(inner, change) if isinstance(inner, dict) and isinstance(change, dict) else change
        )
    return merged


def read_yaml(file: Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping with text keys.

    Raises:
        UserError: when it is too large, not UTF-8, not YAML or not a mapping.
    """
    require_regular(file)
    try:
        size = file.stat().st_size
        if size > MAX_BYTES:
            raise UserError(f"{file}: {size} bytes are too much for a study file: keep it below {MAX_BYTES}.")
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"{file}: it can't be read ({error.strerror}): check the path and its permissions."
        ) from None
    except UnicodeDecodeError as error:
        raise UserError(f"{file}: byte {error.start} isn't UTF-8: save the file as UTF-8 text.") from None
    values = _parse(text, str(file))
    if not isinstance(values, dict):
        kind = "empty" if values is None else f"a {type(values).__name__}"
        raise UserError(f"{file}: a study file is a mapping of keys to values, this one is {kind}.")
    return values


def _parse(text: str, source: str) -> Any:
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader, made stricter
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" line {mark.line + 1}, column {mark.column + 1}:" if mark else ""
        raise UserError(f"{source}:{where} {error.problem or error.context}.") from None
    except (yaml.YAMLError, ValueError) as error:
        raise UserError(f"{source}: {str(error).splitlines()[0].rstrip('.')}: correct the YAML.") from None
    except RecursionError:
        raise UserError(f"{source}: values are nested too deeply: a study file needs four levels.") from None


def override(values: dict[str, Any], text: str) -> None:
    """Set `key.path=value` in the values of a study file; the value is YAML.

    Raises:
        UserError: when the text has no `=`, or a key is unknown (with the nearest one).
    """
    path, equals, raw = text.partition("=")
    keys = [key.strip() for key in path.split(".")]
    if not equals or not all(keys):
        raise UserError(f"--set {text}: write it as key.path=value, such as space.weights=4..8.")
    keys[0] = RENAMED.get(keys[0], keys[0])
    _check_keys(keys, text)
    place = values
    for depth, key in enumerate(keys[:-1]):
        inner = place.get(key)
        if not isinstance(inner, dict):
            section: Any = section_at(StudyConfig, keys[: depth + 1])
            short = getattr(section, "shorthand", None)
            inner = {short: inner} if short and inner is not None else {}
        place[key] = inner
        place = inner
    place[keys[-1]] = _parse(raw, f"--set {text}")


def _check_keys(keys: Sequence[str], text: str) -> None:
    section: type[BaseModel] | None = StudyConfig
    for depth, key in enumerate(keys):
        if section is not None and key not in section.model_fields:
            raise UserError(
                f"--set {text}: {no_such_key(keys[: depth + 1], StudyConfig)}.".replace("?.", "?")
            )
        if section is None and depth and _leaf(keys[:depth]):
            raise UserError(
                f"--set {text}: {'.'.join(keys[:depth])} has no keys of its own: set it as a whole."
            )
        section = section_at(StudyConfig, keys[: depth + 1])


def _leaf(keys: Sequence[str]) -> bool:
    """Whether a key path ends at a plain value: neither a section nor a mapping of the user's names."""
    parent = section_at(StudyConfig, keys[:-1])
    if parent is None or not issubclass(parent, Section):
        return False
    field = parent.model_fields.get(keys[-1])
    return field is not None and "dict[" not in str(field.annotation)
