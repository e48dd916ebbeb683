"""What an export tells AMD's tools, field by field beside hls4ml's own build files.

hls4ml 1.3 writes Tcl alone. Each command of its scripts is listed here; one that a newer hls4ml adds, drops or
gives another value fails the test, until it is looked at and listed with a reason.
"""

from __future__ import annotations

import re
from pathlib import Path

import hls4ml
import keras
import pytest
import yaml
from zoo import randomize

from bitfront.hls import convert, hls_config, to_keras
from bitfront.hls.precision import uniform_types
from bitfront.hls.synthesis import Tool
from bitfront.hls.synthesis.tools import build_options
from bitfront.spaces import FixedPoint, lower

TEMPLATES = Path(hls4ml.__file__).parent / "templates"
PART, CLOCK, NAME = "xcku115-flvb2104-2-i", 4.5, "jets"

# What hls4ml 1.3's build_prj.tcl does between opening the project and the steps, in order, for both back ends.
COMMANDS = [
    "set_top ${project_name}",
    'add_files firmware/${project_name}.cpp -cflags "-std=c++0x"',
    'add_files -tb ${project_name}_test.cpp -cflags "-std=c++0x"',
    "add_files -tb firmware/weights",
    "add_files -tb tb_data",
    "catch {config_array_partition -maximum_size $maximum_size}",
    "config_compile -name_max_length 80",
    "set_part $part",
    "config_schedule -enable_dsp_full_reg=false",
    "create_clock -period $clock_period -name default",
    "set_clock_uncertainty $clock_uncertainty default",
]
STEPS = [
    "csim_design",
    "csynth_design",
    "cosim_design -trace_level all -setup",
    "export_design -format ip_catalog -version $version",
    "exec vivado -mode batch -source vivado_synth.tcl >@ stdout",
]
IN_CONFIGURATION = {
    "set_top ${project_name}": f"syn.top={NAME}",
    'add_files firmware/${project_name}.cpp -cflags "-std=c++0x"': (
        f"syn.file=firmware/{NAME}.cpp",
        f"syn.file_cflags=firmware/{NAME}.cpp,-std=c++0x",
    ),
    "config_compile -name_max_length 80": "syn.compile.name_max_length=80",
    "set_part $part": f"part={PART}",
    "config_schedule -enable_dsp_full_reg=false": "syn.schedule.enable_dsp_full_reg=0",
    "create_clock -period $clock_period -name default": f"clock={CLOCK:g}ns",
    "set_clock_uncertainty $clock_uncertainty default": "clock_uncertainty=27%",
}
"""Command of the script -> its lines in the configuration file of the unified flow."""
NOT_IN_CONFIGURATION = {
    'add_files -tb ${project_name}_test.cpp -cflags "-std=c++0x"': "v++ is asked for C-synthesis alone",
    "add_files -tb firmware/weights": "v++ is asked for C-synthesis alone",
    "add_files -tb tb_data": "v++ is asked for C-synthesis alone",
    "catch {config_array_partition -maximum_size $maximum_size}": "Vitis HLS refuses it (HLS 200-642), which "
    "the script catches and a configuration file can't",
}
ONLY_IN_CONFIGURATION = {
    "flow_target=vivado": "what open_solution assumes where the script says nothing (UG1399, open_solution)",
    "[hls]": "the head of the section",
}
OTHER_STEPS = {
    "csim": "bitfront verify compares the firmware, with g++ and in a second",
    "validation": "compares the results of two simulations; cosimulation's own report says whether they agree",
    "cosim": "asked for by fidelity: cosim alone",
}
"""Options of build_opt.tcl that a run of bitfront's sets otherwise than hls4ml's template -> why."""
OTHER_FILES = {
    "hls4ml_config.yml": "no path of this machine and no random stamp",
    "build_lib.sh": "no random stamp; the library shows its entry points alone",
    f"{NAME}_bridge.cpp": "what is no entry point is hidden, and entry points take turns",
}
"""Files beside the firmware that an export changes -> why."""
ADDED_FILES = {"exported_names.map": "the linker's script for the library's entry points"}
"""Files beside the firmware that an export has more than hls4ml's project -> why."""


def model():
    x = i = keras.Input((6,), name="x")
    x = keras.layers.Dense(4, activation="relu", name="first")(x)
    made = keras.Model(i, keras.layers.Dense(2, name="last")(x))
    randomize(made, 0)
    return made


@pytest.fixture(scope="module", params=["Vitis", "Vivado"])
def projects(request, tmp_path_factory):
    """Write one model twice: as bitfront exports it, and by hls4ml alone; return folders and back end."""
    folder = tmp_path_factory.mktemp(request.param)
    graph = lower(model(), head="keep")
    types = uniform_types(graph, FixedPoint.parse("fixed<10,4>"))
    plain = to_keras(graph, graph.weights, types)
    config = hls_config(graph, types, plain)
    place = {"part": PART, "backend": request.param, "io_type": "io_parallel", "project_name": NAME}
    ours = convert(plain, config, folder / "ours", clock_ns=CLOCK, **place).write().folder
    hls4ml.converters.convert_from_keras_model(
        plain, hls_config=config, output_dir=str(folder / "theirs"), clock_period=CLOCK, **place
    ).write()
    return ours, folder / "theirs", request.param


def commands(text):
    """Return what a build_prj.tcl does at its own level from set_top on, and the steps inside its ifs."""
    after = text[text.index("set_top ") :]
    top = [line for line in after.splitlines() if re.match(r"(set_|add_|config_|create_|catch)", line)]
    steps = [
        line.strip()
        for line in after.splitlines()
        if re.match(r"\s+(\w+_design|exec)\b", line) and "report" not in line
    ]
    return top, steps


