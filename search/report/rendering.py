"""HTML from the templates beside it: every value is escaped; what isn't is this package's own style and
script.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from .figure import Figure, script

if TYPE_CHECKING:
    from jinja2 import Environment


@dataclass(frozen=True)
class Table:
    """A table of text; a column is its heading and `text` (left) or nothing (a number, right)."""

    columns: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Number:
    """A table's cell that sorts by its value, those without one at the end."""

    value: float | None
    text: str

    def __str__(self) -> str:
        return "" if self.value is None else self.text

    @property
    def sort(self) -> str:
        """What the page's script sorts by."""
        return "" if self.value is None else repr(float(self.value))


def rendered(template: str, figures: Mapping[str, Figure], **values: Any) -> str:
    """Return a page that needs nothing else: no server, no network, no file beside it.

    Args:
        template: its name in `templates`.
        figures: the page's figures by the name of their place.
        values: what the template names.
    """
    drawn = {name: figure.spec() for name, figure in figures.items()}
    return str(_environment().get_template(template).render(figures=drawn, **values))


def inline(label: str) -> str:
    """Return a label for the middle of a sentence: `Latency` -> `latency`, but `LUT` stays."""
    return label if label[:2].isupper() else label[:1].lower() + label[1:]


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from markupsafe import Markup

    found = Environment(
        loader=FunctionLoader(lambda name: _text(f"templates/{name}")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.policies["json.dumps_kwargs"] = {
        "allow_nan": False
    }  # `<` becomes \\u003c, so JSON can't end its block
    found.filters["inline"] = inline
    found.globals["asset"] = lambda name: Markup(_text(name))  # noqa: S704 (this package's own file)
    found.globals["vega"] = lambda: Markup(script())  # noqa: S704 (Vega's own code)
    return found


def _text(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
