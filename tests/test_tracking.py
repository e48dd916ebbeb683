"""MLflow shows a study as it is: one run a trial, right after a resume, and never at the search's expense."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from dataclasses import replace
from urllib.parse import unquote

import pytest
from plausible import OBJECTIVES, plausible_study, write_study

from bitfront.search.tracking import (
    MlflowTracker,
    NullTracker,
    StudyRecord,
    SubprocessTracker,
    Tracker,
    choose,
    chosen,
    default_uri,
    links,
    redact,
    sync,
)
from bitfront.search.tracking.content import clean_name, run_curves, run_metrics, run_params
from bitfront.search.tracking.sync import tracking_uri
from bitfront.search.trials.front import pareto, write_front_csv
from bitfront.search.trials.reference import Reference
from bitfront.spaces import UserError

STUDY = plausible_study(24)
FAILED = next(e for e in STUDY if e.status == "failed")
QAT = next(e for e in STUDY if e.status == "complete" and e.method == "qat")
INFEASIBLE = next(e for e in STUDY if e.status == "infeasible")


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """One MLflow database for all tests of this file: making one takes seconds."""
    return tmp_path_factory.mktemp("studies")


@pytest.fixture
def client(output):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=default_uri(output))


@pytest.fixture
def study(output, request):
    folder = output / request.node.name
    return write_study(folder, STUDY)


def tracked(output, study, evaluations, front=(), artifacts=()):
    tracker = MlflowTracker(output, warn=pytest.fail)
    tracker.start(StudyRecord.of(study))
    for evaluation in evaluations:
        tracker.trial(evaluation)
    tracker.finish(front, artifacts)
    return tracker


def children(client, tracker, condition=""):
    experiment = client.get_run(tracker.parent_run_id).info.experiment_id
    parent = f"tags.`mlflow.parentRunId` = '{tracker.parent_run_id}'"
    runs = client.search_runs([experiment], " AND ".join(filter(None, [parent, condition])))
    return {int(run.data.tags["bitfront.trial"]): run for run in runs}


def files(client, run_id):
    return {item.path for item in client.list_artifacts(run_id)}


@pytest.mark.parametrize(
    "tracker",
    [NullTracker(), MlflowTracker.__new__(MlflowTracker), SubprocessTracker.__new__(SubprocessTracker)],
)
def test_both_trackers_keep_the_protocol(tracker):
    assert isinstance(tracker, Tracker)


def test_every_trial_is_a_child_of_the_study(output, study, client):
    tracker = tracked(output, study, STUDY)
    parent = client.get_run(tracker.parent_run_id)
    assert parent.info.status == "FINISHED"
    assert parent.info.run_name == study.name
    assert parent.data.params["constraint.lut"] == "4%"
    assert set(children(client, tracker)) == {e.number for e in STUDY}
    assert "LSTM 20, Dense 64, 8,000 training" in parent.data.tags["mlflow.note.content"]
    experiment = client.get_experiment(parent.info.experiment_id)
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"


def test_a_trained_candidate_shows_both_scores_its_curves_and_its_files(output, study, client):
    tracker = tracked(output, study, [QAT])
    run = children(client, tracker)[QAT.number]
    assert run.info.status == "FINISHED"
    assert run.data.metrics["score/ptq"] == QAT.metrics["ptq"]
    assert run.data.metrics["score/qat"] == QAT.metrics["qat"] == run.data.metrics["score/final"]
    assert run.data.metrics["est/lut"] == QAT.resources["lut"]
    assert run.data.metrics["est/lut_high"] == QAT.intervals["lut"][1]
    assert run.data.params["method"] == "qat"
    assert run.data.params["bits.lstm.weight"] == str(QAT.params["lstm.weight"])
    losses = client.get_metric_history(run.info.run_id, "train/loss")
    assert {m.step: m.value for m in losses} == {int(r["epoch"]): r["loss"] for r in QAT.history}
    assert files(client, run.info.run_id) == {"precision.json", "layers.csv"}


def test_files_of_the_trial_folder_go_with_its_run(output, study, client):
    folder = study / "trials" / f"{QAT.number:05d}"
    (folder / "hls4ml_config.yaml").write_text("Model: {}\n")
    (folder / "weights.npz").write_bytes(b"stays at home")
    tracker = tracked(output, study, [QAT])
    found = files(client, children(client, tracker)[QAT.number].info.run_id)
    assert found == {"precision.json", "layers.csv", "hls4ml_config.yaml"}


def test_a_failed_trial_is_a_failed_run_with_its_reason_and_no_made_up_score(output, study, client):
    tracker = tracked(output, study, [FAILED, INFEASIBLE])
    failed, infeasible = (children(client, tracker)[e.number] for e in (FAILED, INFEASIBLE))
    assert failed.info.status == "FAILED"
    assert failed.data.tags["reason"] == "nan_loss"
    assert failed.data.tags["bitfront.reason"] == FAILED.reason
    assert not [key for key in failed.data.metrics if key.startswith("score/")]
    assert len(client.get_metric_history(failed.info.run_id, "train/loss")) == 1
    assert infeasible.info.status == "FINISHED"
    assert infeasible.data.tags["status"] == "infeasible"
    assert not [key for key in infeasible.data.metrics if key.startswith("score/")]


def test_the_filter_of_the_front_finds_the_front(output, study, client, tmp_path):
    members = pareto(STUDY, OBJECTIVES)
    write_front_csv(tmp_path / "front.csv", members, OBJECTIVES)
    numbers = [e.number for e in members]
    tracker = tracked(output, study, STUDY, numbers, [tmp_path / "front.csv", tmp_path / "missing.png"])
    assert set(children(client, tracker, "tags.pareto = 'true'")) == set(numbers)
    assert files(client, tracker.parent_run_id) == {"front.csv", "study.yaml"}


def test_a_resume_adds_no_run_twice_and_moves_the_front(output, study, client):
    first = tracked(output, study, STUDY[:10], [4, 5])
    again = tracked(output, study, STUDY, [5, 12])
    assert again.parent_run_id == first.parent_run_id
    assert set(children(client, again)) == {e.number for e in STUDY}
    assert len(children(client, again, "tags.pareto = 'true'")) == 2
    assert set(children(client, again, "tags.pareto = 'true'")) == {5, 12}


def test_a_half_written_run_is_replaced(output, study, client):
    tracker = tracked(output, study, STUDY[:3])
    cut = children(client, tracker)[1].info.run_id
    client.update_run(cut, status="RUNNING")
    after = children(client, tracked(output, study, STUDY[:3]))
    assert len(after) == 3
    assert after[1].info.run_id != cut
    assert after[1].info.status == "FINISHED"


def test_another_candidate_under_an_old_number_replaces_its_run(output, study, client):
    tracked(output, study, [STUDY[4]])
    other = replace(STUDY[4], digest="other", metrics={"ptq": 0.1, "score": 0.1})
    runs = children(client, tracked(output, study, [other]))
    assert runs[4].data.tags["bitfront.digest"] == "other"
    assert runs[4].data.metrics["score/ptq"] == 0.1


def test_progress_is_a_curve_of_the_study_and_a_step_is_drawn_once(output, study, client):
    record = StudyRecord.of(study)
    for steps in (range(3), range(5)):
        tracker = MlflowTracker(output, warn=pytest.fail)
        tracker.start(record)
        for step in steps:
            tracker.progress(step, {"search/hypervolume": step / 10})
    history = client.get_metric_history(tracker.parent_run_id, "search/hypervolume")
    assert [(m.step, m.value) for m in history] == [(0, 0.0), (1, 0.1), (2, 0.2), (3, 0.3), (4, 0.4)]


def test_a_param_that_changed_before_a_resume_is_noted_and_not_refused(output, study, client):
    for trials in ("40", "80"):
        tracker = MlflowTracker(output, warn=pytest.fail)
        tracker.start(replace(StudyRecord.of(study), params={"trials": trials}))
    run = client.get_run(tracker.parent_run_id)
    assert (run.data.params["trials"], run.data.tags["changed.trials"]) == ("40", "80")


def test_a_candidate_of_250_dimensions_with_odd_names_is_logged_whole(output, study, client):
    params = {"method": "ptq"} | {f"läyer[{i}]/weight": 8 for i in range(250)}
    tracker = tracked(output, study, [replace(STUDY[4], params=params)])
    logged = children(client, tracker)[4].data.params
    assert len(logged) == 251
    assert logged["bits.l_yer_249_/weight"] == "8"


def test_studies_with_other_ids_share_a_database_without_mixing(output, study, client):
    other = write_study(output / "namesake" / study.name, STUDY[:2])
    reference = Reference.read(other)
    replace(reference, study_id="another").write(other)
    one, two = tracked(output, study, STUDY[:3]), tracked(output, other, STUDY[:2])
    assert one.parent_run_id != two.parent_run_id
    assert (len(children(client, one)), len(children(client, two))) == (3, 2)


def test_sync_sends_what_an_outage_kept_back(output, study, client):
    tracked(output, study, STUDY[:5])
    assert sync(study) == len(STUDY)
    front = [e.number for e in pareto(STUDY, OBJECTIVES)]
    tracker = tracked(output, study, [], front)
    assert len(children(client, tracker)) == len(STUDY)
    assert set(children(client, tracker, "tags.pareto = 'true'")) == set(front)


def test_an_unreachable_server_costs_one_warning_without_the_password(study, caplog, capfd):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    said = []
    tracker = MlflowTracker(
        study.parent, f"http://anna:hunter2@127.0.0.1:{port}/?token=s3cret", warn=said.append
    )
    tracker.start(StudyRecord.of(study))
    tracker.trial(QAT)
    tracker.progress(1, {"search/hypervolume": 0.1})
    tracker.finish([], [])
    assert len(said) == 1
    assert "bitfront sync" in said[0]
    assert tracker.failed
    shown = said[0] + caplog.text + "".join(capfd.readouterr())
    assert not [secret for secret in ("hunter2", "anna", "s3cret") if secret in shown]
    with pytest.raises(UserError, match="failed"):
        sync(study, uri=f"http://127.0.0.1:{port}")


def test_a_store_that_breaks_in_the_middle_does_not_stop_the_search(study, tmp_path):
    said = []
    tracker = MlflowTracker(tmp_path, f"sqlite:///{tmp_path / 'broken.db'}", warn=said.append)
    (tmp_path / "broken.db").write_bytes(b"this is no database" * 100)
    tracker.start(StudyRecord.of(study))
    tracker.trial(QAT)
    assert len(said) == 1
    assert tracker.parent_run_id is None


def test_a_store_that_is_back_gets_what_it_missed(study, tmp_path, monkeypatch):
    """A database that can't be opened for a while: at the end each trial has its run, with one warning."""
    from mlflow.store.db import utils

    monkeypatch.setattr(utils, "MAX_RETRY_COUNT", 3)  # MLflow's own tries take 100 s, ours come after them
    said = []
    database = tmp_path / "later.db"
    database.mkdir()  # in the way of the file
    tracker = MlflowTracker(tmp_path, f"sqlite:///{database}", warn=said.append)
    tracker.start(StudyRecord.of(study))
    for evaluation in STUDY[:4]:
        tracker.trial(evaluation)
    database.rmdir()
    tracker.finish([], [])

    assert len(said) == 1
    assert not tracker.failed
    from mlflow import MlflowClient

    assert set(children(MlflowClient(tracking_uri=f"sqlite:///{database}"), tracker)) == {
        e.number for e in STUDY[:4]
    }


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("https://u:p%40ss@host/path", "https://***@host/path"),
        ("postgresql://u:p@ss@db:5432/mlflow", "postgresql://***@db:5432/mlflow"),
        ("http://host/?token=abc", "http://host/?***"),
        ("refused (url: /api/?token=abc)", "refused (url: /api/?***)"),
        ("sqlite:////tmp/mlflow.db", "sqlite:////tmp/mlflow.db"),
    ],
)
def test_secrets_in_a_uri_are_hidden(uri, shown):
    assert redact(uri) == shown
    assert redact(f"cannot reach {uri} now").startswith(f"cannot reach {shown.split('?')[0]}")


