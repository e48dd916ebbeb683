"""What the command lines of this package have in common."""

from __future__ import annotations

import functools
import sys
from typing import Protocol

from bitfront.spaces import BitfrontError


class Main(Protocol):
    """A command line's function before it is decorated: it returns nothing and raises what went wrong."""

    def __call__(self, arguments: list[str] | None = None) -> None:
        """Run with these arguments, or those of the process."""


class Command(Protocol):
    """A command line that returns its exit code."""

    def __call__(self, arguments: list[str] | None = None) -> int:
        """Run with these arguments, or those of the process."""


def returns_exit_code(main: Main) -> Command:
    """Print what a command line raises for its user as one sentence, and return the exit code."""

    @functools.wraps(main)
    def command(arguments: list[str] | None = None) -> int:
        try:
            main(arguments)
        except BitfrontError as error:
            print(error, file=sys.stderr)
            return error.exit_code
        return 0

    return command
