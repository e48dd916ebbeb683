"""Whatever interrupts a study, the trials it draws afterwards are those that it would have drawn."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import pytest
from optuna.trial import TrialState

from bitfront.search import StudyConfig
from bitfront.search.execution import Job
from bitfront.search.samplers import SeededSampler, optuna_sampler
from bitfront.search.samplers.optuna_samplers import baselines
from bitfront.search.storage.journal import repair_journal
from bitfront.search.storage.optuna_study import OptunaStudy, Stage
from bitfront.search.storage.study_folder import StudyFolder
from bitfront.search.trials.evaluation import Evaluation
from bitfront.search.trials.objectives import Metric, parse_objectives
from bitfront.spaces import Space, UserError
from bitfront.spaces.space import Dimension

SPACE = Space(
    dimensions=(
        Dimension(name="method", kind="method", choices=("ptq", "qat")),
        *(Dimension(name=f"w{i}", kind="width", targets=(f"d{i}/weight",), low=3, high=9) for i in range(4)),
        Dimension(name="reuse_factor", kind="reuse_factor", targets=("d0",), choices=(1, 2, 4, 8)),
    ),
    fixed=(),
)
OBJECTIVES = parse_objectives(("metric", "lut"), Metric("accuracy", "maximize", 1.0))


def open_optuna_study(folder: Path, *, finished=(), sampler: str = "tpe", stages=None) -> OptunaStudy:
    config = StudyConfig(
        model="m.py:f", data="d.py:f", task="binary", objectives=("metric", "lut"), sampler=sampler
    )
    folder.mkdir(exist_ok=True)
    return OptunaStudy(
        config,
        StudyFolder(folder),
        SPACE,
        OBJECTIVES,
        finished,
        SeededSampler(partial(optuna_sampler, sampler), config.seed),
        stages,
    )


def evaluated(job: Job) -> Evaluation:
    """Return what a job's evaluation is supposed to be: a function of its params."""
    bits = sum(v for v in job.params.values() if isinstance(v, int))
    if bits % 7 == 0:
        return Evaluation(
            number=job.number,
            digest=job.candidate.digest,
            method=job.candidate.method,
            status="infeasible",
            params=job.params,
            constraints={"lut": 0.5},
            reason="constraint lut: 9 > 6",
            kind=job.kind,
        )
    return Evaluation(
        number=job.number,
        digest=job.candidate.digest,
        method=job.candidate.method,
        status="complete",
        params=job.params,
        metrics={"score": 1 - 1 / bits, "ptq": 0.5},
        resources={"lut": 100.0 * bits},
        constraints={"lut": -0.1},
        kind=job.kind,
    )


def go(optuna_study: OptunaStudy, trials: int) -> list[dict]:
    """Bring the study to so many trials; return the params of all that were drawn on the way."""
    drawn = []
    for job in optuna_study.interrupted():
        drawn.append((job.number, dict(job.params)))
        optuna_study.tell(evaluated(job))
    while (job := optuna_study.ask(trials)) is not None:
        drawn.append((job.number, dict(job.params)))
        optuna_study.tell(evaluated(job))
    return drawn


@pytest.fixture(scope="module", params=["tpe", "random", "nsga2"])
def undisturbed(request, tmp_path_factory):
    """A sampler, and the trials that a study draws with it when nothing disturbs it."""
    folder = tmp_path_factory.mktemp(request.param)
    return request.param, go(open_optuna_study(folder, sampler=request.param), 30), folder


def test_the_sequence_goes_on_wherever_it_was_cut(undisturbed, tmp_path):
    """A launcher that ends after any number of trials, one of them asked for and not told, changes none."""
    sampler, expected, _ = undisturbed
    seen: dict[int, dict] = {}
    for stop in (3, 17, 22, 30):
        optuna_study = open_optuna_study(tmp_path, sampler=sampler)
        seen |= dict(go(optuna_study, stop - 1))
        job = optuna_study.ask(stop)  # and the launcher is gone
        assert job.number == stop - 1
    seen |= dict(go(open_optuna_study(tmp_path, sampler=sampler), 30))
    assert sorted(seen.items()) == expected