def test_dimensions_that_are_no_widths_keep_their_names():
    params = {"method": "ptq", "lstm.weight": 5, "lstm.reuse_factor": 4, "strategy": "latency"}
    found = run_params(replace(STUDY[4], params=params))
    assert found == {
        "method": "ptq",
        "bits.lstm.weight": "5",
        "lstm.reuse_factor": "4",
        "strategy": "latency",
    }


def test_a_synthesised_figure_does_not_pass_for_an_estimate():
    assert "csynth/lut" in run_metrics(replace(STUDY[4], source="csynth"))
    assert "est/lut" not in run_metrics(replace(STUDY[4], source="csynth"))


def test_a_loss_that_was_no_number_is_left_out_of_the_curve():
    assert [(n, s) for n, _, s in run_curves(FAILED)] == [
        ("train/loss", 1),
        ("train/val", 1),
        ("train/val", 2),
    ]


def test_names_keep_to_what_mlflow_takes():
    assert clean_name("a<8,3>/b c") == "a_8_3_/b c"
    assert len(clean_name("x" * 400)) == 250


def test_importing_the_tracker_does_not_import_mlflow():
    code = "import bitfront.search.tracking, sys; sys.exit('mlflow' in sys.modules or 'tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_links_lead_to_the_study_and_to_a_comparison_of_its_front(output, study):
    tracker = tracked(output, study, STUDY[:6], [4, 5])
    (mine,) = [page for page in links(output) if page.name == study.name]
    assert f"/runs/{tracker.parent_run_id}?" in mine.run
    assert f"/runs/{tracker.parent_run_id}/artifacts/report.html?" in mine.report
    assert unquote(mine.table).partition("searchFilter=")[2].startswith("tags.pareto = 'true'")
    assert all("workflowType=machine_learning" in link for link in (mine.run, mine.report, mine.table))
    assert mine.compare.count("%22") == 2 * 2 + 2


