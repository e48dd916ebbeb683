"""A study that goes on: under which settings, in a wider space, and never twice with the same candidate."""

from __future__ import annotations

import io
import itertools
import json
import re
import shutil
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
import small_study
import yaml
from optuna.trial import TrialState
from rich.console import Console
from test_optuna_study import OBJECTIVES, evaluated

from bitfront import search
from bitfront.search import StudyConfig, load_study, read_evaluations
from bitfront.search.evaluator.evaluator import Evaluator
from bitfront.search.evaluator.space import space_of
from bitfront.search.problem.load import load_problem
from bitfront.search.run.messages import messages_on
from bitfront.search.samplers import SeededSampler, optuna_sampler
from bitfront.search.samplers.optuna_samplers import baselines
from bitfront.search.storage import warm_start_files
from bitfront.search.storage.identity import Identity, recorded_study
from bitfront.search.storage.journal import repair_journal
from bitfront.search.storage.locks import Presence, locked
from bitfront.search.storage.optuna_study import OptunaStudy
from bitfront.search.storage.study_folder import StudyFolder
from bitfront.search.trials.files import trial_folder
from bitfront.spaces import UserError, lower

SPACE = "space={weights: 4..6, activations: 5..6, input: 4..5, method: [ptq, qat], sparsity: 0}"
WIDER = "space={weights: 3..8, activations: 4..8, input: 4..6, method: [ptq, qat], sparsity: 0}"


def run(file: Path, *overrides: str, trials: int, **options):
    """Run a study file; return its evaluations by number, and what it said."""
    said = io.StringIO()
    found = small_study.run(
        file, *overrides, trials=trials, console=Console(file=said, width=2000), **options
    )
    return found, said.getvalue()


def folder_of(file: Path) -> Path:
    return file.parent / "studies" / "small"


def opened(file: Path, *overrides: str):
    """Open a study as a run does, without searching; return its problem and what it said."""
    config = load_study(file, [f"output={file.parent / 'studies'}", *overrides])
    said = io.StringIO()
    with locked(folder_of(file)):
        study_folder = StudyFolder(folder_of(file))
        with messages_on(Console(file=said, width=2000)):
            problem = study_folder.open(config, file.parent)
    return problem, said.getvalue()


def begun(file: Path, *overrides: str, trials: int = 4) -> Path:
    """Begin a study: its float model and the first candidates of its space that aren't trained; return the
    file.
    """
    problem, _ = opened(file, *overrides)
    evaluator, study_folder = Evaluator(problem), StudyFolder(folder_of(file))
    values = {
        d.name: d.choices or range(d.low, d.high + 1)
        for d in evaluator.space.dimensions
        if d.kind != "method"
    }
    method = {d.name: "ptq" for d in evaluator.space.dimensions if d.kind == "method"}
    for number, row in enumerate(itertools.islice(itertools.product(*values.values()), trials)):
        study_folder.write_trial(
            *evaluator.evaluate(number, {**dict(zip(values, row, strict=True)), **method})
        )
    return file


# -- other settings ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A study file whose study was begun."""
    return begun(small_study.write(tmp_path_factory.mktemp("ran")), SPACE, trials=6)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["training.epochs=2"], "training.epochs was 1, now 2"),
        (
            ["seed=5", "metric=balanced_accuracy"],
            "metric.name was accuracy, now balanced_accuracy; seed was 1, now 5",
        ),
        (["constraints={lut: 10%}"], "constraints.lut was not set, now 10%"),
        (["training.class_weights=balanced"], "training.class_weights was none, now balanced"),
        (
            ["training.class_weights={0: 2}"],
            "training.class_weights was none, now not set; training.class_weights.0 was",
        ),
        (["objectives=[metric, ff]"], r'objectives was \["metric", "lut"\], now \["metric", "ff"\]'),
        (
            ["space.integer_bits=calibrate", "space.weights=2..9"],
            "space.weights was 4..6, now 2..9; space.integer_bits",
        ),
        (["metric={name: accuracy, ties: lowest}"], "metric.ties was expected, now lowest"),
        (["space.head=keep"], "space.head was auto, now keep"),
    ],
)
def test_settings_that_differ_are_named_with_old_and_new_value(ran, overrides, words):
    before = (folder_of(ran) / "study.yaml").read_text()
    with pytest.raises(UserError, match=words) as found:
        opened(ran, SPACE, *overrides)
    assert "--fresh" in str(found.value)
    assert "\n" not in str(found.value)
    assert (folder_of(ran) / "study.yaml").read_text() == before
    assert len(read_evaluations(folder_of(ran))) == 6


