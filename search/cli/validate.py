"""`bitfront validate`: check a study without running it."""

from __future__ import annotations

import json
from dataclasses import asdict
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
    from bitfront.search.analysis.floor import floor_of, narrowest
    from bitfront.search.analysis.view import si
    from bitfront.search.config import DEFAULT_WALL
    from bitfront.search.config.values import plain_duration
    from bitfront.search.evaluator import Evaluator
    from bitfront.search.evaluator.hardware import hardware_notices
    from bitfront.search.evaluator.preflight import preflight
    from bitfront.search.problem.load import load_problem
    from bitfront.search.quantities.limits import share_text
    from bitfront.search.samplers.optuna_samplers import baselines
    from bitfront.search.trials.objectives import parse_objectives

    config, base = load(study, set_ or [], preset)
    problem = load_problem(config, base)
    graph, space = preflight(problem)
    evaluator = Evaluator(problem)
    floor = floor_of(
        evaluator, parse_objectives(config.objectives, evaluator.metric_record), narrowest(evaluator)
    )
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
        told |= {"floor": {"resources": floor.resources, "fixed": [asdict(one) for one in floor.fixed]}}
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
    costs = ", ".join(f"{key} {si(value)}" for key, value in floor.resources.items())
    typer.echo(f"Narrowest candidate (untrained weights, none zero): {costs}, estimated.")
    for sentence in floor.sentences():
        typer.echo(sentence)
    wall = plain_duration(config.budget.wall or DEFAULT_WALL)
    trials = (
        f"{config.budget.trials} trials" if config.budget.trials else f"as many trials as fit into {wall}"
    )
    trained = "none is trained"
    if "qat" in config.space.method:
        epochs = config.training.epochs
        trained = "trained as long as that time allows" if epochs == "auto" else f"up to {epochs} epochs each"
    typer.echo(
        f"{len(space.dimensions)} dimensions, {space.size:.3g} configurations; {len(baselines(space))} "
        f"uniform baselines come first; {trials}, {trained}."
    )