@pytest.mark.parametrize("cut", range(0, 60, 7))
def test_a_journal_that_lost_its_end_leads_to_the_same_trials(undisturbed, tmp_path, cut):
    """Half a record, or a trial drawn by half, at the end of the file: the study ends as it would have."""
    sampler, expected, folder = undisturbed
    data = (folder / "journal.log").read_bytes()
    (tmp_path / "journal.log").write_bytes(data[: len(data) - 2000 - 11 * cut])
    assert dict(go(open_optuna_study(tmp_path, sampler=sampler), 30)).items() <= dict(expected).items()
    trials = open_optuna_study(tmp_path, sampler=sampler)._study.trials
    assert [t.number for t in trials] == list(range(30))
    assert all(t.state in (TrialState.COMPLETE, TrialState.PRUNED) for t in trials)


@pytest.mark.parametrize("tail", [b'{"op_code":4,"wor', b"\0" * 4096, b'{"op_code"\xff\xfe}\n', b"\n"])
def test_a_torn_end_is_cut_off_kept_and_told(undisturbed, tmp_path, said, tail):
    """Half a line, zeros after a power loss, bytes that are no text: one sentence, and the study goes on."""
    sampler, _, folder = undisturbed
    shutil.copy(folder / "journal.log", tmp_path)
    with (tmp_path / "journal.log").open("ab") as file:
        file.write(tail)
    optuna_study = open_optuna_study(tmp_path, sampler=sampler)

    assert len(said) == 1
    assert "torn record" in said[0]
    assert (tmp_path / "journal.log.torn").read_bytes() == tail
    assert len(optuna_study._study.trials) == 30


def test_damage_amid_sound_records_is_refused_not_repaired(undisturbed, tmp_path):
    """A cut only ever damages the end: anything else is a matter for a backup."""
    _, _, folder = undisturbed
    lines = (folder / "journal.log").read_bytes().splitlines(keepends=True)
    lines[9] = b"{broken}\n"
    (tmp_path / "journal.log").write_bytes(b"".join(lines))
    with pytest.raises(UserError, match="damaged in line 10"):
        repair_journal(tmp_path / "journal.log")


def test_trials_that_the_journal_lost_come_back_from_their_files(undisturbed, tmp_path):
    """Without a journal the finished trials are told again under their numbers, and a hole among them is
    filled.
    """
    sampler, expected, folder = undisturbed
    jobs = [Job(n, params, SPACE.candidate(params)) for n, params in expected[:25]]
    finished = {job.number: evaluated(job) for job in jobs if job.number != 22}
    optuna_study = open_optuna_study(tmp_path, finished=finished.values(), sampler=sampler)
    again = {job.number: job for job in optuna_study.interrupted()}
    for number, job in sorted(again.items()):
        assert number == 22 or dict(job.params) == dict(finished[number].params)
        optuna_study.tell(finished.get(number, evaluated(job)))
    go(optuna_study, 30)

    trials = optuna_study._study.trials
    assert [t.number for t in trials] == list(range(30))
    assert all(t.state.is_finished() for t in trials)
    old = open_optuna_study(folder, sampler=sampler)._study.trials
    assert [t.values for t in trials[:22]] == [t.values for t in old[:22]]


def test_a_lock_that_a_killed_launcher_left_does_not_hold_up_the_next(tmp_path):
    """Optuna waits 30 s for its lock file; nobody else can have it when the study's own lock is held."""
    go(open_optuna_study(tmp_path), 2)
    (tmp_path / "journal.log.lock").symlink_to(tmp_path / "journal.log")
    assert repair_journal(tmp_path / "journal.log") is None
    assert not (tmp_path / "journal.log.lock").is_symlink()


