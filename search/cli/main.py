"""The application: registers the commands and turns errors into one sentence and an exit code."""

from __future__ import annotations

import errno
import functools
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from ..quiet import quiet_tensorflow
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
from .ending import end_as_ctrl_c, end_at_once_from_now_on, leave_nothing

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
_START_PROCESSES = (run, export, verify, report, synth, selftest, ui, estimate, sensitivity)
"""Commands that start others: compilers, tools, workers, servers."""


def _told(command: Callable[..., None], *, starts: bool) -> Callable[..., None]:
    """Return a command whose every failure reaches `main`: Click takes an EOFError, which a cut-off file
    gives, for the end of typed input, and says no more than that it aborted.
    """

    @functools.wraps(command)
    def told(*arguments: Any, **options: Any) -> None:
        if starts:
            leave_nothing()
        try:
            command(*arguments, **options)
        except EOFError as error:
            raise RuntimeError(f"EOFError: {error}") from error

    return told


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
    app.command(name=command.__name__.rpartition(".")[2], epilog=command.EXAMPLES)(
        _told(command.command, starts=command in _START_PROCESSES)
    )


def main() -> None:
    """Run the command line and exit with the code that `EXIT_CODES` documents."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    quiet_tensorflow()
    end_as_ctrl_c()
    try:
        app(prog_name="bitfront", standalone_mode=True)
    except KeyboardInterrupt:
        end_at_once_from_now_on()
        sys.exit(130)
    except SystemExit as ended:
        if ended.code == 130:
            end_at_once_from_now_on()
        raise
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:  # the one place where the unexpected becomes a sentence
        from bitfront.spaces import BitfrontError  # here, since it loads NumPy, which --help doesn't need

        if isinstance(error, BitfrontError):
            typer.echo(f"bitfront: {error}", err=True)
            sys.exit(error.exit_code)
        refused = _of_a_path(error)
        if refused:
            typer.echo(f"bitfront: {refused}", err=True)
            sys.exit(2)
        try:
            where = f"the details are in {_crash_log()}, please report them"
        except OSError:  # TMPDIR is full, or isn't there
            where = "no log of it could be written"
        typer.echo(
            f"bitfront: something unexpected happened ({type(error).__name__}: {str(error)[:200]}); {where}.",
            err=True,
        )
        sys.exit(1)


_OF_PATHS = {
    errno.EACCES, errno.EEXIST, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOENT, errno.ENOTDIR,
    errno.ENXIO, errno.EPERM, errno.EROFS, errno.ETXTBSY,
}  # fmt: skip
_OF_DISKS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ESTALE}


def _of_a_path(error: Exception) -> str | None:
    """Return what is wrong with a path that the user chose, or with its disk; None for any other failure."""
    if not isinstance(error, OSError) or not error.strerror:
        return None
    path = error.filename2 or error.filename
    if error.errno in _OF_DISKS:
        where = f" {path!s:.300}" if path else ""
        return f"{error.strerror}{where}: make room, or set another folder (TMPDIR for temporary files)."
    if error.errno not in _OF_PATHS or path is None:
        return None
    name = os.fsdecode(path) if isinstance(path, str | bytes) else str(path)
    if any(Path(name).is_relative_to(place) for place in {sys.prefix, sys.base_prefix}):
        return None  # a broken installation
    return f"{name[:300]} can't be used ({error.strerror}): correct the path or its permissions."


def _crash_log() -> Path:
    from bitfront.search.config.secrets import redact

    handle, name = tempfile.mkstemp(prefix="bitfront-crash-", suffix=".log")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(redact(traceback.format_exc()))
    return Path(name)
