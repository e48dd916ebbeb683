"""Writes docs/study-file.md from the models: `python -m bitfront.search.config.reference >
docs/study-file.md`.
"""

from __future__ import annotations

import sys
import textwrap
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
    """Return the reference page: a heading for each key."""
    parts = [_HEAD, "## Top level\n\nWhat the study is about. Sections have their own chapter below.\n"]
    sections = {
        name: section for name, field in StudyConfig.model_fields.items() if (section := _section(field))
    }
    parts += [_key(name, field) for name, field in StudyConfig.model_fields.items() if name not in sections]
    for name, section in sections.items():
        parts.append(_chapter(f"`{name}`", section, f"{name}.", StudyConfig.model_fields[name]))
    parts.append(_chapter("One entry of `space.layers`", LayerSpace, 'space.layers."lstm*".', None))
    return "\n".join(parts)


def _section(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _chapter(title: str, section: type[BaseModel], prefix: str, key: FieldInfo | None) -> str:
    about = (section.__doc__ or "").split("\n\n")[0]
    text = f"## {title}\n\n{_wrapped(about)}\n"
    if key is not None and key.examples:
        text += f"\n{_wrapped(key.description or '')}\n\n**Example** {_example(key)}\n"
    return "\n".join(
        [text, *(_key(f"{prefix}{name}", field) for name, field in section.model_fields.items())]
    )


def _key(path: str, field: FieldInfo) -> str:
    known = [f"**Without it** {value}" if (value := _default(field)) else "**Must be given**"]
    known += [f"**example** {value}" for value in filter(None, [_example(field)])]
    return f"### `{path}`\n\n{_wrapped(field.description or '')}\n\n{', '.join(known)}\n"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 110, break_long_words=False, break_on_hyphens=False)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return ""
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined or value is None or value == {} or value == ():
        return "nothing"
    return f"`{_plain(value)}`"


def _example(field: FieldInfo) -> str:
    examples = field.examples or []
    return f"`{_plain(examples[0])}`" if examples else ""


def _plain(value: Any) -> str:
    if isinstance(value, Widths | Limit):
        return str(value)
    if isinstance(value, tuple):
        return _plain(value[0]) if len(value) == 1 else f"[{', '.join(map(str, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    sys.stdout.write(markdown())