@pytest.mark.parametrize(
    ("space", "words"),
    [
        (
            "{weights: 5..8, activations: 5..6, input: 4..5, method: [ptq, qat], sparsity: 0}",
            r"hidden\.weights lacks 4",
        ),
        ("{weights: 4..6, activations: 5..6, input: 4..5, method: qat}", "method lacks ptq"),
        (
            "{weights: 4..6, biases: 3, activations: 5..6, input: 4..5, method: [ptq, qat], sparsity: 0}",
            "lacks 4, 5, 6",
        ),
        (
            "{weights: 4..6, activations: 8, input: 4..5, method: [ptq, qat], sparsity: 0}",
            r"activations lacks 5, 6",
        ),
        (
            "{weights: 4..6, accumulators: 20..24, activations: 5..6, input: 4..5, method: [ptq, qat]}",
            "accumulators lacks 0",
        ),
    ],
)
def test_a_space_that_lacks_what_could_be_tried_is_refused_by_the_key(ran, space, words):
    with pytest.raises(UserError, match=words) as found:
        opened(ran, f"space={space}")
    assert "space." in str(found.value)
    assert "can be widened" in str(found.value)
    assert len(read_evaluations(folder_of(ran))) == 6


@pytest.fixture
def copied(ran, tmp_path):
    """A copy of it that a test may change."""
    shutil.copytree(ran.parent, tmp_path / "copy")
    return tmp_path / "copy" / ran.name


def test_other_data_are_told_from_other_model_code(copied):
    data, model = (copied.parent / name for name in ("data.py", "model.py"))
    data.write_text(small_study.DATA.replace("default_rng(1)", "default_rng(3)"))
    with pytest.raises(UserError, match="holds a study with other data: add --fresh"):
        opened(copied, SPACE)
    data.write_text(small_study.DATA)
    model.write_text(small_study.MODEL.replace("Dense(6", "Dense(7"))
    with pytest.raises(UserError, match="holds a study with other model code: add --fresh"):
        opened(copied, SPACE)
    model.write_text(small_study.MODEL)
    opened(copied, SPACE)


def test_a_study_of_an_earlier_version_goes_on_as_it_began(tmp_path):
    """Its file lacks the keys that came since: what they stand for stays as it was, and is said; its digests
    hold.
    """
    file = small_study.write(tmp_path, study="validation_split: 0.2\n")
    (tmp_path / "data.py").write_text(small_study.DATA.replace("(x[500:700], y[500:700]), ", ""))
    begun(file, SPACE, "metric={name: accuracy, ties: lowest}", "stratify=false")
    folder = folder_of(file)
    plain = yaml.safe_load((folder / "study.yaml").read_text())
    del plain["metric"]["ties"], plain["stratify"], plain["training"]["class_weights"]
    (folder / "study.yaml").write_text(yaml.safe_dump(plain))
    (folder / "manifest.sha256").unlink()  # it had none
    identity = json.loads((folder / "identity.json").read_text())
    (folder / "identity.json").write_text(
        json.dumps({key: identity[key] for key in ("config", "problem", "run")})
    )

    assert recorded_study(folder).metric.ties == "lowest"
    problem, said = opened(file, SPACE)
    assert (
        "began before metric.ties and stratify existed, and goes on with metric.ties: lowest, stratify: false"
        in said
    )
    assert Evaluator(problem).metric_record.ties == "lowest"
    assert problem.digest == identity["problem"]
    assert "ties: lowest" in (folder / "study.yaml").read_text()
    with pytest.raises(UserError, match=r"metric\.ties was lowest, now expected"):
        opened(file, SPACE, "metric={name: accuracy, ties: expected}")


def test_the_digest_of_a_study_without_the_new_keys_is_what_it_was():
    """Computed as versions before them did."""
    import hashlib

    config = StudyConfig(
        model="m.py:f",
        data="d.py:f",
        task="binary",
        metric={"name": "accuracy", "ties": "lowest"},
        stratify=False,
    )
    plain = config.to_dict()
    for key in (
        "name",
        "budget",
        "output",
        "storage",
        "tracking",
        "cluster",
        "trial",
        "max_fidelity",
        "synthesis",
    ):
        plain.pop(key, None)
    plain["scout"], plain["gradient"] = plain.pop("screening"), plain.pop("gradient_epochs")
    del plain["metric"]["ties"], plain["stratify"]
    later = ("class_weights", "keep_zeros", "distillation", "temperature", "schedule", "warm_up", "averaging")
    for key in later:
        del plain["training"][key]
    del plain["metric"]["false_positive_rate"], plain["metric"]["over_classes"]
    del plain["space"]["rounding"], plain["space"]["element_widths"]

    assert config.digest == hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]
    assert config.digest != StudyConfig(model="m.py:f", data="d.py:f", task="binary").digest


