"""A study's settings as flat keys: what shapes its results, what keys meant before they existed, and how two
studies differ.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..quantities import METRICS

if TYPE_CHECKING:
    from .study import StudyConfig

WITHOUT_EFFECT = (
    "name",
    "data_set",
    "knee_drop",
    "budget",
    "output",
    "storage",
    "tracking",
    "cluster",
    "trial",
    "max_fidelity",
    "synthesis",
)
"""Top-level keys that shape no result: a study goes on under other ones."""
BEFORE: Mapping[str, Any] = {
    "metric.ties": "lowest",
    "metric.false_positive_rate": 0.01,
    "metric.over_classes": "mean",
    "model_weights": None,
    "stratify": False,
    "training.class_weights": "none",
    "training.keep_zeros": True,
    "space.rounding": "RND_CONV",
    "space.element_widths": True,
}
"""What a study is taken to say whose file lacks a key that came later: so it goes on, and its digest is what
it was.

That is what was done before, but for `training.keep_zeros`: zeros that came were never meant to be filled;
and for `space.element_widths`, which costs a candidate nothing: further trials have them.
"""

DEFAULTS_BEFORE: Mapping[str, Any] = {
    "screening": 200,
    "gradient_epochs": 0,
    "training.float_epochs": 30,
    "training.epochs": 3,
    "training.learning_rate": 0.001,
    "space.sparsity": [0],
    "space.activations": "3..12",
    "space.input": "4..12",
    "space.tables": 12,
    "space.statistics": 12,
    "space.softmax_inputs": 10,
}
"""Defaults that were others once, as a study file writes them: a study that has one, and whose file doesn't
set the key, goes on with it."""
RENAMED: Mapping[str, str] = {"scout": "screening", "gradient": "gradient_epochs"}
"""Top-level keys of older study files, and what they are called now. Digests are taken of the older names, so
that a study goes on whichever of them its file has."""


def renamed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a study file's values with older keys under their present names, in their places.

    A key whose present name stands there too is left, so that it is refused as unknown.
    """
    return {
        RENAMED[key] if key in RENAMED and RENAMED[key] not in values else key: value
        for key, value in values.items()
    }


def digest(values: Mapping[str, Any]) -> str:
    """Identify what shapes the results: 16 hex digits of a study's plain values."""
    return hashlib.sha256(json.dumps(shaping(values), sort_keys=True).encode()).hexdigest()[:16]


def shaping(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plain values that shape the results, without keys that say what was done before they
    existed.
    """
    found: dict[str, Any] = json.loads(
        json.dumps({key: value for key, value in values.items() if key not in WITHOUT_EFFECT})
    )
    for old, new in RENAMED.items():
        if new in found:
            found[old] = found.pop(new)
    for path, value in BEFORE.items():
        *sections, key = path.split(".")
        place: Any = found
        for section in sections:
            place = place.get(section, {})
        if place.get(key) == value:
            place.pop(key, None)
    return found


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested values by their key paths, `space.weights` say; an empty mapping is a value."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{path}.")
        else:
            found[path] = value
    return found


def as_begun(config: StudyConfig, recorded: Mapping[str, Any]) -> tuple[StudyConfig, dict[str, Any]]:
    """Return the study with what was done before keys existed that the recorded one lacks, or before they had
    their present defaults, and these keys, with their values, as far as they matter.

    `recorded` are the plain values of the study file in a study's folder, which has every key of its time.
    What `config` sets itself stays as it is.
    """
    known = flat(renamed(recorded))
    missing = [
        path for path in BEFORE if path not in known and not any(k.startswith(f"{path}.") for k in known)
    ]
    before = {path: BEFORE[path] for path in missing}
    before |= {path: value for path, value in DEFAULTS_BEFORE.items() if known.get(path, ()) == value}
    now = flat(config.to_dict())
    changed: dict[str, Any] = {}
    for path, value in before.items():
        section, _, key = path.rpartition(".")
        place: Any = getattr(config, section) if section else config
        if key in place.model_fields_set or now.get(path) == value:
            continue
        if section:
            value_there = getattr(type(place)(**{key: value}), key)
            config = config.model_copy(update={section: place.model_copy(update={key: value_there})})
        else:
            config = config.model_copy(update={key: value})
        changed[path] = value
    return config, {path: value for path, value in changed.items() if _matters(config, path)}


def _matters(config: StudyConfig, path: str) -> bool:
    if path == "metric.ties":
        known = METRICS.get(config.metric.name)
        return known is not None and known.decides
    return path != "stratify" or config.validation_split is not None


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the keys that shape results and differ between two studies' plain values, with old and new
    value.

    None stands for a key that isn't set.
    """
    one, other = (
        {
            path: value
            for path, value in flat(renamed(values)).items()
            if path.split(".")[0] not in WITHOUT_EFFECT
        }
        for values in (old, new)
    )
    paths = list(dict.fromkeys([*one, *other]))
    return {path: (one.get(path), other.get(path)) for path in paths if one.get(path) != other.get(path)}


def told(found: Mapping[str, tuple[Any, Any]], most: int = 6) -> str:
    """Return differences in words: `space.weights was 4..8, now 2..3; seed was 1, now 2`."""
    shown = {path: (_shown(old), _shown(new)) for path, (old, new) in found.items()}
    lines = [f"{path} was {old}, now {new}" for path, (old, new) in shown.items() if old != new]
    more = f"; and {len(lines) - most} more" if len(lines) > most else ""
    return "; ".join(lines[:most]) + more


def _shown(value: Any) -> str:
    if value is None or value == {}:
        return "not set"
    if isinstance(value, bool):
        return str(value).lower()
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
