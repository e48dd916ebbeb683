"""What bitfront logs for its user is shown on a console as it is, and heard by any program that listens."""

from __future__ import annotations

import io
import logging
import re
import threading

import small_study
from logged import logged
from rich.console import Console

from bitfront.search.run.messages import messages_on

LOGGER = logging.getLogger("bitfront.search.somewhere")


def without_times(lines: list[str]) -> list[str]:
    return [re.sub(r"^ *\d+\.\ds ", "", line) for line in lines]


def test_a_program_hears_of_a_study_what_a_console_shows_of_it(tmp_path):
    """Each sentence once; without a console nothing is printed, and nothing changes how the program logs."""
    text = io.StringIO()
    console = Console(file=text, highlight=False, width=2000)
    with logged() as heard:
        small_study.run(small_study.write(tmp_path / "heard"), trials=4)
    with logged() as beside:
        small_study.run(small_study.write(tmp_path / "shown"), trials=4, console=console)

    shown = text.getvalue().replace("/shown/", "/heard/").splitlines()
    assert without_times(shown) == without_times([line for message in heard for line in message.splitlines()])
    assert len(beside) == len(heard)
    assert sum(" trial " in line for line in shown) >= 4
    assert logging.getLogger("bitfront").handlers == []


def test_a_message_is_shown_as_it_is_from_any_thread_and_only_meanwhile(capsys):
    """Square brackets, colons and per cent signs are text; what is for developers stays away."""
    text = io.StringIO()
    logger = logging.getLogger("bitfront")
    before = logger.level, logger.propagate
    with messages_on(Console(file=text, width=2000)):
        thread = threading.Thread(target=LOGGER.info, args=("30 % [bold]done[/bold] :smile:",))
        thread.start()
        thread.join()
        LOGGER.debug("hidden")
        LOGGER.warning("The store fails.")
    LOGGER.info("too late")

    assert text.getvalue() == "30 % [bold]done[/bold] :smile:\nThe store fails.\n"
    assert (logger.level, logger.propagate, logger.handlers) == (*before, [])
    assert capsys.readouterr() == ("", "")


def test_without_a_console_messages_go_where_the_program_sends_them(caplog):
    caplog.set_level(logging.INFO, "bitfront")
    with messages_on(None):
        LOGGER.info("heard")

    assert caplog.messages == ["heard"]