# -- a wider space -------------------------------------------------------------------------------------------


def test_ranges_can_be_widened_and_trials_added(tmp_path):
    """What was tried stays as it was, the new uniform widths are tried, and the search goes on in all of the
    space.
    """
    file = small_study.write(tmp_path)
    before, _ = run(file, SPACE, "screening=20", trials=9)
    folder = folder_of(file)
    kept = {n: trial_folder(folder, n).joinpath("evaluation.json").read_bytes() for n in before}
    found, said = run(file, WIDER, "screening=20", trials=25)

    assert "The space is wider than it was (space.weights was 4..6, now 3..8" in said
    assert f"{len(before)} finished trials stay" in said
    for number, content in kept.items():
        assert trial_folder(folder, number).joinpath("evaluation.json").read_bytes() == content
    assert len(found) == 25
    assert len({e.digest for e in found.values()}) == 25
    space = Evaluator(load_problem(load_study(file, [WIDER]), tmp_path)).space
    assert all(space.candidate(e.params) for e in found.values())
    uniform = [dict(e.params) for e in found.values() if e.kind == "uniform"]
    assert all(params in uniform for params in baselines(space) if params["method"] == "ptq")
    assert (folder / "narrower-1" / "journal.log").exists()
    assert "4..6" in (folder / "narrower-1" / "study.yaml").read_text()
    assert Identity.read(folder).carried == 9
    assert max(max(v for v in e.params.values() if isinstance(v, int)) for e in found.values()) == 8

    _, said = opened(file, WIDER, "screening=20")
    assert "wider" not in said
    with pytest.raises(UserError, match="lacks"):
        opened(file, SPACE, "screening=20")


@pytest.mark.slow
def test_a_widened_study_goes_on_wherever_it_is_cut(tmp_path):
    """Its journal lost after some trials in the wider space, it ends as one that was not disturbed."""
    whole, cut = (small_study.write(tmp_path / name) for name in ("whole", "cut"))
    for file in (whole, cut):
        run(file, SPACE, trials=7)
    expected, _ = run(whole, WIDER, trials=20)
    run(cut, WIDER, trials=13)
    (folder_of(cut) / "journal.log").unlink()
    found, _ = run(cut, WIDER, trials=20)

    assert small_study.results(found) == small_study.results(expected)


def test_what_was_fixed_can_become_a_choice(tmp_path):
    """The trials before it had its one value: their parameters say so from then on, and their candidates are
    the same.
    """
    file = small_study.write(tmp_path)
    fixed = [
        "space={weights: 4, biases: tied, activations: 5..6, input: 4..5, method: ptq}",
        "hls.reuse_factor=1",
    ]
    begun(file, *fixed)
    before = read_evaluations(folder_of(file))
    chosen = [
        "space={weights: 4..5, biases: 4..6, activations: 5..6, input: 4..5, method: [ptq, qat], sparsity: 0}"
    ]
    chosen += ["hls={reuse_factor: [1, 2], strategy: [Latency, Resource]}"]
    problem, said = opened(file, *chosen)
    space = space_of(problem.config, lower(problem.model, head="auto"))

    assert "The space is wider" in said
    for e, old in zip(read_evaluations(folder_of(file)), before, strict=True):
        more = {"hidden.weights": 4, "hidden.biases": 4, "out.weights": 4, "out.biases": 4}
        more |= {"method": "ptq", "strategy": "Latency", "reuse_factor": 1}
        assert e.params == {**old.params, **more}
        assert space.candidate(e.params).digest == e.digest == old.digest


