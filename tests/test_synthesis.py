"""Running AMD's tools: found, limited, killed with all that they started, and their failures named.

No vendor tool is needed or used: `stand_in_tool.py` stands in for each, with reports in the documented
formats.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from stand_ins import FAILED, StandIns

from bitfront.hls.synthesis import Limits, find_tool, run_tree, synthesise
from bitfront.spaces.errors import ToolMissing, UserError

PLACE = {"part": "xcvu13p-flga2577-2-e", "clock_ns": 5.0}
LIMITS = Limits(timeout_s=60, memory_gib=4)


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """Put the stand-in on PATH under the names of tools."""
    return StandIns(tmp_path, monkeypatch).install


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def living(folder):
    """Return the processes whose working directory is `folder`."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if (place / "cwd").readlink() == folder and "Z" not in (place / "stat").read_text().rpartition(
                ")"
            )[2][:3]:
                found.append(int(place.name))
        except OSError:
            continue
    return found


@pytest.mark.parametrize(
    ("installed", "backend", "chosen"),
    [
        (("vitis_hls", "vitis-run", "v++"), "Vitis", "vitis-run"),
        (("vitis_hls", "v++"), "Vitis", "vitis_hls"),
        (("v++",), "Vitis", "v++"),
        (("vivado_hls", "vitis-run"), "Vivado", "vivado_hls"),
    ],
)
def test_the_tool_that_fits_the_backend_is_found(tools, installed, backend, chosen):
    tools(*installed)
    assert find_tool(backend).name == chosen


def test_without_a_tool_the_programs_that_were_looked_for_are_named():
    with pytest.raises(ToolMissing, match=r"vitis-run or vitis_hls or v\+\+.*settings64"):
        find_tool("Vitis", path="/nowhere")


def test_logic_synthesis_needs_vivado_and_the_unified_compiler_alone_gives_no_cosimulation(tools, tmp_path):
    tools("vitis-run")
    with pytest.raises(ToolMissing, match="No vivado"):
        find_tool("Vitis", "vsynth", path=str(tmp_path / "bin"))
    (tmp_path / "bin" / "vitis-run").rename(tmp_path / "bin" / "v++")
    with pytest.raises(ToolMissing, match="vitis-run or vitis_hls"):
        find_tool("Vitis", "cosim", path=str(tmp_path / "bin"))


def test_csynthesis_gives_the_reports_figures_and_keeps_the_log(tools, project):
    tools("vitis-run")
    outcome = synthesise(project, "bitfront", find_tool("Vitis"), "csynth", LIMITS, **PLACE)

    assert outcome.ok
    assert (outcome.tool, outcome.version, outcome.clock_ns) == ("vitis-run", "2023.2", 4.353)
    assert set(outcome.measured) == {"csynth"}
    assert outcome.measured["csynth"]["lut"] == 32227
    assert "--mode hls --tcl build_prj.tcl" in (project / "synthesis.log").read_text()
    assert "cosim 0" in (project / "build_opt.tcl").read_text()


ERAS = [
    ("2022.2", "vitis_hls"),
    ("2023.1", "vitis_hls"),
    ("2023.1", "vitis-run"),
    ("2023.2", "vitis-run"),
    ("2023.2", "v++"),
    ("2024.1", "vitis-run"),
    ("2024.2", "vitis_hls"),
    ("2024.2", "vitis-run"),
    ("2024.2", "v++"),
    ("2025.1", "vitis-run"),
    ("2025.1", "v++"),
    ("2025.2", "vitis-run"),
    ("2025.2", "v++"),
]


@pytest.fixture
def era(tmp_path, monkeypatch):
    """Install the tools of a version."""

    def install(version: str, *names: str) -> None:
        stand_ins = StandIns(tmp_path, monkeypatch)
        stand_ins.version(version)
        stand_ins.install(*names)

    return install


@pytest.mark.parametrize(("version", "program"), ERAS)
def test_every_version_is_called_as_it_wants_and_its_reports_are_read_where_it_puts_them(
    era, project, version, program
):
    era(version, program)
    tool = find_tool("Vitis")
    outcome = synthesise(project, "bitfront", tool, "csynth", LIMITS, **PLACE)
    assert (outcome.ok, outcome.tool, outcome.version) == (True, program, version), outcome.line
    assert outcome.measured["csynth"]["lut"] == 32227


@pytest.mark.parametrize(("version", "program"), ERAS)
def test_a_failure_that_stands_in_the_tools_own_log_alone_is_found(
    era, project, monkeypatch, version, program
):
    era(version, program)
    monkeypatch.setenv("STAND_IN", "quietly: ERROR: [HLS 200-1023] Part 'xc9' is not installed.")
    outcome = synthesise(project, "bitfront", find_tool("Vitis"), "csynth", LIMITS, **PLACE)
    assert outcome.cause == "part"
    assert "xc9" not in (project / "synthesis.log").read_text()


def test_a_deprecated_vitis_hls_is_not_preferred_to_its_successor(era):
    era("2024.2", "vitis_hls", "vitis-run", "v++")
    assert find_tool("Vitis").name == "vitis-run"


def test_higher_fidelities_run_their_stages_too(tools, project):
    tools("vitis_hls", "vivado")
    outcome = synthesise(project, "bitfront", find_tool("Vitis", "cosim"), "cosim", LIMITS, **PLACE)

    assert outcome.ok
    assert set(outcome.measured) == {"csynth", "vsynth", "cosim"}
    assert outcome.measured["vsynth"]["lut"] == 12345
    assert "cosim 1" in (project / "build_opt.tcl").read_text()


def test_vivado_hls_gets_its_options_as_an_argument(tools, project):
    tools("vivado_hls")
    assert synthesise(project, "bitfront", find_tool("Vivado"), "csynth", LIMITS, **PLACE).ok
    assert "csim=0 synth=1 cosim=0" in (project / "synthesis.log").read_text()


