"""The small designs through AMD's tools: what they report beside the estimate, and a file of it to send."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bitfront.hls import BuildError, DesignDescription
from bitfront.hls.estimate import QUANTITIES as ESTIMATED
from bitfront.hls.estimate import SiteDesign, estimate
from bitfront.hls.synthesis import Limits, SynthesisOutcome, Tool, synthesise
from bitfront.spaces import UserError

from ..quantities import QUANTITIES
from .designs import PROJECT, SmallDesign, build_design

__all__ = ["Row", "VendorResult", "read_results", "vendor_test", "write_results"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One quantity of a design: the estimate, its 80 % interval, and what C-synthesis reports."""

    quantity: str
    estimate: float
    interval: tuple[float, float] | None
    measured: float

    @property
    def inside(self) -> bool | None:
        """Whether the report lies in the interval; None where there is none."""
        return None if self.interval is None else self.interval[0] <= self.measured <= self.interval[1]


@dataclass(frozen=True, kw_only=True)
class VendorResult:
    """What became of a design: its description with the tool's version, and how the tool's run ended."""

    name: str
    description: DesignDescription
    outcome: SynthesisOutcome

    @property
    def measured(self) -> Mapping[str, float]:
        """The figures of C-synthesis, under the names that estimates use; empty where it failed."""
        return self.outcome.measured.get("csynth", {})

    def rows(self) -> list[Row]:
        """Compare the estimate, without any correction of the site's, with the report."""
        found = estimate(self.description)
        return [
            Row(
                quantity=q.key,
                estimate=float(getattr(found, q.estimate)),
                interval=found.intervals.get(q.key),
                measured=self.measured[q.key],
            )
            for q in QUANTITIES.values()
            if q.in_reports and q.key in self.measured
        ]

    def to_json(self) -> dict[str, Any]:
        """Return a line of the file: no path, no name of a user or a machine."""
        ended = self.outcome
        return {
            "source": f"bitfront-selftest {version('bitfront')}",
            "model": self.name,
            "run": f"{ended.tool} {ended.version or '?'}",
            "csynth": dict(self.measured),
            "clock_ns": ended.clock_ns,
            "seconds": ended.seconds,
            "cause": ended.cause,
            "line": ended.line,
            "design": self.description.to_json(),
        }


def vendor_test(
    designs: Iterable[SmallDesign],
    folder: Path,
    tool: Tool,
    limits: Limits,
    *,
    part: str,
    clock_ns: float,
    show: Callable[[VendorResult], None] = lambda result: None,
) -> list[VendorResult]:
    """Export each design to `folder`, synthesise it with the tool, and return what came of it.

    A design that can't be written or that the tool fails on is a result with a cause; the others go on.

    Args:
        designs: what is tested.
        folder: gets a project for each design.
        tool: AMD's (`find_tool`).
        limits: of each run.
        part: part string.
        clock_ns: clock period in ns.
        show: is called with each result as it comes.

    Raises:
        UserError: `folder`'s path has a blank, a project is there already, or the part is unknown.
    """
    results = []
    for design in designs:
        built = build_design(design, part=part, clock_ns=clock_ns)
        project = folder / design.name
        try:
            built.write(project)
        except BuildError as error:
            outcome = SynthesisOutcome(
                tool=tool.name, fidelity="csynth", seconds=0.0, cause="export", line=str(error),
                advice="hls4ml could not write the project: please report it.",
            )  # fmt: skip
        else:
            outcome = synthesise(
                project, PROJECT, tool, "csynth", limits, part=built.target.part, clock_ns=clock_ns
            )
        # a message of the tool names files by their path, which is nobody else's business
        outcome = replace(outcome, line=outcome.line.replace(str(project.resolve()), "PROJECT"))
        described = replace(built.description, tool_version=outcome.version or built.description.tool_version)
        results.append(VendorResult(name=design.name, description=described, outcome=outcome))
        show(results[-1])
    return results


def write_results(results: Iterable[VendorResult], path: Path) -> None:
    """Write a file of JSON lines, one a design, which `bitfront calibrate` and the fit read.

    Raises:
        UserError: it can't be written.
    """
    try:
        path.write_text("".join(json.dumps(one.to_json()) + "\n" for one in results), encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"{path} can't be written ({error.strerror}): give another file with --out."
        ) from error


def read_results(path: Path) -> list[SiteDesign]:
    """Read the designs of such a file that were synthesised; any JSON lines with `design` and `csynth` do.

    Figures that no estimate has are passed over: they correct nothing.

    Raises:
        UserError: the file can't be read, or holds no design that was synthesised.
    """
    found = []
    try:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if not line.strip():
                continue
            plain = json.loads(line)
            figures = {
                key: float(value)
                for key, value in plain["csynth"].items()
                if key in ESTIMATED and value is not None
            }
            wrong = [key for key, value in figures.items() if not 0 <= value < math.inf]
            if wrong:
                raise ValueError(f"line {number}: {wrong[0]} is {figures[wrong[0]]:g}")
            if figures:
                design = DesignDescription.from_json(plain["design"])
                said = " ".join(str(plain[key]) for key in ("model", "run") if plain.get(key))
                found.append(
                    SiteDesign(
                        design=design,
                        measured={"csynth": figures},
                        origin=f"{path.name}:{number} {said}".strip(),
                    )
                )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} can't be read as JSON lines with design and csynth ({type(error).__name__}: "
            f"{str(error)[:120]}): give the file that bitfront selftest --vitis wrote."
        ) from error
    if not found:
        raise UserError(f"{path} holds no design that was synthesised.")
    return found
