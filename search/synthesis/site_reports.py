"""Reports that a site has, with the designs that they are of: hls4ml project folders, files in them, studies,
bundles.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from bitfront.hls import DesignDescription
from bitfront.hls.design import is_project, project_design
from bitfront.hls.estimate import SiteDesign
from bitfront.hls.reports import parse_csynth, read_project
from bitfront.spaces import UserError

from ..measurements.corrected import read_evaluations
from ..measurements.record import measured_of, read_records
from ..selftest import read_results

__all__ = ["site_designs"]

_UP = 6
"""Folders above a report in which its project is looked for:
PROJECT/NAME_prj/solution1/syn/report/csynth.xml.
"""
_DESCRIPTION = "design.json"


def site_designs(given: Path) -> list[SiteDesign]:
    """Return the designs of a path, each with what tools reported of it.

    The path is an hls4ml project folder that a tool ran in, a folder of such folders, a report in one, a
    report beside a `design.json` (`DesignDescription.to_json`), a file of JSON lines that `bitfront selftest
    --vitis` wrote, or a bitfront study whose trials were synthesised.

    Raises:
        UserError: nothing of that is there, or a report or its design can't be read.
    """
    if not given.exists():
        raise UserError(f"{given} does not exist: give an hls4ml project folder, a csynth.xml, or a study.")
    if given.suffix == ".jsonl" and given.is_file():
        return read_results(given)
    if given.is_file():
        return [_of_report(given)]
    if (given / "reference.json").is_file():
        return list(_of_study(given))
    if is_project(given):
        return [_of_project(given)]
    inner = sorted(path.parents[1] for path in given.glob("**/firmware/parameters.h"))
    if not inner:
        raise UserError(
            f"{given} holds no hls4ml project and is no study: give the folder that hls4ml wrote."
        )
    return [_of_project(folder) for folder in inner]


def _of_project(folder: Path) -> SiteDesign:
    reports = read_project(folder)
    version = reports.csynth.version if reports.csynth else None
    measured = {stage: figures for stage, figures in reports.measured().items() if figures}
    return SiteDesign(
        design=project_design(folder, tool_version=version), measured=measured, origin=str(folder)
    )


def _of_report(path: Path) -> SiteDesign:
    for folder in list(path.absolute().parents)[:_UP]:
        if is_project(folder):
            return _of_project(folder)
    file = path.parent / _DESCRIPTION
    if not file.is_file():
        raise UserError(
            f"{path} lies in no hls4ml project and has no {_DESCRIPTION} beside it, so its design is unknown."
        )
    try:
        design = DesignDescription.from_json(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f"{file} can't be read ({error!r}).") from error
    report = parse_csynth(path.read_text(encoding="utf-8", errors="replace"))
    return SiteDesign(design=design, measured={"csynth": report.measured()}, origin=str(path))


def _of_study(folder: Path) -> Iterator[SiteDesign]:
    from ..bundle.designs import study_designs

    known = measured_of(read_records(folder))
    designs = {e.design: e for e in read_evaluations(folder, corrected=False) if e.design in known}
    if not designs:
        raise UserError(f"No trial of {folder} was synthesised: run bitfront synth {folder} first.")
    described = study_designs(folder, designs.values())
    for digest, evaluation in designs.items():
        design = described[evaluation.number]
        yield SiteDesign(design=design, measured=known[digest], origin=design.name)
