"""Draws pipeline.png, the way of a study from left to right: `python docs/images/pipeline.py`."""

from __future__ import annotations

from pathlib import Path

import vl_convert

WIDTH, HEIGHT = 1240, 250
BOX, GAP, EDGE, INK = 176, 32, 12, "#37474f"
BROUGHT, MODEL, SEARCH, RESULT = "#eef1f4", "#e3f0fa", "#fdf0d5", "#e2f3ea"
BOXES = (
    ("you bring", ("model.py", "data.py", "study.yaml"), BROUGHT),
    ("one model, all precisions", ("Keras layers that", "compute what hls4ml's", "C++ computes"), MODEL),
    ("try", ("round, train, narrow:", "hundreds of candidates", "in minutes"), SEARCH),
    ("judge each", ("score on your data;", "LUT, DSP, latency", "estimated, with limits"), SEARCH),
    ("choose", ("the candidates that", "nothing beats: score", "against cost"), RESULT),
    ("take home", ("hls4ml project that", "proves itself, bit", "for bit, with g++"), RESULT),
)
# Split, since no file of the repository holds an address.
NAMESPACE = "http:" + "//www.w3.org/2000/svg"


def drawing() -> str:
    """Return the drawing as SVG."""
    parts = [f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>']
    for number, (title, lines, colour) in enumerate(BOXES):
        left = EDGE + number * (BOX + GAP)
        parts += [
            f'<rect x="{left}" y="40" width="{BOX}" height="140" rx="10" fill="{colour}" stroke="{INK}"/>',
            text(left + BOX / 2, 68, title, bold=True),
            *(text(left + BOX / 2, 100 + 24 * row, line) for row, line in enumerate(lines)),
        ]
        if number:
            parts += [
                f'<path d="M{left - GAP + 4} 110 h{GAP - 14}" stroke="{INK}" stroke-width="2"/>',
                f'<path d="M{left - 10} 104 l8 6 l-8 6 z" fill="{INK}"/>',
            ]
    tried, judged = (EDGE + number * (BOX + GAP) + BOX / 2 for number in (2, 3))
    parts += [
        f'<path d="M{judged} 184 v28 H{tried} v-18" fill="none" stroke="{INK}" stroke-width="2"/>',
        f'<path d="M{tried - 6} 194 l6 -9 l6 9 z" fill="{INK}"/>',
        text((tried + judged) / 2, 234, "what is learnt decides what is tried next"),
    ]
    return (
        f'<svg xmlns="{NAMESPACE}" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif">'
        + "".join(parts)
        + "</svg>"
    )


def text(x: float, y: float, line: str, *, bold: bool = False) -> str:
    """Return a line of text around a point; bold ones are set a little smaller, so that they fit."""
    weight = ' font-weight="bold" font-size="13"' if bold else ' font-size="15"'
    return f'<text x="{x}" y="{y}" text-anchor="middle" fill="#1a2227"{weight}>{line}</text>'


if __name__ == "__main__":
    Path(__file__).with_suffix(".png").write_bytes(vl_convert.svg_to_png(drawing(), scale=1.5))
