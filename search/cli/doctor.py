"""`bitfront doctor`: what is installed, whether a model can be built, whether a study's files are sound."""

from __future__ import annotations

import json
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from bitfront.spaces import UserError

EXAMPLES = """\
Examples: `bitfront doctor`; `bitfront doctor studies/top-tagging`; `bitfront doctor --model model.py:build --data data.py:load`;
`bitfront doctor --model net.keras --json`.
"""
_PACKAGES = ("tensorflow", "keras", "qkeras-v3", "hls4ml", "da4ml", "optuna", "mlflow", "numpy")
_TOOLS = {
    "g++": "without it: search and report work; export and verify can't rebuild the firmware's emulation",
    "vitis-run": "without it: no C-synthesis here; estimates and exported projects are unaffected",
    "vitis_hls": "the same for Vitis HLS 2023.2 and older",
    "vivado": "without it: no logic synthesis after C-synthesis",
    "vivado_hls": "needed only for backend: Vivado",
}


def command(
    study: Annotated[
        str | None,
        typer.Argument(help="A study that ran: each of its files is checked against its digest."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="A model: file.py:function or a model file. Prints each layer's support."),
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="With --model: a file with its weights (the study's model_weights).")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="With --model: file.py:function or an .npz, on whose training inputs the model is compared "
            "with what would be searched."
        ),
    ] = None,
    trust_model: Annotated[
        bool, typer.Option("--trust-model", help="Load a .keras file with Lambda layers.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print versions and tools and what each gap disables; with STUDY, which of its files are damaged and what
    makes them again; with --model, what can be built of a model.
    """
    if study:
        if model or data:
            raise UserError("doctor takes a study or --model: leave one of them out.")
        _study(study, as_json)
        return
    if model:
        _model(model, weights, data, trust_model, as_json)
        return
    if data:
        raise UserError("doctor --data needs --model: name the model that takes these inputs.")
    rows = [{"name": "python", "found": platform.python_version(), "note": ""}]
    for name in _PACKAGES:
        try:
            rows.append({"name": name, "found": version(name), "note": ""})
        except PackageNotFoundError:
            rows.append({"name": name, "found": "missing", "note": "reinstall bitfront"})
    for tool, gap in _TOOLS.items():
        found = shutil.which(tool)
        rows.append({"name": tool, "found": "found" if found else "not found", "note": "" if found else gap})
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        typer.echo(f"{row['name']:12s} {row['found']:12s} {row['note']}".rstrip())


def _study(study: str, as_json: bool) -> None:
    from dataclasses import asdict

    from bitfront.search.storage import examine

    from .places import study_folder

    folder = Path(study) if (Path(study) / "identity.json").exists() else study_folder(study)
    found = examine(folder)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], indent=1))
    else:
        for one in found:
            if one.state != "sound":
                typer.echo(
                    f"{one.path}: {one.state}, {one.reason}. {one.way_out[:1].upper()}{one.way_out[1:]}."
                )
        unlisted = sum(not one.listed for one in found if one.state == "sound")
        told = f" ({unlisted} without a digest, by their format alone)" if unlisted else ""
        typer.echo(f"{sum(one.state == 'sound' for one in found)} of {len(found)} files are sound{told}.")
    bad = [one.path for one in found if one.state in ("damaged", "missing")]
    if bad:
        more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
        raise UserError(f"{folder}: {', '.join(bad[:3])}{more} can't be used as they are: see above.")


def _model(source: str, weights: str | None, data: str | None, trust: bool, as_json: bool) -> None:
    from bitfront.hls import BitTrue, buildable_with, check_model, support_table
    from bitfront.search.evaluator.preflight import samples_for
    from bitfront.search.problem.load import load_model
    from bitfront.spaces import lower

    model = load_model(source, Path(), weights=weights, trust=trust)
    rows = support_table(model)
    if as_json:
        typer.echo(
            json.dumps([{**row.__dict__, "supported": row.supported} for row in rows], indent=1, default=list)
        )
    else:
        for row in rows:
            where = ", ".join(row.io_types) or "no"
            note = f"  {row.reason}" if row.reason else ""
            how = ", ".join(row.strategies)
            typer.echo(f"{row.layer:24s} {row.kind:22s} {where:24s} {how:42s}{note}".rstrip())
    refused = [row.layer for row in rows if not row.supported]
    if refused:
        raise UserError(f"{len(refused)} of {len(rows)} layers can't be built: {', '.join(refused)}.")
    graph = lower(model)
    built = buildable_with(graph)
    BitTrue(graph)
    check_model(model, samples_for(model, data, Path()) if data else None)
    if not as_json:
        where = f"the inputs of {data}" if data else "random inputs"
        typer.echo(
            f"The float model that would be searched gives what Keras gives, layer by layer, on {where} and "
            f"stressed ones."
        )
        ways = "; ".join(f"{io_type} ({', '.join(strategies)})" for io_type, strategies in built.items())
        typer.echo(f"As a whole it can be built with {ways}.")
