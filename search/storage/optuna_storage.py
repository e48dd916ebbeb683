"""Optuna's storage behind a study: a journal file in its folder, or a database that several launchers
share.
"""

from __future__ import annotations

import importlib.util
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from bitfront.spaces import ToolMissing, UserError

from ..config.secrets import redact, shown

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

JOURNAL = "journal"
"""What a study file gives for the journal file, `journal.log` in the study's folder."""
JOURNAL_FILE = "journal.log"
DRIVERS = {"postgresql": ("psycopg", "postgresql"), "mysql": ("pymysql", "mysql")}
"""SQLAlchemy's dialect: the driver it is used with, and the extra that brings it."""
PATIENCE = 600.0
"""Seconds that a database may be out of reach; a server's restart takes some."""

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


def open_storage(url: str, folder: Path) -> BaseStorage:
    """Return the storage that a URL names.

    Raises:
        UserError: when the database can't be opened.
        ToolMissing: when its driver isn't installed.
    """
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend

    if url == JOURNAL:
        return JournalStorage(JournalFileBackend(str(folder / JOURNAL_FILE)))
    scheme, _, rest = url.partition("://")
    if scheme in DRIVERS:
        driver, extra = DRIVERS[scheme]
        if importlib.util.find_spec(driver) is None:
            raise ToolMissing(f"storage {scheme}:// needs {driver}: pip install 'bitfront[{extra}]'.")
        scheme = f"{scheme}+{driver}"
    options = {"connect_args": {"timeout": 60}} if scheme.startswith("sqlite") else {"pool_pre_ping": True}
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return RDBStorage(f"{scheme}://{rest}", engine_kwargs=options)
        except Exception as error:  # SQLAlchemy, the driver and Optuna have an exception each for each reason
            if (
                "database system is" in str(error) and time.monotonic() < end
            ):  # is starting up, is shutting down
                time.sleep(1)
                continue
            raise UserError(
                f"The storage {shown(url)} can't be opened ({_reason(error)}): see that the server runs, "
                "and its address, user and password."
            ) from None


def patiently(action: Callable[[], _T], url: str) -> _T:
    """Run `action`, again while its database is out of reach, which is logged once.

    Raises:
        UserError: when it stays so.
    """
    if url == JOURNAL:
        return action()
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import InterfaceError, OperationalError

    end, pause = time.monotonic() + PATIENCE, 0.5
    while True:
        try:
            return action()
        except (StorageInternalError, OperationalError, InterfaceError) as error:
            if time.monotonic() > end:
                raise UserError(
                    f"The storage {shown(url)} has been out of reach for {PATIENCE:.0f} s "
                    f"({_reason(error)}): start it, and run the same command again; what is finished is kept."
                ) from None
            if pause == 0.5:
                _log.info(f"The storage {shown(url)} is out of reach ({_reason(error)}): trying again.")
            time.sleep(pause)
            pause = min(2 * pause, 10.0)


def _reason(error: Exception) -> str:
    cause = error.__cause__ or error
    text = redact(str(cause)).strip().splitlines() or [""]
    return f"{type(cause).__name__}: {text[0][:200]}"
