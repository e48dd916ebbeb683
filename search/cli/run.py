"""`bitfront run`: search, or go on with a search."""

from __future__ import annotations

from typing import Annotated

import typer

from .studies import Preset, load

EXAMPLES = """\
Examples: `bitfront run study.yaml`; `bitfront run study.yaml --preset quick`; `bitfront run study.yaml --set budget.trials=20 --set space.weights=4..8`;
`bitfront run study.yaml --quick`; `bitfront run study.yaml --budget 10m`; `bitfront run study.yaml --workers 4`. Ctrl-C keeps what is finished; the same command goes on.
"""

QUICK, THOROUGH = "1m", "1h"
"""Budgets by name: they change how long everything is trained, and no setting."""


def command(
    study: Annotated[
        str, typer.Argument(help="Study file, its folder, or the name of a ready study (bitfront ls).")
    ],
    preset: Preset = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Override a key: key.path=value. May be given several times."),
    ] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help="Number of candidates, instead of the study's budget.")
    ] = None,
    budget: Annotated[
        str | None, typer.Option(help="Wall-clock time (90s, 10m, 2h), instead of the study's.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A first look: a budget of one minute.")] = False,
    thorough: Annotated[
        bool, typer.Option("--thorough", help="A result to build: a budget of one hour.")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Begin anew; the old folder is kept, numbered.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Evaluate candidates in so many processes of this machine.")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(help="Evaluate candidates on the workers of the Dask scheduler at this address."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Search precisions as a study file says, or go on with a search that was stopped."""
    from rich.console import Console

    from bitfront.search.config.values import duration
    from bitfront.spaces import NothingFeasible, UserError

    overrides = list(set_ or [])
    if workers is not None:
        overrides += ["cluster.kind=local", f"cluster.workers={workers}"]
    if scheduler is not None:
        overrides.append(f"cluster.scheduler={scheduler}")
    config, base = load(study, overrides, preset)
    if sum((budget is not None, quick, thorough)) > 1:
        raise UserError("--budget, --quick and --thorough are one thing in three ways: give one of them.")
    budget = QUICK if quick else THOROUGH if thorough else budget
    try:
        wall = duration(budget) if budget else None
    except ValueError as error:
        raise UserError(f"--budget {budget!r} {error}.") from None
    from bitfront.search.run.launcher import run_study  # after the checks: TensorFlow takes seconds to import

    console = Console(highlight=False, quiet=quiet, soft_wrap=True)
    result = run_study(config, base, trials=trials, wall=wall, fresh=fresh, console=console)
    if result.interrupted:
        raise typer.Exit(130)
    if not result.feasible:
        nearest = result.front[0].number if result.front else None
        hint = f"trial {nearest} comes nearest" if nearest is not None else "no trial was scored"
        raise NothingFeasible(f"No candidate meets the constraints ({hint}): relax one, or widen the space.")