def test_records_are_json_lines(undisturbed):
    """What the repair takes for granted of Optuna's journal."""
    _, _, folder = undisturbed
    for line in (folder / "journal.log").read_text().splitlines():
        assert isinstance(json.loads(line), dict)


def staged(asked: list[str]) -> list[Stage]:
    """Return three stages, one of them empty, that note when they are asked for their candidates."""
    uniform = baselines(SPACE)
    widths = [[uniform[0] | {"w0": w, "w1": 5} for w in range(3, 7)], [], [uniform[1] | {"w2": 4}]]

    def stage(name: str, found) -> Stage:
        return Stage(lambda: (asked.append(name), found)[1], "uniform" if name == "0" else "search")

    return [stage(str(i), found) for i, found in enumerate([uniform[:3], *widths])]


def test_a_stage_is_asked_for_its_candidates_once_those_before_it_have_begun(tmp_path):
    """One after the other, an empty one among them; then the sampler's own follow."""
    asked: list[str] = []
    optuna_study = open_optuna_study(tmp_path, stages=staged(asked))
    seen = []
    for _ in range(10):
        job = optuna_study.ask(None)
        seen.append(("".join(asked), optuna_study.warm_start, job.kind))
        optuna_study.tell(evaluated(job))

    first, second = [("0", True, "uniform")] * 3, [("01", True, "search")] * 4
    assert seen == first + second + [("0123", False, "search")] * 3
    assert optuna_study.openers == 8


@pytest.mark.parametrize("cut", [1, 3, 4, 7, 8, 9])
def test_stages_go_on_where_a_study_was_cut(tmp_path, cut):
    """What was entered is entered again, what was enqueued is not enqueued twice, and what follows is the
    same.
    """
    whole = go(open_optuna_study(tmp_path / "whole", stages=staged([])), 12)
    optuna_study = open_optuna_study(tmp_path / "cut", stages=staged([]))
    before = go(optuna_study, cut - 1)
    optuna_study.ask(None)  # and the launcher is gone
    asked: list[str] = []
    again = open_optuna_study(tmp_path / "cut", stages=staged(asked))

    assert "".join(asked) == {1: "0", 3: "0", 4: "01", 7: "01"}.get(cut, "0123")
    assert before + go(again, 12) == whole


@pytest.mark.parametrize("lost", [2, 5, 7])
def test_candidates_of_a_stage_come_back_without_a_journal(tmp_path, lost):
    """Also the one whose files are not there."""
    whole = go(open_optuna_study(tmp_path / "whole", stages=staged([])), 10)
    jobs = [Job(n, params, SPACE.candidate(params)) for n, params in whole]
    finished = {job.number: evaluated(job) for job in jobs if job.number != lost}
    optuna_study = open_optuna_study(tmp_path / "lost", finished=finished.values(), stages=staged([]))

    assert dict(go(optuna_study, 10)) == dict(whole)


def test_two_launchers_enter_each_stage_together_and_try_no_candidate_twice(tmp_path):
    """With a database; the one that comes later enqueues nothing that is there."""
    database = f"sqlite:///{tmp_path / 'optuna.db'}"
    config = StudyConfig(
        model="m.py:f", data="d.py:f", task="binary", objectives=("metric", "lut"), storage=database
    )
    study_folder = StudyFolder(tmp_path / "study")
    study_folder.folder.mkdir()
    one, other = (
        OptunaStudy(
            config.model_copy(update={"sampler": "random"}),
            study_folder,
            SPACE,
            OBJECTIVES,
            (),
            SeededSampler(partial(optuna_sampler, "random"), config.seed),
            staged([]),
        )
        for _ in range(2)
    )
    seen = []
    for turn in range(10):
        optuna_study = (one, other)[turn % 2]
        job = optuna_study.ask(None)
        seen.append((job.number, dict(job.params)))
        optuna_study.tell(evaluated(job))
    one.close()
    other.close()

    stages = [params for stage in staged([]) for params in stage.candidates()]
    assert [params for _, params in seen[:8]] == stages
    assert [number for number, _ in seen] == list(range(10))
