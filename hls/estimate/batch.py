"""Estimate many designs from a file: records of published results, or designs of one's own, a JSON object a
line.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bitfront.hls.design.layers import DesignDescription
from bitfront.hls.design.of_record import from_record
from bitfront.spaces import BitfrontError, UserError

from .coefficients import QUANTITIES, Coefficients, Kind
from .site import site_estimate

__all__ = ["BatchResult", "estimate_file", "estimate_record"]


@dataclass(frozen=True)
class BatchResult:
    """What became of the lines of a file.

    Attributes:
        estimated: how many got an estimate.
        refused: the line's number and the reason of each that got none.
    """

    estimated: int
    refused: tuple[tuple[int, str], ...]


def estimate_record(
    record: Mapping[str, Any], *, kind: Kind = "csynth", coefficients: Coefficients | None = None
) -> dict[str, Any]:
    """Estimate one record, or one design in the JSON form of `DesignDescription`.

    Returns the record's `id`, each quantity with its 80 % interval, `clock_ns`, `kind`, the layers' parts and
    what was assumed (`assumed`);
    a record that can't be estimated has nulls and a `reason` instead. What the record measured is never
    looked at.
    """
    name = record.get("id", record.get("name"))
    try:
        read = DesignDescription.from_json if "version" in record else from_record
        design = read(record)
        found = site_estimate(design, kind=kind, coefficients=coefficients).to_json()
    except BitfrontError as error:
        return _refused(name, kind, str(error))
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        return _refused(
            name, kind, f"Record '{name}' isn't built as expected: {type(error).__name__} {error}."
        )
    found.pop("name")
    said = {"assumed": list(design.assumed)} if design.assumed else {}
    return {"id": name, **found, **said}


def _refused(name: Any, kind: str, reason: str) -> dict[str, Any]:
    nothing = dict.fromkeys((*QUANTITIES, "clock_ns"))
    return {"id": name, "kind": kind, **nothing, "reason": reason}


def _no_number(text: str) -> Any:
    """Refuse NaN and Infinity, which Python reads and writes but JSON doesn't have."""
    raise ValueError(f"{text} is no number of JSON's")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, 1):
            if line.strip():
                yield number, line


def estimate_file(
    source: Path, target: Path, *, kind: Kind = "csynth", coefficients: Coefficients | None = None
) -> BatchResult:
    """Estimate every line of `source` into `target`, line by line, so that any number of designs fits in
    memory.

    A line that is no JSON object gets a line with a reason too.

    Raises:
        UserError: `source` can't be read, `target` can't be written, or both are the same file.
    """
    if target.exists() and source.exists() and target.samefile(source):
        raise UserError(f"Input and output are both {source}: choose another output file.")
    estimated = 0
    refused: list[tuple[int, str]] = []
    try:
        with target.open("w", encoding="utf-8") as out:
            for number, line in _lines(source):
                try:
                    record = json.loads(line, parse_constant=_no_number)
                except (ValueError, RecursionError) as error:
                    row = _refused(None, kind, f"Line {number} is no JSON: {getattr(error, 'msg', error)}.")
                else:
                    if isinstance(record, dict):
                        row = estimate_record(record, kind=kind, coefficients=coefficients)
                    else:
                        row = _refused(None, kind, f"Line {number} is no JSON object.")
                if row.get("reason"):
                    refused.append((number, row["reason"]))
                else:
                    estimated += 1
                out.write(json.dumps(row) + "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"Can't estimate the designs of {source} into {target}: {error}.") from None
    return BatchResult(estimated, tuple(refused))
