"""The tables of docs/estimates.md, of the errors that ship: `python -m
bitfront.experiments.calibration.tables`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from bitfront.hls.estimate import Coefficients, load_coefficients

__all__ = ["coverage_lines", "error_lines", "main"]

FAMILIES = {
    "mlp": "MLP",
    "mlp_sweep": "MLP, one sweep of reuse factors",
    "cnn": "CNN",
    "rnn": "RNN",
    "transformer": "transformer",
    "distributed": "distributed arithmetic",
}
QUANTITIES = {
    "lut": "LUT",
    "ff": "FF",
    "dsp": "DSP",
    "bram18": "BRAM18",
    "latency_cycles": "latency",
    "ii_cycles": "interval",
}
KINDS = {"csynth": "C-synthesis", "implemented": "implemented"}


def error_lines(coefficients: Coefficients) -> list[str]:
    """Return the errors of designs whose author was left out, as a table in Markdown."""
    head = (
        "| figure | family | quantity | designs | median error | within 2x | rank | Vivado HLS | Vitis HLS |"
    )
    lines = [head, "|---|---|---|---:|---:|---:|---:|---:|---:|"]
    rows = [row for row in coefficients.provenance["errors"] if row["left_out"] == "author"]
    by_era: dict[tuple[str, str, str], dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        by_era.setdefault((row["kind"], row["family"], row["quantity"]), {})[row["era"]] = row
    for kind, shown in KINDS.items():
        for family, named in FAMILIES.items():
            for quantity, called in QUANTITIES.items():
                eras = by_era.get((kind, family, quantity))
                if eras is None or (quantity.endswith("cycles") and kind == "implemented"):
                    continue
                row = eras["all"]
                rank = "" if row["spearman"] is None else f"{row['spearman']:.2f}"
                halves = " | ".join(_median(eras.get(era)) for era in ("vivado", "vitis"))
                lines.append(
                    f"| {shown} | {named} | {called} | {row['n']:.0f} | {row['median']:.0f} % | "
                    f"{100 * row['within2']:.0f} % | {rank} | {halves} |"
                )
    return lines


def _median(row: Mapping[str, Any] | None) -> str:
    return "" if row is None else f"{row['median']:.0f} % of {row['n']:.0f}"


def coverage_lines(coefficients: Coefficients) -> list[str]:
    """Return how often the 80 % intervals held, as a table in Markdown."""
    rows = [row for row in coefficients.provenance["coverage"] if row["family"] == "all"]
    shares = {(row["kind"], row["quantity"]): row for row in rows}
    authors = {kind: max(row["authors"] for row in rows if row["kind"] == kind) for kind in KINDS}
    heads = " | ".join(f"{shown}, {authors[kind]} authors" for kind, shown in KINDS.items())
    lines = [f"| quantity | {heads} |", "|---|---:|---:|"]
    for quantity, called in QUANTITIES.items():
        cells = (shares[kind, quantity] for kind in KINDS)
        lines.append(
            f"| {called} | " + " | ".join(f"{100 * row['share']:.0f} % of {row['n']}" for row in cells) + " |"
        )
    return lines


def main(arguments: Iterable[str] | None = None) -> int:
    """Print both tables."""
    shipped = load_coefficients()
    print("\n".join([*error_lines(shipped), "", *coverage_lines(shipped)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