def test_the_unified_compiler_gets_a_configuration_file(tools, project):
    tools("v++")
    assert synthesise(project, "bitfront", find_tool("Vitis"), "csynth", LIMITS, **PLACE).ok
    assert "syn.top=bitfront" in (project / "hls_config.cfg").read_text()


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("ERROR: [Common 17-345] A valid license was not found for feature 'HLS'", "licence"),
        ("ERROR: [HLS 200-1023] Part 'xcvu13p-flga2577-2-e' is not installed.", "part"),
        (
            "ERROR: [XFORM 203-504] Stop unrolling loop 'Product1' because it may cause large runtime",
            "unroll",
        ),
        ("terminate called after throwing an instance of 'std::bad_alloc'", "memory"),
        ("Abnormal program termination (11)", "crash"),
        ("ERROR: [HLS 214-1] something that nobody foresaw", "error"),
    ],
)
def test_what_the_tool_says_before_it_fails_names_the_cause(tools, project, monkeypatch, message, cause):
    tools("vitis-run")
    monkeypatch.setenv("STAND_IN", message)
    outcome = synthesise(project, "bitfront", find_tool("Vitis"), "csynth", LIMITS, **PLACE)

    assert (outcome.ok, outcome.cause) == (False, cause)
    assert outcome.line == message
    assert outcome.advice
    assert outcome.measured == {}


def test_a_tool_that_dies_of_a_signal_has_crashed(tools, project, monkeypatch):
    tools("vitis-run")
    monkeypatch.setenv("STAND_IN", "crash")
    outcome = synthesise(project, "bitfront", find_tool("Vitis"), "csynth", LIMITS, **PLACE)

    assert outcome.cause == "crash"
    assert "signal 6" in outcome.line


@pytest.mark.parametrize("behaviour", ["hang", "stubborn", "detach"])
@pytest.mark.skipif(
    not Path("/proc/self/environ").exists(), reason="a detached process is found through /proc"
)
def test_a_tool_that_hangs_is_stopped_at_the_time_limit_with_all_that_it_started(
    tools, project, monkeypatch, behaviour
):
    tools("vitis-run")
    monkeypatch.setenv("STAND_IN", behaviour)
    began = time.monotonic()
    outcome = synthesise(project, "bitfront", find_tool("Vitis"), "csynth", Limits(1.0, 4), **PLACE)

    assert outcome.cause == "timeout"
    assert "1 s" in outcome.line
    assert time.monotonic() - began < 12
    assert living(project) == []


def test_a_tool_that_eats_memory_is_stopped_at_the_memory_limit(tools, project, monkeypatch):
    tools("vitis-run")
    monkeypatch.setenv("STAND_IN", "memory")
    outcome = synthesise(project, "bitfront", find_tool("Vitis"), "csynth", Limits(60, 0.25), **PLACE)

    assert outcome.cause == "memory"
    assert "0.25 GiB" in outcome.line
    assert outcome.seconds < 30
    assert living(project) == []


def test_a_run_is_stopped_from_another_thread(tools, project, monkeypatch):
    tools("vitis-run")
    monkeypatch.setenv("STAND_IN", "hang")
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    outcome = synthesise(project, "bitfront", find_tool("Vitis"), "csynth", LIMITS, stop=stop, **PLACE)

    assert outcome.cause == "killed"
    assert outcome.seconds < 10
    assert living(project) == []


def test_a_csynthesis_that_finished_is_kept_when_logic_synthesis_fails(tools, project, tmp_path):
    tools("vitis-run", "vivado")
    (tmp_path / "bin" / "vivado").write_text(
        "#!/bin/sh\necho 'ERROR: [Synth 8-439] module not found'\nexit 1\n"
    )
    outcome = synthesise(project, "bitfront", find_tool("Vitis", "vsynth"), "vsynth", LIMITS, **PLACE)

    assert not outcome.ok
    assert set(outcome.measured) == {"csynth"}
    assert "Synth 8-439" in outcome.line


def test_a_cosimulation_that_disagrees_is_a_failure_that_keeps_the_other_stages(tools, project, tmp_path):
    tools("vitis-run", "vivado")
    (tmp_path / "reports" / "solution1" / "sim" / "report" / "bitfront_cosim.rpt").write_text(FAILED)
    outcome = synthesise(project, "bitfront", find_tool("Vitis", "cosim"), "cosim", LIMITS, **PLACE)

    assert outcome.cause == "cosim"
    assert set(outcome.measured) == {"csynth", "vsynth"}
    assert "disagree" in outcome.line


def test_a_tool_that_ends_well_without_a_report_has_failed(tools, project, tmp_path):
    tools("vitis-run")
    (tmp_path / "bin" / "vitis-run").write_text("#!/bin/sh\nexit 0\n")
    outcome = synthesise(project, "bitfront", find_tool("Vitis"), "csynth", LIMITS, **PLACE)

    assert outcome.cause == "error"
    assert "no readable report of csynth" in outcome.line


def test_a_path_with_a_blank_is_refused(tools, tmp_path):
    tools("vitis-run")
    folder = tmp_path / "my study"
    folder.mkdir()
    with pytest.raises(UserError, match="no blanks"):
        synthesise(folder, "bitfront", find_tool("Vitis"), "csynth", LIMITS, **PLACE)


def test_a_command_that_ends_leaves_no_child_behind(tmp_path):
    ended = run_tree(
        ["/bin/sh", "-c", "sleep 60 & exit 3"], cwd=tmp_path, log=tmp_path / "log", limits=LIMITS
    )

    assert (ended.status, ended.stopped) == (3, None)
    assert living(tmp_path) == []
