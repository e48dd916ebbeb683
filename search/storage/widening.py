"""A study goes on in a wider space: what it has tried stays, and the search begins again with more to choose
from.

A space is wider when every candidate of the old one is a candidate of the new one. Finished trials are told
again to a new Optuna study, since Optuna keeps a choice's alternatives for ever; what the search began with
(uniform candidates, screening, a gradient width search) is done anew in the wider space, without trying again
what was tried. Old files are kept beside.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bitfront.spaces import Dimension, Params, Space, UserError, lower

from ..config import StudyConfig
from ..config.load import STUDY_FILE
from ..config.settings import told
from ..evaluator.space import space_of
from ..measurements.corrected import read_evaluations
from ..problem.load import Problem
from .identity import Identity, as_recorded, other_settings
from .locks import someone_lives
from .optuna_storage import JOURNAL, JOURNAL_FILE
from .warm_start_files import FILES

_log = logging.getLogger(__name__)
_BEGUN_WITH = (
    STUDY_FILE,
    JOURNAL_FILE,
    f"{JOURNAL_FILE}.torn",
    *FILES,
)
"""Files of a study that belong to its space."""


def widen(
    folder: Path,
    known: Identity,
    problem: Problem,
    changed: Mapping[str, tuple[Any, Any]],
) -> None:
    """Bring a study's folder to the wider space of `problem`.

    Args:
        folder: the study's.
        known: what the folder says that it is.
        problem: what is to run; but for its space, it is the same.
        changed: the keys that differ, with old and new value.

    Raises:
        UserError: when the space lacks what could be tried before, or another launcher is at the study.
    """
    config = problem.config
    old_config = as_recorded(folder)
    if old_config is None:
        raise other_settings(folder, changed)
    old, new = _spaces(problem, old_config)
    if old == new:  # said in another way
        return
    lacking = next(
        filter(None, (_lacking(one, new) for one in (*old.fixed, *old.dimensions))), ""
    ) or _unknown(old, new)
    if lacking:
        raise UserError(
            f"{folder} holds a study with another space ({told(changed)}): it can be widened, but {lacking}; "
            "leave in what could be tried, add --fresh to begin anew (the old one is kept), or choose "
            "another name."
        )
    if config.storage != JOURNAL and someone_lives(folder):
        raise UserError(
            f"{folder} is being run by another launcher in the narrower space: stop it before widening the "
            f"space."
        )
    evaluations = read_evaluations(folder, corrected=False)
    for evaluation in evaluations:
        params = _carried(evaluation.params, old, new)
        if params != dict(evaluation.params):
            replace(evaluation, params=params).write(folder)
    aside = _aside(folder)
    carried = max((e.number + 1 for e in evaluations), default=0)
    replace(known, run=uuid.uuid4().hex[:8], carried=carried).write(folder)
    _log.info(
        f"The space is wider than it was ({told(changed)}): {len(evaluations)} finished trials stay, and the "
        f"search begins again in it; what belonged to the narrower one is in {aside}."
    )


def _spaces(problem: Problem, old: StudyConfig) -> tuple[Space, Space]:
    graph = lower(problem.model, head=problem.config.space.head)
    return space_of(old, graph), space_of(problem.config, graph)


def _lacking(old: Dimension, new: Space) -> str:
    """Say what of a dimension can't be chosen in a new space; nothing where all of it can."""
    found = _successors(old, new)
    if (
        set(old.targets) != {target for one in found for target in one.targets} & set(old.targets)
        or not found
    ):
        return f"{old.name} is no longer chosen"
    for one in found:
        if not set(one.targets) <= set(old.targets):
            return f"{one.name} ties to {old.name} what was chosen apart"
        values = old.choices or tuple(range(old.low, old.high + 1))
        gone = [value for value in values if not one.holds(value)]
        if gone:
            return f"{one.name} lacks {', '.join(map(str, gone[:5]))}{' ...' if len(gone) > 5 else ''}"
    return ""


def _unknown(old: Space, new: Space) -> str:
    """Say what a new space chooses that wasn't chosen before, so that nobody knows what the old trials have
    of it.
    """
    known = {one.name for dimension in (*old.fixed, *old.dimensions) for one in _successors(dimension, new)}
    fresh = [one.name for one in (*new.fixed, *new.dimensions) if one.name not in known]
    return f"{fresh[0]} wasn't chosen before" if fresh else ""


def _successors(old: Dimension, new: Space) -> list[Dimension]:
    """Return the dimensions of a new space that choose what an old one chose."""
    return [
        one
        for one in (*new.fixed, *new.dimensions)
        if one.kind == old.kind and (set(one.targets) & set(old.targets) or not (one.targets or old.targets))
    ]


def _carried(params: Params, old: Space, new: Space) -> dict[str, int | str]:
    """Return the parameters of the same candidate in a wider space."""
    values: dict[str, int | str] = {}
    for dimension in (*old.fixed, *old.dimensions):
        fixed = dimension.choices[0] if dimension.choices else dimension.low
        value = params.get(dimension.name, fixed) if dimension in old.dimensions else fixed
        values |= {one.name: value for one in _successors(dimension, new)}
    found = {one.name: values[one.name] for one in new.dimensions}
    assert new.candidate(found) == old.candidate(params), "a carried trial is the same candidate"
    return found


def _aside(folder: Path) -> Path:
    """Move what belongs to the narrower space into a folder of its own, the study file copied; return the
    folder.
    """
    number = 1
    while (aside := folder / f"narrower-{number}").exists():
        number += 1
    aside.mkdir()
    for name in _BEGUN_WITH:
        if (folder / name).exists():
            if name == STUDY_FILE:  # the study's own until it is written anew
                (aside / name).write_bytes((folder / name).read_bytes())
            else:
                (folder / name).replace(aside / name)
    return aside
