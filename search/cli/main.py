"""The application: registers the commands and turns errors into one sentence and an exit code."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from pathlib import Path

import typer

from . import (
    calibrate,
    doctor,
    estimate,
    export,
    init,
    ls,
    report,
    run,
    selftest,
    sensitivity,
    show,
    sync,
    synth,
    ui,
    validate,
    verify,
)
from .quiet import quiet_tensorflow

EXIT_CODES = """\
Exit codes: 0 done; 1 unexpected (a crash log is written); 2 the study, model, data or an argument can't be used;
3 nothing meets the constraints; 4 a tool is missing; 130 interrupted (what is finished is kept).
"""

app = typer.Typer(
    name="bitfront",
    help="Search the precision of every layer of a small Keras network for an FPGA, bit-true to the "
    "firmware.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (
    doctor,
    init,
    ls,
    validate,
    run,
    sensitivity,
    report,
    show,
    export,
    verify,
    ui,
    sync,
    estimate,
    synth,
    calibrate,
    selftest,
):
    app.command(name=command.__name__.rpartition(".")[2], epilog=command.EXAMPLES)(command.command)


def main() -> None:
    """Run the command line and exit with the code that `EXIT_CODES` documents."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    quiet_tensorflow()
    try:
        app(prog_name="bitfront", standalone_mode=True)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:  # the one place where the unexpected becomes a sentence
        from bitfront.spaces import BitfrontError  # here, since it loads NumPy, which --help doesn't need

        if isinstance(error, BitfrontError):
            typer.echo(f"bitfront: {error}", err=True)
            sys.exit(error.exit_code)
        log = _crash_log()
        typer.echo(
            f"bitfront: something unexpected happened ({type(error).__name__}: {str(error)[:200]}); "
            f"the details are in {log}, please report them.",
            err=True,
        )
        sys.exit(1)


def _crash_log() -> Path:
    from bitfront.search.config.secrets import redact

    handle, name = tempfile.mkstemp(prefix="bitfront-crash-", suffix=".log")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(redact(traceback.format_exc()))
    return Path(name)
