"""`bitfront validate`: check a study without running it."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from .studies import Preset, load

EXAMPLES = """\
Examples: `bitfront validate study.yaml`; `bitfront validate study.yaml --json`. Nothing is trained.
"""


def command(
    study: Annotated[str, typer.Argument(help="Study file, its folder, or the name of a ready study.")],
    preset: Preset = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Override a key: key.path=value.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the space as JSON.")] = False,
) -> None:
    """Check study file, model and data against each other, compare the model with what would be searched,
    count the space.
    """
    from bitfront.search.evaluator.hardware import hardware_notices
    from bitfront.search.evaluator.preflight import preflight
    from bitfront.search.problem.load import load_problem
    from bitfront.search.quantities.limits import share_text
    from bitfront.search.samplers.optuna_samplers import baselines

    config, base = load(study, set_ or [], preset)
    problem = load_problem(config, base)
    graph, space = preflight(problem)
    notices = (*problem.data.notices, *hardware_notices(config, graph, space))
    if as_json:
        rows = [
            {
                "name": d.name,
                "kind": d.kind,
                "low": d.low,
                "high": d.high,
                "choices": list(d.choices),
                "targets": d.targets,
            }
            for d in space.dimensions
        ]
        told = {"dimensions": rows, "configurations": space.size, "notes": notices}
        typer.echo(json.dumps(told, indent=1))
        return
    for notice in notices:
        typer.echo(f"Note: {notice}")
    for d in space.dimensions:
        values = ", ".join(map(str, d.choices)) if d.choices else f"{d.low}..{d.high}"
        typer.echo(f"{d.name:32s} {values:16s} {', '.join(d.targets)}")
    for d in space.fixed:
        value = d.choices[0] if d.choices else d.low or "exact"
        typer.echo(f"{d.name:32s} {value!s:16s} (fixed)")
    sure = {name: limit for name, limit in config.limits().items() if limit.confidence}
    for name, limit in sure.items():
        surely = f"at most {limit.text}, kept with {share_text(limit.confidence or 0)} confidence"
        typer.echo(f"{'limit on ' + name:32s} {surely}")
    trials = config.budget.trials or "as many as the time allows"
    trained = (
        f"up to {config.training.epochs} epochs each" if "qat" in config.space.method else "none is trained"
    )
    typer.echo(
        f"{len(space.dimensions)} dimensions, {space.size:.3g} configurations; {len(baselines(space))} "
        f"uniform baselines come first; {trials} trials, {trained}."
    )
