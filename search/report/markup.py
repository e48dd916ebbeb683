"""Pieces of HTML that the report's pages are made of: one self-contained document, sections, figures, tables."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from .figure import Figure, script

CSP = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:"
"""Forbids a page every request: it is offline by construction, and a layer's name can't load anything."""


def document(
    title: str,
    header: str,
    main: str,
    footer: str,
    figures: Mapping[str, Figure],
    *,
    skip: str = "#trials-section",
) -> str:
    """Return a whole page that needs nothing else: no server, no network, no file beside it.

    `skip` is where the keyboard's first link leads: the page as a table.
    """
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{CSP}">
<link rel="icon" href="data:,">
<title>{html.escape(title)}</title>
<style>
{asset("style.css")}
</style>
</head>
<body>
<a class="skip" href="{skip}">Skip to the table</a>
<header class="top">
{header}
</header>
<main>
{main}
</main>
<footer>{footer}</footer>
<script type="application/json" id="figures">{as_json({name: one.spec() for name, one in figures.items()})}</script>
<script>{script()}</script>
<script>
{asset("page.js")}
</script>
</body>
</html>
"""


def table(columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[str]]) -> str:
    """Return a table that can be scrolled; a column is its heading and `text` (left) or nothing (a number, right)."""
    head = "".join(f'<th scope="col" class="{css}">{html.escape(name)}</th>' for name, css in columns)
    body = "\n".join(
        "<tr>"
        + "".join(f'<td class="{css}">{cell}</td>' for cell, (_, css) in zip(row, columns, strict=True))
        + "</tr>"
        for row in rows
    )
    return f'<div class="scroll" tabindex="0" role="region" aria-label="Table"><table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>'


def section(name: str, title: str, content: str) -> str:
    """Return a section with its heading."""
    return f'<section id="{name}" aria-labelledby="{name}-title"><h2 id="{name}-title">{title}</h2>\n{content}</section>'


def figure(name: str, label: str, caption: str, css: str = "") -> str:
    """Return the place of a figure with its caption; `wide` ones scroll on a phone, by the keyboard too."""
    focus = f' tabindex="0" role="region" aria-label="{label}"' if css == "wide" else ""
    return (
        f'<figure aria-label="{label}"><figcaption>{caption}</figcaption>'
        f'<div class="{css}"{focus}><div id="{name}" class="plot"></div></div></figure>'
    )


def number_cell(value: float | None, text: str) -> str:
    """Return a table's cell that sorts by `value`."""
    return f'<td data-value="{"" if value is None else repr(float(value))}">{text}</td>'


def text_cell(text: str) -> str:
    """Return a table's cell that sorts by its text."""
    return f'<td class="text">{html.escape(text)}</td>'


def lower(label: str) -> str:
    """Return a label for the middle of a sentence: `Latency` -> `latency`, but `LUT` stays."""
    return label if label[:2].isupper() else label[:1].lower() + label[1:]


def as_json(value: Any) -> str:
    """Return a value as JSON that can't end the block that holds it."""
    # "</script>" in a layer's name would end the block that holds it
    return json.dumps(value, allow_nan=False).replace("<", "\\u003c")


def asset(name: str) -> str:
    """Return a file of this package."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
