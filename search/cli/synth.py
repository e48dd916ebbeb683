"""`bitfront synth`: the vendor's own figures for a study's front."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from bitfront.hls.synthesis import Fidelity

EXAMPLES = """\
Examples: `bitfront synth studies/top-tagging --top 3`; `bitfront synth studies/top-tagging --pareto --jobs 2 --timeout 1h`;
`bitfront synth copied-study --top 1 --fidelity cosim`; `bitfront synth studies/jets --tool yosys --top 1`. Needs AMD's tools on PATH (exit code 4 without); a copied study
folder is enough. Results stand beside the estimates, which they correct (`bitfront show`, the report, MLflow).
"""


def command(
    study: Annotated[str, typer.Argument(help="Study folder, study file, or name under ./studies.")],
    top: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Most designs: knee, best and smallest first; default synthesis.finalists of the study.",
        ),
    ] = None,
    pareto: Annotated[bool, typer.Option("--pareto", help="The whole front.")] = False,
    fidelity: Annotated[
        Literal["csynth", "vsynth", "cosim"] | None,
        typer.Option(help="How far; default max_fidelity of the study, csynth at least."),
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Runs at once, instead of the study's.")] = None,
    timeout: Annotated[
        str | None, typer.Option(help="Longest time of one stage (90s, 10m, 2h), instead of the study's.")
    ] = None,
    memory: Annotated[
        float | None, typer.Option(min=0.1, help="Most memory of one run in GiB, instead of the study's.")
    ] = None,
    tool: Annotated[
        Literal["vitis", "yosys"],
        typer.Option(
            help="vitis: AMD's tools. yosys: RTL by da4ml, counted by Yosys and proved by Verilator; a "
            "second opinion on all layers without a state, labelled rtl."
        ),
    ] = "vitis",
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the tools' projects in STUDY/synthesis.")
    ] = False,
) -> None:
    """Synthesise a study's front with AMD's tools, and record what they report beside the estimates."""
    from bitfront.search.config import load_study
    from bitfront.search.config.values import duration
    from bitfront.spaces import UserError

    from .places import study_folder

    if tool == "yosys" and fidelity:
        raise UserError("--tool yosys has one fidelity, rtl: leave --fidelity out.")
    if top and pareto:
        raise UserError("Give either --top or --pareto.")
    try:
        seconds = duration(timeout) if timeout else None
    except ValueError as error:
        raise UserError(f"--timeout {timeout!r} {error}.") from None
    folder = study_folder(study)
    config = load_study(folder / "study.yaml")
    asked: Fidelity = fidelity or (config.max_fidelity if config.max_fidelity != "estimate" else "csynth")
    # Tools are looked for before TensorFlow, which takes seconds to load.
    if tool == "yosys":
        from bitfront.hls.rtl import find_rtl_tools

        find_rtl_tools()
    else:
        from bitfront.hls.synthesis import find_tool

        find_tool(config.hls.backend, asked)
    from rich.console import Console

    from bitfront.search.run.messages import messages_on
    from bitfront.search.run.synthesise import synthesise_study

    with messages_on(Console(highlight=False, soft_wrap=True)):
        records = synthesise_study(
            folder,
            most=None if pareto else top or config.synthesis.finalists,
            fidelity="rtl" if tool == "yosys" else asked,
            jobs=jobs,
            timeout_s=seconds,
            memory_gib=memory,
            keep=keep,
        )
    if records and not any(record.outcome.ok for record in records):
        raise typer.Exit(1)