def variables(text):
    return dict(re.findall(r'^set (\w+) "?([^"\n]*)"?$', text, re.MULTILINE))


@pytest.mark.parametrize("backend", ["vitis", "vivado"])
def test_hls4mls_script_has_the_commands_that_are_known_and_no_others(backend):
    top, steps = commands((TEMPLATES / backend / "build_prj.tcl").read_text())
    assert top == COMMANDS
    assert steps == STEPS


def test_the_exported_scripts_are_hls4mls_own(projects):
    ours, _, backend = projects
    for name, home in (("build_prj.tcl", backend.lower()), ("vivado_synth.tcl", "vivado")):
        assert (ours / name).read_text() == (TEMPLATES / home / name).read_text(), name


def test_every_setting_of_the_export_is_hls4mls_own(projects):
    ours, theirs, backend = projects
    mine, others = (variables((folder / "project.tcl").read_text()) for folder in (ours, theirs))
    assert mine == others
    assert mine == {
        "project_name": NAME,
        "backend": backend.lower(),
        "part": PART,
        "clock_period": str(CLOCK),
        "clock_uncertainty": {"Vitis": "27%", "Vivado": "12.5%"}[backend],
        "version": "1.0.0",
        "maximum_size": "4096",
    }


def test_an_export_has_the_build_files_that_hls4ml_writes_and_changes_only_those_that_are_stated(projects):
    ours, theirs, _ = projects
    mine, others = (
        {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        for folder in (ours, theirs)
    )
    assert set(mine) == {name for name in others if not name.endswith(".keras")} | set(ADDED_FILES)
    assert {name for name in others if name in mine and mine[name] != others[name]} == set(OTHER_FILES)
    configs = [
        yaml.safe_load(re.sub(rb"!\w+ ", b"", folder["hls4ml_config.yml"])) for folder in (mine, others)
    ]
    different = {key for key in configs[1] if configs[0].get(key) != configs[1][key]}
    assert different == {"OutputDir", "Stamp", "KerasModel", "HLSConfig"}
    mine_model, their_model = (config["HLSConfig"].pop("Model") for config in configs)
    assert mine_model.pop("BitExact") is False  # every type is written out: none is to be derived
    their_model.pop("BitExact", None)
    assert (mine_model, configs[0]["HLSConfig"]) == (their_model, configs[1]["HLSConfig"])


def test_a_run_sets_only_the_steps_otherwise_that_are_stated():
    template = (TEMPLATES / "vitis" / "build_opt.tcl").read_text()
    theirs = {key: int(value) for key, value in re.findall(r"^\s+(\w+)\s+([01])$", template, re.MULTILINE)}
    assert list(build_options(cosim=False)) == list(theirs)
    assert {key for key, value in build_options(cosim=False).items() if value != theirs[key]} == set(
        OTHER_STEPS
    )
    assert build_options(cosim=True)["cosim"] == theirs["cosim"]


def test_a_run_hands_the_same_options_to_every_tool_that_takes_the_script(projects):
    ours, _, backend = projects
    wanted = build_options(cosim=False)
    name = {"Vitis": "vitis-run", "Vivado": "vivado_hls"}[backend]
    tool = Tool(name, Path("/tools") / name)
    before = (ours / "build_opt.tcl").read_text() if backend == "Vitis" else ""
    tool.prepare(ours, NAME, part=PART, clock_ns=CLOCK, cosim=False)
    if backend == "Vitis":
        written = (ours / "build_opt.tcl").read_text()
        (ours / "build_opt.tcl").write_text(before)
        assert dict(re.findall(r"(\w+) ([01])\n", written)) == {k: str(v) for k, v in wanted.items()}
    else:
        assert tool.command(cosim=False)[-1].split() == [f"{key}={value}" for key, value in wanted.items()]


def test_the_configuration_of_the_unified_flow_says_what_the_script_says(projects):
    ours, _, backend = projects
    if backend == "Vivado":
        pytest.skip("v++ takes projects of the Vitis back end alone")
    Tool("v++", Path("/tools/v++")).prepare(ours, NAME, part=PART, clock_ns=CLOCK, cosim=False)
    file = ours / "hls_config.cfg"
    written = [line for line in file.read_text().splitlines() if line]
    file.unlink()
    assert {*IN_CONFIGURATION, *NOT_IN_CONFIGURATION} == set(COMMANDS)
    wanted = set(ONLY_IN_CONFIGURATION)
    for lines in IN_CONFIGURATION.values():
        wanted |= {lines} if isinstance(lines, str) else set(lines)
    assert len(written) == len(set(written))
    assert set(written) == wanted
    # the part is the compiler's own option, and stands before the section of the others
    assert written[:2] == [f"part={PART}", "[hls]"]


def test_an_uncertainty_that_a_project_chose_reaches_the_unified_flow(tmp_path):
    (tmp_path / "project.tcl").write_text("variable clock_uncertainty\nset clock_uncertainty 12.5%\n")
    Tool("v++", Path("/tools/v++")).prepare(tmp_path, NAME, part=PART, clock_ns=CLOCK, cosim=False)
    assert "clock_uncertainty=12.5%" in (tmp_path / "hls_config.cfg").read_text()


def test_hls4ml_has_no_build_files_of_the_unified_flow_that_ours_should_be_compared_with():
    assert {path.name for path in TEMPLATES.iterdir() if "vitis" in path.name} == {"vitis"}
    assert sorted(path.name for path in (TEMPLATES / "vitis").iterdir() if path.is_file()) == [
        "build_opt.tcl",
        "build_prj.tcl",
    ]
