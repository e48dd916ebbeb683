"""A figure: one chart, which the page draws and from which its PNG, SVG and PDF are made."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import palette

if TYPE_CHECKING:
    import altair as alt

KINDS = ("png", "svg", "pdf")
"""The files that a figure is written as."""
SCREEN_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
FILE_FONT = "Liberation Sans"
"""vl-convert brings it, so that files look alike, and have the same bytes, on every machine."""
TOUCHED = "touched"
"""Name of a layer that is not seen: it tells what a line says where it is touched. Files do without it."""
PIXELS = 2.5
"""Pixels of a PNG for each of the chart's own: 1,600 across for a figure of 640."""


@dataclass(frozen=True)
class Figure:
    """A chart without its size, and the size it is drawn at.

    A page gives it the width of its place; a file is `width` wide. Charts keep to one weight of one font and
    to solid colours: with more of either, vl-convert 1.9 numbers a PDF's objects anew in each process, and
    the same study would not give the same bytes.
    """

    chart: alt.LayerChart
    height: int
    """Height of the plot on a page, without axes and legend, in pixels."""
    width: int = 640
    """Width of the plot in a file, in pixels."""
    file_height: int | None = None
    """Height of the plot in a file where it is not that of the page."""

    def spec(self) -> dict[str, Any]:
        """Return what Vega-Lite draws on a page: as wide as its place, with nothing to be fetched."""
        spec = self._spec("container", self.height, SCREEN_FONT, 14)
        del spec["$schema"]  # an address
        return spec

    def write(self, folder: Path, name: str) -> list[Path]:
        """Write the figure as PNG, SVG and PDF into `folder` and return their paths."""
        import vl_convert

        folder.mkdir(parents=True, exist_ok=True)
        spec = self._file_spec()
        paths = [folder / f"{name}.{kind}" for kind in KINDS]
        paths[0].write_bytes(vl_convert.vegalite_to_png(spec, scale=PIXELS, allowed_base_urls=[]))
        drawing = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
        paths[1].write_text(_renumbered(drawing), encoding="utf-8")
        paths[2].write_bytes(vl_convert.vegalite_to_pdf(spec, allowed_base_urls=[]))
        return paths

    def _repr_svg_(self) -> str:
        """Return the figure as a notebook shows it, with nothing to be fetched."""
        import vl_convert

        return _renumbered(vl_convert.vegalite_to_svg(self._file_spec(), allowed_base_urls=[]))

    def _file_spec(self) -> dict[str, Any]:
        """Return what Vega-Lite draws into a file: without what only touching shows."""
        spec = self._spec(self.width, self.file_height or self.height, FILE_FONT, 12)
        spec["layer"] = [layer for layer in spec["layer"] if layer["name"] != TOUCHED]
        return spec

    def _spec(self, width: int | str, height: int, font: str, size: int) -> dict[str, Any]:
        import altair as alt

        chart = self.chart.properties(width=width, height=height)
        with alt.data_transformers.enable("default", consolidate_datasets=False, max_rows=None):
            spec: dict[str, Any] = chart.to_dict()
        spec["config"] = theme(font, size)
        return spec


def _renumbered(drawing: str) -> str:
    """Return an SVG whose ids are numbered by their first place in it, where Vega's go on from figure to
    figure.
    """
    order: dict[str, str] = {}

    def number(found: re.Match[str]) -> str:
        return order.setdefault(found[0], f"{found[1]}{len(order)}")

    return re.sub(r"\b(clip|gradient_)\d+\b", number, drawing)


def theme(font: str, size: int) -> dict[str, Any]:
    """Return the look that all figures share, for a font and its size in pixels."""
    plain = {"titleFontWeight": "normal", "labelFontSize": size, "titleFontSize": size}
    ink = {"labelColor": palette.INK, "titleColor": palette.INK}
    return {
        "font": font,
        "background": palette.PAPER,
        "view": {"stroke": None},
        "axis": plain | ink | {"gridColor": "#e7eaf0", "domainColor": "#9aa1ad", "tickColor": "#9aa1ad"}
        | {"labelLimit": 0, "titlePadding": 10, "labelFlush": False},
        "legend": plain | ink | {"labelLimit": 0, "symbolLimit": 0, "orient": "bottom", "columns": 4}
        | {"columnPadding": 22, "title": None, "padding": 6},
        "text": {"fontSize": size - 1, "fill": palette.INK},
    }  # fmt: skip


def script() -> str:
    """Return the JavaScript that draws figures on a page: Vega, Vega-Lite and Vega-Embed, from vl-convert."""
    import vl_convert

    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))
