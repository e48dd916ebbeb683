"""What bitfront's modules log for the user, as a list."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

import pytest


class _Listed(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@contextlib.contextmanager
def logged() -> Iterator[list[str]]:
    """Give the sentences that are logged until the block ends."""
    logger, listed = logging.getLogger("bitfront"), _Listed()
    level = logger.level
    logger.addHandler(listed)
    logger.setLevel(logging.INFO)
    try:
        yield listed.messages
    finally:
        logger.removeHandler(listed)
        logger.setLevel(level)


@pytest.fixture
def said() -> Iterator[list[str]]:
    """What is logged during a test."""
    with logged() as messages:
        yield messages
