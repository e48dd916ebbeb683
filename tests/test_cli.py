"""The command line where nothing is trained: help, exit codes, and one sentence for each mistake."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from plausible import reference

from bitfront.search.cli import main as run_main
from bitfront.search.cli.main import app

ROOT = Path(__file__).parents[1]
COMMANDS = [
    "doctor",
    "init",
    "ls",
    "validate",
    "run",
    "report",
    "show",
    "export",
    "verify",
    "ui",
    "sync",
    "estimate",
    "synth",
    "calibrate",
    "selftest",
    "sensitivity",
]


@pytest.fixture
def bitfront(monkeypatch, capsys, tmp_path):
    """Run the command in an empty folder; return its exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["bitfront", *arguments])
        with pytest.raises(SystemExit) as ended:
            run_main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return call


def test_help_imports_nothing_heavy_and_is_quick():
    """The processor time is compared, not the wall clock: a busy machine must not fail this."""
    code = (
        "import sys, time; sys.argv = ['bitfront', '--help']; from bitfront.search.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'tensorflow', 'keras', 'mlflow', 'optuna', 'hls4ml', 'sklearn', 'pandas'} & "
        "set(sys.modules)\n"
        "print(sorted(heavy), time.process_time(), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy, _, seconds = done.stderr.strip().splitlines()[-1].rpartition(" ")

    assert heavy == "[]"
    assert float(seconds) < 1.5
    assert all(name in done.stdout for name in COMMANDS)


def test_a_wrong_study_file_is_refused_without_waiting_for_tensorflow(tmp_path):
    code = (
        "import sys; sys.argv = ['bitfront', 'run', 'nosuch.yaml']; from bitfront.search.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: print(end.code, 'tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True
    )

    assert done.stdout.split() == ["2", "False"]


def test_tensorflow_says_nothing_on_the_terminal_and_a_failing_import_is_not_hidden(tmp_path):
    code = "import sys; sys.argv = ['bitfront', 'doctor', '--model', 'jets_mlp']; from bitfront.search.cli import main; main()"
    # as on a terminal: .ci/run asks TensorFlow for its errors, and a failed call for a GPU is one
    env = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=env)

    assert (done.returncode, done.stderr) == (0, "")
    assert "io_stream" in done.stdout

    (tmp_path / "tensorflow.py").write_text("import os; os.write(2, b'no AVX'); raise ImportError('broken')")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {code}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)

    assert done.returncode == 1
    assert "no AVX" in done.stderr


def test_the_page_in_docs_is_the_generated_one():
    """Regenerate with the command in CONTRIBUTING.md, which this runs."""
    words = re.search(
        r"`typer\s(.*?)\s--output\sdocs/cli\.md`", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL
    )[1]
    done = subprocess.run(
        [sys.executable, "-m", "typer", *shlex.split(words)], capture_output=True, text=True, check=True
    )
    assert (ROOT / "docs" / "cli.md").read_text().strip() == done.stdout.strip()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_with_an_example(bitfront, name):
    code, out, _ = bitfront(name, "--help")

    assert code == 0
    assert f"bitfront {name}" in out.partition("Example")[2]


def test_every_option_is_described():
    import typer

    commands = typer.main.get_command(app).commands
    silent = [
        f"{name} {parameter.name}"
        for name, command in commands.items()
        for parameter in command.params
        if not getattr(parameter, "help", None)
    ]

    assert sorted(commands) == sorted(COMMANDS)
    assert silent == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nosuch",), "No such command"),
        (("run",), "Missing argument"),
        (("run", "nosuch.yaml"), "no such study file"),
        (("show", "nosuch", "knee"), "no study that has run"),
        (("report", "nosuch"), "no study that has run"),
        (("export", "nosuch"), "no study that has run"),
        (("verify", "nosuch"), "is not a bundle"),
        (("init", "lsm"), "did you mean 'lstm'?"),
        (("estimate", "--designs", "none.jsonl", "--out", "out.jsonl"), "none.jsonl"),
        (("ui", "--port", "99999999"), "65535"),
        (("doctor", "--model", "nosuch.keras"), "there's no file"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_two(bitfront, arguments, words):
    code, out, err = bitfront(*arguments)

    assert code == 2
    assert words in err
    assert "Traceback" not in err + out


def test_a_fault_of_the_program_leaves_a_crash_log_and_exit_code_one(bitfront, monkeypatch):
    from bitfront.search.cli import ls

    def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(ls, "_studies", broken)
    code, _, err = bitfront("ls")

    assert code == 1
    assert "ZeroDivisionError: a bug" in err
    log = Path(err.partition("the details are in ")[2].partition(",")[0])
    assert "Traceback" in log.read_text()
    log.unlink()


def test_ctrl_c_ends_with_code_130(bitfront, monkeypatch):
    from bitfront.search.cli import ls

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ls, "_studies", stopped)

    assert bitfront("ls")[0] == 130