def test_the_pages_are_served_on_loopback_and_end_with_ctrl_c(output, study):
    tracked(output, study, STUDY[:6], [4, 5])
    code = f"import sys; from bitfront.search.tracking import ui; sys.exit(ui({str(output)!r}, 0))"
    server = subprocess.Popen(
        [sys.executable, "-u", "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    stop = threading.Timer(200, server.kill)
    stop.start()
    try:
        address = server.stdout.readline().split()[1]
        assert "can read and change" in server.stdout.readline()
        assert address.startswith("http://127.0.0.1:")
        place, token = address.split("?token=")
        for stranger in (
            place,
            f"{place}?token=",
            f"{place}?token={token[:-1]}",
            f"{place}ajax-api/2.0/mlflow/x",
        ):
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(stranger, timeout=30)
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        for page in (address, f"{place}health"):
            with browser.open(page, timeout=30) as answer:
                assert answer.status == 200
                assert "token" not in answer.url
        os.killpg(server.pid, signal.SIGINT)
        assert server.wait(60) == 0
    finally:
        stop.cancel()
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
        server.stdout.close()


def test_the_pages_need_a_study_and_a_free_port(output, tmp_path):
    from bitfront.search.tracking import ui

    with pytest.raises(UserError, match=r"no mlflow\.db"):
        ui(tmp_path, 0)
    with pytest.raises(UserError, match="on a server"):
        ui(tmp_path, 0, uri="http://127.0.0.1:5000")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        (tmp_path / "mlflow.db").touch()
        with pytest.raises(UserError, match="is taken"):
            ui(tmp_path, taken.getsockname()[1])


def test_sync_goes_where_the_study_file_says(output, study, tmp_path):
    uri = f"sqlite:///{tmp_path / 'other.db'}"
    (study / "study.yaml").write_text(
        f"model: m.py:b\ndata: d.py:l\ntask: binary\ntracking: {{uri: '{uri}'}}\n"
    )
    assert tracking_uri(study) == uri
    (study / "study.yaml").unlink()
    assert tracking_uri(study) == default_uri(output)


def test_a_trial_that_was_never_exported_is_no_champion(study):
    assert chosen(study) is None
    choose(study, 7)
    assert chosen(study) == 7


def subprocess_tracker(tracker, study, evaluations, front=()):
    tracker.start(StudyRecord.of(study))
    for evaluation in evaluations:
        tracker.trial(evaluation)
        tracker.progress(evaluation.number, {"search/hypervolume": evaluation.number / 10})
    tracker.finish(front, [study / "study.yaml"])


def test_a_process_of_its_own_logs_the_same_and_is_gone_afterwards(output, study, client):
    tracker = SubprocessTracker(output, warn=pytest.fail)
    began = time.monotonic()
    tracker.start(StudyRecord.of(study))
    assert time.monotonic() - began < 2, "start waits for MLflow"
    process = tracker._process
    subprocess_tracker(tracker, study, STUDY, [4, 5])
    assert process.poll() == 0
    same = tracked(output, study, STUDY, [4, 5])
    runs = children(client, same)
    assert set(runs) == {e.number for e in STUDY}
    assert runs[QAT.number].data.metrics["score/qat"] == QAT.metrics["qat"]
    assert runs[FAILED.number].info.status == "FAILED"
    assert set(children(client, same, "tags.pareto = 'true'")) == {4, 5}
    history = client.get_metric_history(same.parent_run_id, "search/hypervolume")
    assert [m.step for m in history] == [e.number for e in STUDY]


def test_a_process_that_dies_costs_a_warning_and_sync_makes_up_for_it(output, study, client):
    said = []
    tracker = SubprocessTracker(output, warn=said.append)
    tracker.start(StudyRecord.of(study))
    os.kill(tracker._process.pid, signal.SIGKILL)
    subprocess_tracker(tracker, study, STUDY)
    assert len(said) == 1
    assert "bitfront sync" in said[0]
    assert sync(study) == len(STUDY)


def test_a_process_of_its_own_passes_the_warning_on_without_the_password(study):
    said = []
    subprocess_tracker(
        SubprocessTracker(study.parent, "http://anna:hunter2@127.0.0.1:9/?token=s3cret", warn=said.append),
        study,
        [QAT],
    )
    assert len(said) == 1
    assert "bitfront sync" in said[0]
    assert not [secret for secret in ("hunter2", "anna", "s3cret") if secret in said[0]]
