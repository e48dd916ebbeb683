"""Who proposes a study's candidates."""

from __future__ import annotations

import importlib.util
import shutil
from functools import partial

import optuna
import pytest
import small_study

from bitfront.search import StudyConfig
from bitfront.search.cli import main
from bitfront.search.measurements.corrected import read_evaluations
from bitfront.search.samplers.optuna_samplers import chosen_sampler, optuna_sampler
from bitfront.search.samplers.study_sampler import SeededSampler
from bitfront.search.trials.files import trial_folder
from bitfront.spaces import UserError


@pytest.mark.parametrize(
    ("name", "trials", "chosen"),
    [("auto", 60, "surrogate"), ("auto", None, "surrogate"), ("auto", 5000, "nsga2"), ("gp", 5000, "gp")],
)
def test_auto_is_the_surrogate_until_trials_are_many(name, trials, chosen):
    """A named sampler is taken as it is."""
    assert chosen_sampler(name, trials) == chosen


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="PyTorch is installed")
def test_the_gaussian_process_without_pytorch_says_what_to_install():
    """Optuna's own message names a module that no user asked for."""
    with pytest.raises(UserError, match=r"bitfront\[gp\]"):
        optuna_sampler("gp", 1, 10)


def test_the_uniform_grid_ends_with_its_last_width(tmp_path):
    """A larger budget adds nothing."""
    found = small_study.run(small_study.write(tmp_path), "sampler=grid-uniform", trials=50)

    assert {e.kind for e in found.values()} == {"uniform"}
    assert sorted({e.params["hidden.weights"] for e in found.values()}) == [3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("name", ["tpe", "nsga2", "random"])
def test_a_trial_is_drawn_alike_whoever_draws_it_and_no_two_alike(name):
    """The sampler is made anew for each trial: an interruption changes nothing."""

    def drawn(known):
        study = optuna.create_study(
            directions=["minimize", "minimize"], sampler=SeededSampler(partial(optuna_sampler, name), 5)
        )
        for number, values in enumerate(known):
            study.enqueue_trial(values)
            study.tell(study.ask(), (number, -number))
        trial = study.ask()
        return {key: trial.suggest_int(key, 0, 10_000) for key in "ab"}

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    first = drawn([])
    second = drawn([first])

    assert (drawn([]), drawn([first])) == (first, second)
    assert first != second
    assert len(set(first.values())) == 2


SAMPLER = """
import optuna
from optuna.distributions import IntDistribution


class Even(optuna.samplers.RandomSampler):
    def sample_independent(self, study, trial, param_name, param_distribution):
        value = super().sample_independent(study, trial, param_name, param_distribution)
        return value + value % 2 if isinstance(param_distribution, IntDistribution) else value


def even(seed, space, objectives):
    assert [d.name for d in space.dimensions] and [o.name for o in objectives] == ["metric", "lut"]
    return Even(seed=seed)


def number(seed, space, objectives):
    return seed


def few(seed):
    return Even(seed=seed)


class Late(Even):
    def sample_independent(self, study, trial, param_name, param_distribution):
        raise KeyError("no such thing")


def late(seed, space, objectives):
    return Late(seed=seed)
"""


def command(monkeypatch, *arguments) -> int:
    monkeypatch.setattr("sys.argv", ["bitfront", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code or 0


def own_study(folder, function):
    file = small_study.write(folder)
    (folder / "sampler.py").write_text(SAMPLER)
    file.write_text(file.read_text().replace("sampler: random", f"sampler: sampler.py:{function}"))
    return file


def test_a_sampler_of_the_users_own_proposes_and_an_interruption_changes_nothing(tmp_path, monkeypatch):
    """Through the command: uniform candidates come first, then even widths alone; a trial that was lost is
    drawn again.
    """
    file = own_study(tmp_path, "even")
    options = ["--quiet", "--set", f"output={tmp_path / 'studies'}"]
    assert command(monkeypatch, "run", file, "--trials", 22, *options) == 0
    folder = tmp_path / "studies" / "small"
    whole = [dict(e.params) for e in read_evaluations(folder)]
    own = [e for e in read_evaluations(folder) if e.kind == "search"]
    shutil.rmtree(trial_folder(folder, 21))
    (folder / "journal.log").write_text("".join((folder / "journal.log").read_text().splitlines(True)[:-6]))
    assert command(monkeypatch, "run", file, "--trials", 24, *options) == 0

    assert len(own) >= 8
    assert all(e.params[name] % 2 == 0 for e in own for name in e.params if name not in {"method"})
    assert [dict(e.params) for e in read_evaluations(folder)][:22] == whole


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("number", "not an object of optuna.samplers.BaseSampler"),
        ("few", "is called with 3 arguments"),
        ("odd", "has no function 'odd'"),
    ],
)
def test_a_sampler_that_cannot_be_had_is_refused_in_a_sentence_before_anything_is_trained(
    tmp_path, monkeypatch, capsys, function, words
):
    assert command(monkeypatch, "validate", own_study(tmp_path, function)) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_a_sampler_that_fails_while_it_draws_is_named_with_the_line(tmp_path, monkeypatch, capsys):
    options = ["--quiet", "--set", f"output={tmp_path / 'studies'}"]
    assert command(monkeypatch, "run", own_study(tmp_path, "late"), "--trials", 20, *options) == 2
    said = capsys.readouterr().err
    assert "sampler.py:27: KeyError: 'no such thing'" in said
    assert said.count("\n") == 1


def test_an_unknown_sampler_is_refused_with_the_nearest_one():
    with pytest.raises(UserError, match=r"sampler = 'tpee' isn't known: did you mean 'tpe'"):
        StudyConfig(model="m.py:f", data="d.py:f", task="binary", sampler="tpee")
