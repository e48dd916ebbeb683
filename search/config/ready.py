"""Ready studies by name: what installed packages offer under the entry-point group `bitfront.studies`.

An entry point names a function without arguments that returns studies, each with `name`, `title`, `family`
and `folder` (a `pathlib.Path`, absolute; it holds `study.yaml`). bitfront's own gallery is one of them.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Protocol

from .load import STUDY_FILE

GROUP = "bitfront.studies"
_OWN = "bitfront"


class Offered(Protocol):
    """A study as a package offers it."""

    @property
    def name(self) -> str:
        """What users call it."""

    @property
    def title(self) -> str:
        """One line on what is searched."""

    @property
    def family(self) -> str:
        """The kind of network, `lstm` say."""

    @property
    def folder(self) -> Path:
        """Where it lies, absolute."""


@dataclass(frozen=True)
class ReadyStudy:
    """One ready study: a folder with `study.yaml`; bitfront's own hold model.py, data.py and README.md too.

    Attributes:
        name: what users call it.
        title: one line on what is searched.
        family: the kind of network: "lstm", "gru", "mlp", "cnn" or "transformer", say.
        folder: where it lies, absolute.
    """

    name: str
    title: str
    family: str
    folder: Path

    @property
    def file(self) -> Path:
        """The study file, ready for `bitfront run`."""
        return self.folder / STUDY_FILE


@dataclass(frozen=True)
class ReadyStudies:
    """What is installed.

    Attributes:
        studies: bitfront's own first, in their order.
        faults: a sentence for each package whose studies can't be used.
    """

    studies: tuple[ReadyStudy, ...]
    faults: tuple[str, ...]

    def find(self, name: str) -> ReadyStudy | None:
        """Return the study of this name, with `-` or `_` between its words, or None."""
        wanted = name.replace("_", "-")
        return next((one for one in self.studies if one.name.replace("_", "-") == wanted), None)

    @property
    def names(self) -> tuple[str, ...]:
        """All names."""
        return tuple(one.name for one in self.studies)

    @property
    def hint(self) -> str:
        """What to say after a name that isn't there, with a space before: empty where nothing is wrong with a
        package.
        """
        faults = "".join(f" {fault}" for fault in self.faults)
        return faults if faults or self.studies else " None is installed: install bitfront again."


@functools.cache
def ready_studies() -> ReadyStudies:
    """Return the ready studies of all installed packages; a package that can't be used is a sentence among
    the faults.
    """
    points = sorted(
        entry_points(group=GROUP), key=lambda point: (_package(point) != _OWN, _package(point), point.name)
    )
    found: dict[str, ReadyStudy] = {}
    faults: list[str] = []
    for point in dict.fromkeys(points):  # an editable install may be listed twice
        try:
            for one in _offered(point):
                if found.setdefault(one.name, one) != one:
                    faults.append(
                        f"{_who(point)} has a study {one.name!r}, which another package has too: rename it."
                    )
        except Exception as error:
            # code of another package: whatever it raises, its studies are missing, no more
            reason = " ".join(str(error).split())[:200]
            faults.append(
                f"{_who(point)} can't be used ({type(error).__name__}: {reason}): mend or uninstall it."
            )
    return ReadyStudies(tuple(found.values()), tuple(faults))


def _offered(point: EntryPoint) -> list[ReadyStudy]:
    """Return what one entry point offers.

    Raises:
        Exception: whatever loading and calling it raises; TypeError and FileNotFoundError where it offers no
            studies.
    """
    given: Iterable[Offered] = point.load()()
    found = []
    for one in given:
        study = ReadyStudy(str(one.name), str(one.title), str(one.family), Path(one.folder))
        if not study.file.is_file():
            raise FileNotFoundError(f"{study.file} is missing")
        found.append(study)
    return found


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else ""


def _who(point: EntryPoint) -> str:
    return (
        f"The entry point {point.name!r} ({GROUP}) of the package {_package(point) or 'of an unknown name'}"
    )