@pytest.mark.parametrize(
    ("old", "new", "fits"),
    [
        ("{reuse_factor: [1, 4]}", "{reuse_factor: [1, 2, 4]}", True),
        ("{reuse_factor: [1, 2, 4]}", "{reuse_factor: [1, 4]}", False),
        ("{strategy: [Latency, Resource]}", "{strategy: [Resource, distributed_arithmetic, Latency]}", True),
        ("{reuse_factor: [1, 2]}", "{reuse_factor: {hidden: [1, 2], out: [1, 2]}}", True),
        ("{reuse_factor: {hidden: [1, 2], out: [1, 2]}}", "{reuse_factor: [1, 2]}", False),
        ("{recurrent_reuse_factor: [1, 2]}", "{recurrent_reuse_factor: [1]}", True),
    ],
)
def test_choices_may_grow_anywhere_but_not_shrink_or_join(tmp_path, old, new, fits):
    """Also where Optuna would keep their alternatives, or their positions, for ever; what no layer has is no
    choice.
    """
    narrow = "space={weights: 4..5, activations: 5, input: 4, method: ptq}"
    file = begun(small_study.write(tmp_path), narrow, f"hls={old}")
    before = read_evaluations(folder_of(file))
    if not fits:
        with pytest.raises(UserError, match=r"hls\.reuse_factor"):
            opened(file, narrow, f"hls={new}")
        return
    problem, _ = opened(file, narrow, f"hls={new}")
    space = space_of(problem.config, lower(problem.model, head="auto"))
    for e, old_one in zip(read_evaluations(folder_of(file)), before, strict=True):
        assert space.candidate(e.params).digest == e.digest == old_one.digest


def test_a_space_said_in_another_way_is_the_same(copied):
    layers = 'layers: {"*": {weights: 4..6}}'
    _, said = opened(
        copied,
        f"space={{weights: 2..9, {layers}, activations: 5..6, input: 4..5, method: [ptq, qat], sparsity: 0}}",
    )

    assert "wider" not in said
    assert not (folder_of(copied) / "narrower-1").exists()


def test_a_study_that_another_launcher_runs_is_not_widened(copied):
    """With a database, launchers share a study: all of them must have the same space."""
    database = f"storage=sqlite:///{copied.parent / 'optuna.db'}"
    other = Presence(folder_of(copied))
    with pytest.raises(UserError, match="another launcher in the narrower space"):
        opened(copied, WIDER, database)
    assert len(read_evaluations(folder_of(copied))) == 6
    other.end()
    _, said = opened(copied, WIDER, database)
    assert "6 finished trials stay" in said


@pytest.mark.slow
def test_a_study_in_a_database_is_widened_too(tmp_path):
    file = small_study.write(tmp_path)
    database = f"storage=sqlite:///{tmp_path / 'optuna.db'}"
    run(file, SPACE, database, trials=4)
    found, _ = run(file, WIDER, database, trials=9)
    assert len(found) == len({e.digest for e in found.values()}) == 9


def test_an_identity_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "identity.json").write_text("{")
    with pytest.raises(UserError, match=r"identity\.json can't be read"):
        Identity.read(tmp_path)


# -- nothing twice -------------------------------------------------------------------------------------------


def go(optuna_study: OptunaStudy, most: int = 60) -> list[tuple[int, str]]:
    """Return number and candidate of all trials of a study that is told at once."""
    drawn = []
    while (job := optuna_study.ask(most)) is not None:
        drawn.append((job.number, job.candidate.digest))
        optuna_study.tell(evaluated(job))
    return drawn


@pytest.mark.parametrize("sampler", ["random", "tpe", "nsga2", "grid-uniform"])
def test_a_space_without_a_choice_ends_after_its_one_candidate(tmp_path, said, sampler):
    text = "{weights: 4, activations: 5, input: 4, method: ptq}"
    optuna_study = optuna_study_of(tmp_path, text, sampler=sampler)

    assert len(go(optuna_study)) == 1
    assert optuna_study.ask(None) is None
    assert said == ["The space has a single candidate, which has been tried: the search ends here."]


@pytest.mark.parametrize("sampler", ["random", "tpe", "nsga2"])
def test_a_small_space_is_tried_whole_each_candidate_once(tmp_path, said, sampler):
    text = "{weights: 4..5, activations: 5..6, input: 4, method: ptq}"
    drawn = go(optuna_study_of(tmp_path, text, sampler=sampler))

    assert len(drawn) == len({digest for _, digest in drawn}) == 16
    assert said == ["The space has 16 candidates, all of which have been tried: the search ends here."]
    assert go(optuna_study_of(tmp_path, text, sampler=sampler)) == []


def small_space(text: str):
    file_text = yaml.safe_load(small_study.STUDY)
    namespace: dict = {}
    exec(small_study.MODEL, namespace)
    model = namespace["build"]()
    config = StudyConfig(**{**file_text, "space": yaml.safe_load(text)})
    return config, space_of(config, lower(model, head="auto"))


