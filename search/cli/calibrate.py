"""`bitfront calibrate`: let a site's own reports correct its estimates."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """\
Examples: `bitfront calibrate my-hls4ml-prj`; `bitfront calibrate runs/*/myproject_prj/solution1/syn/report/csynth.xml`;
`bitfront calibrate studies/top-tagging`; `bitfront calibrate --list`; `bitfront calibrate --forget`.
The file is BITFRONT_SITE, or bitfront/site.json in the user's configuration folder; every estimate uses it.
"""


def command(
    reports: Annotated[
        list[Path] | None,
        typer.Argument(
            help="hls4ml project folders that a tool ran in (or folders of them), a csynth.xml or "
            "_csynth.rpt in one or beside a design.json, studies whose trials were synthesised, a file that "
            "bitfront selftest --vitis wrote."
        ),
    ] = None,
    site: Annotated[Path | None, typer.Option(help="Another file than the site's.")] = None,
    list_: Annotated[
        bool, typer.Option("--list", help="Print what the file holds, and its corrections.")
    ] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Remove all reports from the file.")] = False,
) -> None:
    """Add reports of one's own tools to the site's file, which corrects the estimates of their families."""
    from bitfront.hls.estimate import Site, load_site, site_file
    from bitfront.spaces import UserError

    if not reports and not list_ and not forget:
        raise UserError("Give reports to add, or --list, or --forget.")
    file = site or site_file()
    known = Site() if forget else load_site(file)
    if reports:
        from bitfront.search.synthesis.site_reports import site_designs

        added = [design for path in reports for design in site_designs(path)]
        for one in added:
            typer.echo(_line(one))
        known = known.with_designs(added)
    if reports or forget:
        known.write(file)
    elif list_:
        for one in known.designs:
            typer.echo(_line(one))
    typer.echo(f"{file} holds {len(known.designs)} designs.")
    _print_factors(known)


def _line(one: object) -> str:
    """Say how far the uncorrected estimate of a design is from its reports."""
    from bitfront.hls.estimate import SiteDesign, estimate

    assert isinstance(one, SiteDesign)
    found = estimate(one.design)
    cells = []
    for stage, figures in one.measured.items():
        pairs = [
            f"{key} {value:,.0f}" + (f" (estimate {getattr(found, key):,.0f})" if stage == "csynth" else "")
            for key, value in figures.items()
        ]
        cells.append(f"{stage}: {', '.join(pairs)}")
    return f"{one.origin} ({found.family}); {'; '.join(cells)}"


def _print_factors(known: object) -> None:
    from bitfront.hls.estimate import QUANTITIES, Site, family_of

    assert isinstance(known, Site)
    for family in sorted({family_of(one.design) for one in known.designs}):
        for kind in ("csynth", "implemented"):
            learned = known.correction(kind, family)
            if learned.quantities:
                factors = ", ".join(
                    f"{q} x {learned.factor(q):.2f}" for q in QUANTITIES if q in learned.quantities
                )
                typer.echo(f"{family}, {kind}, from {learned.n} reports: {factors}")
