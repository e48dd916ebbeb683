"""`layers.csv`: a design's layers as a table, the same in a trial's folder, in MLflow and in a bundle."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

FILE = "layers.csv"


def layers_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return one row a node, in network order; what is nested, its types say, is JSON.

    Empty where there is no row.
    """
    if not rows:
        return ""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _cell(value) for key, value in row.items()})
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, Mapping):
        value = dict(value)
    return json.dumps(value, sort_keys=True) if isinstance(value, dict | list | tuple) else value