@pytest.mark.parametrize(
    ("text", "different"),
    [
        ("{weights: 4..5, activations: 5, input: 4, method: [ptq, qat], sparsity: [0, 50, 90]}", 4 * (1 + 3)),
        ("{weights: 4..5, activations: 5, input: 4, method: qat, sparsity: [0, 50]}", 4 * 2),
        ("{weights: 4, activations: 5, input: 4..6, method: ptq, sparsity: [0, 50]}", 3),
    ],
)
def test_candidates_are_counted_as_what_they_are(text, different):
    """One that isn't trained has no sparsity, whatever its parameters say."""
    _, space = small_space(text)
    values = {d.name: d.choices or range(d.low, d.high + 1) for d in space.dimensions}
    rows = itertools.product(*values.values())
    seen = {space.candidate(dict(zip(values, row, strict=True))).digest for row in rows}

    assert space.different == len(seen) == different


def optuna_study_of(folder: Path, text: str, **values) -> OptunaStudy:
    config, space = small_space(text)
    folder.mkdir(exist_ok=True)
    study_folder = StudyFolder(folder)
    config = config.model_copy(update=values)
    return OptunaStudy(
        config,
        study_folder,
        space,
        OBJECTIVES,
        (),
        SeededSampler(partial(optuna_sampler, config.sampler), config.seed),
    )


def test_a_trial_that_repeats_another_uses_up_none_of_the_budget(tmp_path):
    """Nor does one of which a cut left the drawing: the sequence is the same."""
    text = "{weights: 4..5, activations: 5, input: 4..5, method: [ptq, qat], sparsity: [0, 50]}"
    whole = optuna_study_of(tmp_path / "whole", text, sampler="random")
    drawn = go(whole, 20)
    repeats = [t for t in whole._study.trials if "repeats" in t.user_attrs]

    assert len(drawn) == len({digest for _, digest in drawn}) == 20
    assert repeats
    assert all(t.state == TrialState.FAIL for t in repeats)
    again = []
    while len(again) < 20:
        optuna_study = optuna_study_of(tmp_path / "cut", text, sampler="random")
        jobs = optuna_study.interrupted() or [optuna_study.ask(20)]
        for job in jobs:
            again.append((job.number, job.candidate.digest))
            optuna_study.tell(evaluated(job))
        repair_journal(tmp_path / "cut" / "journal.log")
        optuna_study.ask(20)  # and the launcher is gone
    assert again == drawn


def test_a_candidate_that_training_made_worse_is_no_second_one(tmp_path):
    """It stands for its rounded widths too: these are neither recorded twice nor tried again."""
    file = small_study.write(tmp_path)
    settings = [
        "space={weights: 4..5, activations: 5, input: 4, method: [ptq, qat], sparsity: 0}",
        "training={float_epochs: 30, float_learning_rate: 0.02, epochs: 1, learning_rate: 9}",
    ]
    found, said = run(file, *settings, trials=40)
    undone = [e for e in found.values() if e.undone]

    assert undone
    assert len({e.digest for e in found.values()}) == len(found) <= 8
    assert all(e.kept and e.design != e.digest and e.params["method"] == "qat" for e in undone)
    assert "8 candidates, all of which have been tried" in said
    designs = Counter(e.design for e in found.values())
    searched = [e for e in found.values() if e.kind == "search" and e.params["method"] == "ptq"]
    for e in searched:
        bit_true_models = [other for other in undone if other.design == e.digest]
        assert all(other.number > e.number for other in bit_true_models), "the rounded one was tried after it"
    assert max(designs.values()) <= 2


def test_what_a_search_begins_with_is_put_aside_with_a_space_that_grew():
    """A file that stayed held candidates of the old space, without the new dimensions: uniform.npz did."""
    rooms = Path(search.__file__).parent / "warm_start"
    named = re.findall(r"\"([\w.]+\.(?:npz|json|csv))\"", "".join(p.read_text() for p in rooms.glob("*.py")))
    assert named == [], "name the file in search/storage/warm_start_files.py, whose FILES are put aside"
    names = {value for name, value in vars(warm_start_files).items() if name.endswith("_FILE")}
    assert names == set(warm_start_files.FILES) - set(warm_start_files.AGAIN_FILES.values())


def test_a_widened_study_forgets_the_trained_uniform_widths_of_its_narrower_space(tmp_path):
    file = begun(small_study.write(tmp_path), SPACE)
    trained = folder_of(file) / warm_start_files.UNIFORM_FILE
    trained.write_bytes(b"of the narrower space")

    opened(file, WIDER)

    assert not trained.exists()
    assert (folder_of(file) / "narrower-1" / trained.name).read_bytes() == b"of the narrower space"
