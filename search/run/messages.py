"""What bitfront's modules log, shown on a console: one sentence per line, as the command line prints it.

Every module logs under its own name (`bitfront.search.storage.study_folder`), sentences for the user at the
level INFO, so that a program which calls bitfront hears them through `logging` like those of any other
library.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


class ConsoleHandler(logging.Handler):
    """Prints each message as it is, above a live table where the console has one."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self.console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Print a message; a console that is gone ends the program, as it does for anything else that is
        printed.
        """
        self.console.print(record.getMessage(), markup=False, emoji=False)


@contextlib.contextmanager
def messages_on(console: Console | None) -> Iterator[None]:
    """Show on a console what bitfront logs meanwhile, and there alone; nothing changes where None."""
    if console is None:
        yield
        return
    logger = logging.getLogger("bitfront")
    before = logger.level, logger.propagate
    handler = ConsoleHandler(console)
    logger.addHandler(handler)
    logger.setLevel(min(logging.INFO, before[0] or logging.INFO))
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]
