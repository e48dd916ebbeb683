"""Writes docs/study-file.md from the models: `python -m bitfront.search.config.reference >
docs/study-file.md`.
"""

from __future__ import annotations

import sys
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from ..quantities import Limit
from .space import LayerSpace
from .study import StudyConfig
from .values import Widths

_HEAD = """\
# The study file

Written by `python -m bitfront.search.config.reference`; a test compares it with the code.

A study file is YAML. `model`, `data` and `task` must be given, everything else has a default. Keys that don't exist
are refused, with the nearest one that does. `--set key.path=value` on the command line overrides any of them, and the
same names work from Python: `StudyConfig(model=..., data=..., task="binary", space={"weights": "2..8"})`.
Paths are relative to the study file's folder.

```yaml
model: model.py:build
data: data.py:load
task: binary
metric: roc_auc
device: {part: xcvu13p-flga2577-2-e, clock_ns: 5}
objectives: [metric, lut, latency]
constraints: {lut: 50%, latency: 2us, metric_drop: 0.01}
space:
  weights: 2..12
  activations: 3..12
  layers: {"lstm*": {weights: 4..8}}
training: {float_epochs: 30, epochs: 3}
budget: {trials: 60, wall: 5m}
```

Widths are in bits: an int fixes one, `low..high` searches all between, both included. Counts take k and M, times
ns, us, ms, s or `cycles`, energies pJ, nJ or uJ, durations s, m or h.
"""


def markdown() -> str:
    """Return the reference page."""
    parts = [_HEAD, _table("Top level", StudyConfig, "")]
    for name, field in StudyConfig.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            parts.append(_table(f"`{name}`", field.annotation, f"{name}."))
    parts.append(_table("One entry of `space.layers`", LayerSpace, 'space.layers."lstm*".'))
    return "\n".join(parts)


def _table(title: str, section: type[BaseModel], prefix: str) -> str:
    about = (section.__doc__ or "").split("\n\n")[0] if prefix else "What the study is about."
    lines = [
        f"## {title}",
        "",
        about,
        "",
        "| key | without it | example | what it is, and what moving it costs |",
    ]
    lines.append("|---|---|---|---|")
    for name, field in section.model_fields.items():
        text = (field.description or "").replace("|", "\\|")
        lines.append(f"| `{prefix}{name}` | {_default(field)} | {_example(field)} | {text} |")
    return "\n".join([*lines, ""])


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined or value is None or value == {} or value == ():
        return "-"
    return "see below" if isinstance(value, BaseModel) else f"`{_plain(value)}`"


def _example(field: FieldInfo) -> str:
    examples = field.examples or []
    return f"`{_plain(examples[0])}`" if examples else "-"


def _plain(value: Any) -> str:
    if isinstance(value, Widths | Limit):
        return str(value)
    if isinstance(value, tuple):
        return _plain(value[0]) if len(value) == 1 else f"[{', '.join(map(str, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    sys.stdout.write(markdown())