def test_ls_gives_scripts_the_ready_studies_and_the_parts(bitfront):
    _, out, _ = bitfront("ls", "--json")
    assert {row["name"] for row in json.loads(out)} >= {"top_tagging_lstm", "jets_mlp"}

    _, out, _ = bitfront("ls", "--parts", "--json")
    assert len(json.loads(out)) >= 12


def test_init_copies_a_study_that_loads_and_names_the_next_commands(bitfront, tmp_path):
    from bitfront.search.config import load_study

    code, out, _ = bitfront("init", "mlp", "mine")

    assert code == 0
    assert load_study(tmp_path / "mine").task == "binary"
    assert [line.split()[1] for line in out.splitlines() if line.startswith("  bitfront")] == [
        "validate",
        "run",
        "export",
    ]
    assert bitfront("init", "mlp", "mine")[0] == 2


def test_doctor_says_what_each_gap_disables(bitfront, monkeypatch):
    monkeypatch.setenv("PATH", "")
    code, out, _ = bitfront("doctor", "--json")

    rows = {row["name"]: row for row in json.loads(out)}
    assert code == 0
    assert rows["g++"]["found"] == "not found"
    assert "verify" in rows["g++"]["note"]
    assert rows["hls4ml"]["found"].startswith("1.3")


def test_estimate_counts_what_it_refused(bitfront, tmp_path):
    (tmp_path / "designs.jsonl").write_text('{"id": "a"}\n')

    code, out, _ = bitfront("estimate", "--designs", "designs.jsonl", "--out", "estimates.jsonl")

    assert code == 0
    assert "Estimated 0 designs, refused 1 " in out
    assert json.loads((tmp_path / "estimates.jsonl").read_text())["reason"]


def test_show_prints_each_type_whole_on_a_line_however_narrow_the_terminal(bitfront, tmp_path, monkeypatch):
    from bitfront.search.trials.evaluation import Evaluation

    monkeypatch.setenv("COLUMNS", "60")
    study, wide = tmp_path / "studies" / "narrow", "fixed<12,-3,RND_CONV,SAT>"
    study.mkdir(parents=True)
    reference("narrow").write(study)
    roles = {"backward_recurrent_weight": wide, "result": "fixed<9,3>"}
    Evaluation(
        number=3,
        digest="d",
        method="ptq",
        status="infeasible",
        reason="constraint lut: 90 > 20",
        resources={"lut": 90.0},
        layers=[{"node": "both_ways_round", "op": "bidirectional", "types": roles, "lut": 90}],
    ).write(study)

    lines = [line.split() for line in bitfront("show", "narrow", "3")[1].splitlines()]

    assert "not built" not in " ".join(word for line in lines for word in line)

    assert ["both_ways_round/backward_recurrent_weight", wide] in lines
    assert ["both_ways_round/result", "fixed<9,3>"] in lines
    assert ["lut", "90", "(C-synthesis", "LUT)"] in lines


def test_show_says_which_nodes_are_not_built(bitfront, tmp_path):
    """Those whose cost nobody estimated: what they would give is always zero."""
    from bitfront.search.trials.evaluation import Evaluation

    study = tmp_path / "studies" / "empty"
    study.mkdir(parents=True)
    reference("empty").write(study)
    rows = [("x", "input", {}), ("scores", "einsum", {}), ("out", "dense", {"lut": 9})]
    layers = [{"node": node, "op": op, "types": {}, **costs} for node, op, costs in rows]
    Evaluation(
        number=3, digest="d", method="ptq", status="infeasible", reason="constraint lut: 9 > 2", layers=layers
    ).write(study)

    text = bitfront("show", "empty", "3")[1]
    assert text.count("not built") == 1
    assert "einsum, not built" in text


def test_a_trial_that_was_stopped_can_be_shown_though_not_picked(bitfront, tmp_path):
    from bitfront.search.trials.evaluation import Evaluation

    study = tmp_path / "studies" / "tried"
    study.mkdir(parents=True)
    reference("tried").write(study)
    Evaluation(
        number=3, digest="d", method="ptq", status="infeasible", reason="constraint lut: 90 > 20"
    ).write(study)

    code, out, _ = bitfront("show", "tried", "3")

    assert code == 0
    assert "Not on the front: constraint lut: 90 > 20" in out
    assert bitfront("export", "tried", "--pick", "3")[0] == 2
