"""A study from its file to its report: opened, searched, scored on test data and written up."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bitfront.spaces import UserError

from ..analysis.floor import floor_of
from ..analysis.latency import record_latency
from ..analysis.test_scores import score_on_test
from ..analysis.uniform_comparison import compared
from ..evaluator.cache import TrainingCache
from ..evaluator.evaluator import Evaluator
from ..evaluator.plan import Plan
from ..evaluator.preflight import own_sampler_function
from ..execution import bound_tensorflow
from ..measurements.corrected import read_evaluations
from ..samplers.choose import sampler_of
from ..storage.locks import alone, locked
from ..storage.optuna_storage import JOURNAL
from ..storage.optuna_study import OptunaStudy
from ..storage.study_folder import StudyFolder
from ..tracking import MlflowTracker, NullTracker, SubprocessTracker, Tracker
from ..trials.evaluation import Evaluation
from ..trials.front import hypervolume_history
from ..trials.reference import Reference
from ..warm_start.context import SearchContext
from ..warm_start.stages import WarmStart
from .background_synthesis import BackgroundSynthesis
from .messages import messages_on
from .progress import Progress, Watcher
from .result import StudyResult
from .search import Budget, Search

if TYPE_CHECKING:
    from rich.console import Console

    from ..config import StudyConfig

_log = logging.getLogger(__name__)
_ARTIFACTS = ("study.yaml", "reference.json", "front.csv", "front.png")


def run_study(
    config: StudyConfig,
    base_dir: Path,
    *,
    trials: int | None = None,
    wall: float | None = None,
    fresh: bool = False,
    console: Console | None = None,
    clock: Callable[[], float] = time.monotonic,
    watch: Watcher | None = None,
) -> StudyResult:
    """Run a study, or continue it where it stands; return when its budget is spent.

    Args:
        config: the study.
        base_dir: folder that paths in the study file are relative to.
        trials: other number of trials than the study's budget.
        wall: other wall-clock budget than the study's, in seconds.
        fresh: begin anew; the old folder is kept beside it, numbered.
        console: shows what is logged meanwhile, and a live table if it is a terminal; `logging` alone hears
            it where None.
        clock: returns the seconds that the budget is counted in; `time.process_time`, to compare searches on
            a machine that others use too.
        watch: called after each trial with its evaluation and the front so far; it draws a notebook's bar.

    Raises:
        UserError: for anything in the study, the model or the data that can't be used, and when the folder
            holds a study with other settings.
    """
    study_folder = StudyFolder(Path(config.output) / config.name)
    if fresh:
        study_folder.set_aside()
    with locked(study_folder.folder, shared=config.storage != JOURNAL), messages_on(console):
        _log.info(f"Study {config.name} in {study_folder.folder}")
        bound_tensorflow()
        return _run(_opened(config, base_dir, study_folder, Progress(console, watch), trials, wall, clock))


def _opened(
    config: StudyConfig,
    base_dir: Path,
    study_folder: StudyFolder,
    progress: Progress,
    trials: int | None,
    wall: float | None,
    clock: Callable[[], float],
) -> Search:
    """Open a study: its model, what it is measured against, what has finished, who proposes, and who is
    told.
    """
    with alone(study_folder.folder):
        problem = study_folder.open(config, base_dir)
        cache = None
        if config.cache:
            cache = TrainingCache(Path(config.output).resolve() / ".cache", config.cache)
        evaluator = Evaluator(problem, cache)
        evaluator.plan = Plan.read(study_folder.folder) or evaluator.plan
        reference = study_folder.write_reference(evaluator)
    objectives, box = reference.objectives, reference.box
    evaluations = {e.number: e for e in read_evaluations(study_folder.folder, corrected=False)}
    study_folder.require_weights(evaluations.values())
    sampler = sampler_of(
        config,
        evaluator.space,
        objectives,
        box=box,
        constraints=evaluator.constraints,
        float_score=evaluator.float_score,
        finished=evaluations,
        own=own_sampler_function(problem),
    )
    budget = _budget(config, study_folder, trials, wall, clock)
    context = SearchContext(evaluator, objectives, box, study_folder.folder, lambda: budget.left, clock)
    warm_start = WarmStart(context, sampler.learn)
    optuna_study = OptunaStudy(
        config,
        study_folder,
        evaluator.space,
        objectives,
        evaluations.values(),
        sampler,
        warm_start.stages(),
    )
    tracker = _tracker(config)
    search = Search(
        config=config,
        study_folder=study_folder,
        evaluator=evaluator,
        reference=reference,
        warm_start=warm_start,
        optuna_study=optuna_study,
        tracker=tracker,
        background=BackgroundSynthesis(study_folder.folder, config, reference, tracker),
        progress=progress,
        budget=budget,
        evaluations=evaluations,
        volumes=hypervolume_history(list(evaluations.values()), objectives, box),
    )
    search.start_tracking()
    progress.start(evaluator, reference, objectives)
    search.background.start(evaluations.values())
    return search


def _budget(
    config: StudyConfig,
    study_folder: StudyFolder,
    trials: int | None,
    wall: float | None,
    clock: Callable[[], float],
) -> Budget:
    """Return a study's budget; a run that was given a wall-clock time alone begins as many trials as fit into
    it.
    """
    most = trials or (config.budget.trials if wall is None else None)
    return Budget(most, config.budget.wall if wall is None else wall, study_folder.spent_seconds(), clock)


def _tracker(config: StudyConfig) -> Tracker:
    if not config.tracking.enabled:
        return NullTracker()
    # launchers that share a study take turns to start, so there `start` must be done when it returns
    kind = SubprocessTracker if config.storage == JOURNAL else MlflowTracker
    return kind(Path(config.output), config.tracking.uri)


def _run(search: Search) -> StudyResult:
    """Search until the budget is spent or the user interrupts, then write up what was found."""
    interrupted = False
    folder = search.study_folder.folder
    try:
        search.run()
        search.background.finish(search.evaluations)
        _score_on_test(search)
    except KeyboardInterrupt:
        interrupted = True
        _log.info("Interrupted: what is finished is kept, the same command continues from here.")
    except OSError as error:
        raise UserError(
            f"The study folder {folder} can't be written ({error.strerror or error}): see to it, and run the "
            f"same command again; {len(search.evaluations)} finished trials are kept."
        ) from error
    finally:
        search.background.stop()
        search.progress.stop()
        search.optuna_study.close()
    front = search.front()
    artifacts = _write_report(search, interrupted=interrupted) if search.evaluations else []
    search.tracker.finish([e.number for e in front if e.feasible], artifacts)
    result = StudyResult(
        folder, tuple(search.background.view(_in_order(search.evaluations))), tuple(front), interrupted
    )
    search.progress.summary(result, Reference.read(folder))
    return result


def _in_order(evaluations: Mapping[int, Evaluation]) -> list[Evaluation]:
    return [evaluations[number] for number in sorted(evaluations)]


def _score_on_test(search: Search) -> None:
    """Score the front and the uniform baselines that it is compared with on the test split, where anything is
    feasible.
    """
    front = search.front()
    if not front or not front[0].feasible:
        return
    _log.info("Scoring the front and the uniform baselines on the test data, with intervals")
    shown = search.background.view(search.evaluations.values())
    chosen = (front, compared(shown, search.reference.objectives))
    as_filed = ([search.evaluations[e.number] for e in some] for some in chosen)
    search.evaluations.update(score_on_test(search.evaluator, search.study_folder, *as_filed))
    search.study_folder.write_reference(search.evaluator, test=True)


def _write_report(search: Search, *, interrupted: bool) -> list[Path]:
    """Write the report, with latencies of this machine where nothing interrupted; return the files that a
    tracker keeps.
    """
    from ..report import write_report

    folder, problem = search.study_folder.folder, search.evaluator.problem
    if not interrupted:
        _record_floor(search)
        record_latency(folder, problem.model, problem.data.x_val, again=False)
    _log.info("Writing the report")
    return [p for p in (write_report(folder), *(folder / name for name in _ARTIFACTS)) if p.exists()]


def _record_floor(search: Search) -> None:
    """Keep what of the cheapest candidate's cost lies in widths that the study fixes."""
    objectives = search.reference.objectives
    costs = [o for o in objectives if not o.is_metric]
    front = [e for e in search.front() if e.feasible]
    if not front or not costs:
        return
    cheapest = min(front, key=lambda e: e.resources[costs[0].key])
    weights = search.study_folder.weights(cheapest)
    floor_of(search.evaluator, objectives, cheapest.params, weights, cheapest.number).write(
        search.study_folder.folder
    )
