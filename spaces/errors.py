"""Errors that reach a user: one sentence each, with the exit code that the command line returns."""

from __future__ import annotations

from typing import ClassVar


class BitfrontError(Exception):
    """Base of every error meant for a user.

    The message is one sentence that says what was wrong, where, and what to do.
    """

    exit_code: ClassVar[int] = 1


class UserError(BitfrontError):
    """The study file, the model, the data or an argument can't be used as given (exit code 2)."""

    exit_code: ClassVar[int] = 2


class NothingFeasible(BitfrontError):
    """The search ended without a candidate that meets the constraints (exit code 3)."""

    exit_code: ClassVar[int] = 3


class ToolMissing(BitfrontError):
    """A tool outside Python, a compiler say, is not installed (exit code 4)."""

    exit_code: ClassVar[int] = 4
