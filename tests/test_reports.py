"""Reports of every tool version are read into figures; what can't be read is one sentence that says what to
do.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitfront.hls.reports import (
    EmptyReport,
    FailedRun,
    ReportError,
    TruncatedReport,
    WrongReport,
    diagnose_log,
    parse_cosim,
    parse_csynth,
    parse_csynth_rpt,
    parse_csynth_summary,
    parse_csynth_xml,
    parse_timing,
    parse_utilization,
    read_project,
)
from bitfront.spaces.errors import UserError

# The texts below are written after the documented formats (UG902, UG1399, UG906); no tool made them.


def csynth_xml(version="2023.2", dsp="DSP", latency=("7", "9"), interval=("1", "1"), modules=""):
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<profile>
<ReportVersion><Version>{version}</Version></ReportVersion>
<UserAssignments>
<unit>ns</unit><ProductFamily>virtexuplus</ProductFamily><Part>xcvu13p-flga2577-2-e</Part>
<TopModelName>myproject</TopModelName><TargetClockPeriod>5.00</TargetClockPeriod>
<ClockUncertainty>0.62</ClockUncertainty>
</UserAssignments>
<PerformanceEstimates>
<PipelineType>yes</PipelineType>
<SummaryOfTimingAnalysis><unit>ns</unit><EstimatedClockPeriod>4.353</EstimatedClockPeriod></SummaryOfTimingAnalysis>
<SummaryOfOverallLatency>
<unit>clock cycles</unit>
<Best-caseLatency>{latency[0]}</Best-caseLatency><Worst-caseLatency>{latency[1]}</Worst-caseLatency>
<Interval-min>{interval[0]}</Interval-min><Interval-max>{interval[1]}</Interval-max>
</SummaryOfOverallLatency>
</PerformanceEstimates>
<AreaEstimates>
<Resources><BRAM_18K>4</BRAM_18K><{dsp}>28</{dsp}><FF>3045</FF><LUT>32227</LUT><URAM>0</URAM></Resources>
<AvailableResources><BRAM_18K>5376</BRAM_18K><{dsp}>12288</{dsp}><FF>3456000</FF><LUT>1728000</LUT>
<URAM>1280</URAM></AvailableResources>
</AreaEstimates>
{modules}
</profile>
"""


MODULES = """<ModuleInformation>
<Module><Name>dense_config2_s</Name>
<PerformanceEstimates><SummaryOfTimingAnalysis><EstimatedClockPeriod>4.1</EstimatedClockPeriod>
</SummaryOfTimingAnalysis><SummaryOfOverallLatency><Best-caseLatency>3</Best-caseLatency>
<Worst-caseLatency>3</Worst-caseLatency><PipelineInitiationInterval>1</PipelineInitiationInterval>
<PipelineType>yes</PipelineType></SummaryOfOverallLatency></PerformanceEstimates>
<AreaEstimates><Resources><DSP>12</DSP><FF>100</FF><LUT>2000</LUT></Resources></AreaEstimates></Module>
</ModuleInformation>"""


@pytest.mark.parametrize(
    ("version", "dsp"),
    [("2018.2", "DSP48E"), ("2019.2", "DSP48E"), ("2020.1", "DSP48E"), ("2021.1", "DSP"), ("2025.1", "DSP")],
)
def test_the_xml_of_every_version_gives_the_same_figures(version, dsp):
    report = parse_csynth_xml(csynth_xml(version, dsp))
    assert report.measured() == {
        "lut": 32227, "ff": 3045, "dsp": 28, "bram18": 4, "uram": 0, "latency_cycles": 9, "ii_cycles": 1,
    }  # fmt: skip
    assert (report.version, report.part, report.target_clock_ns) == (version, "xcvu13p-flga2577-2-e", 5.0)
    assert report.top.estimated_clock_ns == 4.353
    assert report.available["dsp"] == 12288


def test_functions_below_the_top_are_listed_with_their_own_figures():
    (module,) = parse_csynth_xml(csynth_xml(modules=MODULES)).modules
    assert (module.name, module.lut, module.dsp, module.latency_max, module.interval_max) == (
        "dense_config2_s", 2000, 12, 3, 1,
    )  # fmt: skip
    assert module.bram18 is None


def test_a_latency_the_tool_cannot_tell_is_left_out_and_not_zero():
    report = parse_csynth_xml(csynth_xml(latency=("undef", "undef"), interval=("undef", "undef")))
    assert report.top.latency_max is None
    assert "latency_cycles" not in report.measured()
    assert report.measured()["lut"] == 32227


VITIS_RPT = """

================================================================
== Vitis HLS Report for 'myproject'
================================================================
* Date:           Mon Jan  6 10:00:00 2025

* Version:        2024.1 (Build 1 on May 21 2024)
* Project:        myproject_prj
* Solution:       solution1 (Vivado IP Flow Target)
* Product family: virtexuplus
* Target device:  xcvu13p-flga2577-2-e


================================================================
== Performance Estimates
================================================================
+ Timing:
    * Summary:
    +--------+---------+----------+------------+
    |  Clock |  Target | Estimated| Uncertainty|
    +--------+---------+----------+------------+
    |ap_clk  |  5.00 ns|  4.353 ns|     0.62 ns|
    +--------+---------+----------+------------+

+ Latency:
    * Summary:
    +---------+---------+-----------+-----------+-----+-----+---------+
    |  Latency (cycles) |   Latency (absolute)  |  Interval | Pipeline|
    |   min   |   max   |    min    |    max    | min | max |   Type  |
    +---------+---------+-----------+-----------+-----+-----+---------+
    |        7|        9|  35.000 ns|  45.000 ns|    1|    2|      yes|
    +---------+---------+-----------+-----------+-----+-----+---------+

    + Detail:
        * Instance:
        +-------+-------+---------+---------+----------+----------+-----+-----+---------+
        |  inst |  mod  |   min   |   max   |    min   |    max   | min | max |   Type  |
        |  a    |  b    |        1|        1|  5.000 ns|  5.000 ns|    1|    1|      yes|


================================================================
== Utilization Estimates
================================================================
* Summary:
+---------------------+---------+-------+---------+---------+------+
|         Name        | BRAM_18K|  DSP  |    FF   |   LUT   | URAM |
+---------------------+---------+-------+---------+---------+------+
|DSP                  |        -|      -|        -|        -|     -|
|Instance             |        4|     28|     3000|    30000|     -|
+---------------------+---------+-------+---------+---------+------+
|Total                |        4|     28|     3045|    32227|     0|
+---------------------+---------+-------+---------+---------+------+
|Available SLR        |     1344|   3072|   864000|   432000|   320|
+---------------------+---------+-------+---------+---------+------+
|Available            |     5376|  12288|  3456000|  1728000|  1280|
+---------------------+---------+-------+---------+---------+------+
"""

VIVADO_RPT = (
    VITIS_RPT.replace("Vitis HLS", "Vivado HLS")
    .replace("2024.1", "2019.2")
    .replace("|  DSP  |", "| DSP48E|")
    .replace(
        "|  35.000 ns|  45.000 ns|    1|    2|      yes|", "| 35.000 ns | 45.000 ns |    1|    2| function |"
    )
    .replace("|  5.00 ns|  4.353 ns|     0.62 ns|", "| 5.00 ns | 4.353 ns |   0.62 ns  |")
)
# Before 2019 the latency stood in cycles alone.
OLD_RPT = (
    VIVADO_RPT.replace("| 35.000 ns | 45.000 ns |", "|")
    .replace("|   Latency (absolute)  |", "|")
    .replace("|    min    |    max    | min |", "| min |")
)


@pytest.mark.parametrize(
    ("text", "pipeline"), [(VITIS_RPT, "yes"), (VIVADO_RPT, "function"), (OLD_RPT, "function")]
)
def test_the_text_report_gives_totals_and_not_those_of_one_die(text, pipeline):
    report = parse_csynth_rpt(text)
    assert report.measured() == {
        "lut": 32227, "ff": 3045, "dsp": 28, "bram18": 4, "uram": 0, "latency_cycles": 9, "ii_cycles": 2,
    }  # fmt: skip
    assert (report.top.name, report.top.pipeline, report.target_clock_ns) == ("myproject", pipeline, 5.0)
    assert report.available["lut"] == 1728000
    assert parse_csynth(text) == report


# The columns of the design's own report, alike from 2020.2 to 2025.2.
SUMMARY_RPT = """

================================================================
== Synthesis Summary Report of 'myproject'
================================================================
+ General Information:
    * Date:           Sat Sep 27 20:44:13 2025
    * Version:        2025.1 (Build 6135595 on May 21 2025)
    * Project:        hls_component
    * Solution:       hls (Vivado IP Flow Target)
    * Product family: virtexuplus
    * Target device:  xcvu13p-flga2577-2-e


+ Performance & Resource Estimates:

    PS: '+' for module; 'o' for loop; '*' for dataflow
    +--------------+------+------+---------+-----------+----------+---------+------+----------+----------+----+-----------+------------+-----+
    |    Modules   | Issue|      |       Latency       | Iteration|         | Trip |          |          |    |           |            |     |
    |    & Loops   | Type | Slack| (cycles)|    (ns)   |  Latency | Interval| Count| Pipelined|   BRAM   | DSP|     FF    |    LUT     | URAM|
    +--------------+------+------+---------+-----------+----------+---------+------+----------+----------+----+-----------+------------+-----+
    |+ myproject   |     -|  0.09|        9|     45.000|         -|        2|     -|       yes|   4 (~0%)|  28|  3045 (4%)|  32227 (4%)|    -|
    | + dense_s    |     -|  0.09|        3|     15.000|         -|        1|     -|       yes|         -|  12|  100 (~0%)|   2000 (1%)|    -|
    |  o Outer     |     -|  7.30|      261|  2.610e+03|         7|        1|   256|       yes|         -|   -|          -|           -|    -|
    +--------------+------+------+---------+-----------+----------+---------+------+----------+----------+----+-----------+------------+-----+


================================================================
== HW Interfaces
================================================================
"""


def test_the_designs_own_text_report_gives_what_its_xml_gives():
    report = parse_csynth_summary(SUMMARY_RPT)
    assert report.measured() == {
        "lut": 32227, "ff": 3045, "dsp": 28, "bram18": 4, "uram": 0, "latency_cycles": 9, "ii_cycles": 2,
    }  # fmt: skip
    assert (report.top.name, report.version, report.part) == ("myproject", "2025.1", "xcvu13p-flga2577-2-e")
    (module,) = report.modules
    assert (module.name, module.lut, module.dsp, module.latency_max) == ("dense_s", 2000, 12, 3)
    assert parse_csynth(SUMMARY_RPT) == report


def test_a_summary_without_its_table_is_called_truncated():
    with pytest.raises(TruncatedReport, match="ends before its table"):
        parse_csynth_summary(SUMMARY_RPT[: SUMMARY_RPT.index("    |+ myproject")])


def test_the_elements_that_newer_versions_add_to_the_xml_change_no_figure():
    newer = (
        csynth_xml("2025.1")
        .replace("</UserAssignments>", "<FlowTarget>vivado</FlowTarget></UserAssignments>")
        .replace("</Interval-max>", "</Interval-max><PerformancePragma>-</PerformancePragma>")
        .replace(
            "</PerformanceEstimates>",
            "<SummaryOfViolations><IssueType>-</IssueType></SummaryOfViolations></PerformanceEstimates>",
        )
    )
    assert parse_csynth_xml(newer) == parse_csynth_xml(csynth_xml("2025.1"))


UTILIZATION = """Copyright 1986-2023 Xilinx, Inc. All Rights Reserved.
| Tool Version : Vivado v.{version} (lin64) Build 1 Fri Oct 13 2023
| Device       : xcvu13p-flga2577-2-e
| Design State : {state}

1. {family} Logic
+----------------------------+-------+-------+------------+-----------+-------+
|          Site Type         |  Used | Fixed | Prohibited | Available | Util% |
+----------------------------+-------+-------+------------+-----------+-------+
| {family} LUTs*                  | 12345 |     0 |          0 |   1728000 |  0.71 |
|   LUT as Logic             | 12000 |     0 |          0 |   1728000 |  0.69 |
| {family} Registers              |  4567 |     0 |          0 |   3456000 |  0.13 |
+----------------------------+-------+-------+------------+-----------+-------+

2. BLOCKRAM
+-------------------+------+-------+------------+-----------+-------+
|     Site Type     | Used | Fixed | Prohibited | Available | Util% |
+-------------------+------+-------+------------+-----------+-------+
| Block RAM Tile    |  2.5 |     0 |          0 |      2688 |  0.09 |
|   RAMB18          |    1 |     0 |          0 |      5376 |  0.02 |
| URAM              |    0 |     0 |          0 |      1280 |  0.00 |
+-------------------+------+-------+------------+-----------+-------+

3. ARITHMETIC
+-----------+------+-------+------------+-----------+-------+
| Site Type | Used | Fixed | Prohibited | Available | Util% |
+-----------+------+-------+------------+-----------+-------+
| DSPs      |   28 |     0 |          0 |     12288 |  0.23 |
+-----------+------+-------+------------+-----------+-------+

7. Primitives
+----------+-------+---------------------+
| Ref Name |  Used | Functional Category |
+----------+-------+---------------------+
| DSPs     | 99999 |                 LUT |
+----------+-------+---------------------+
"""


@pytest.mark.parametrize(("family", "version"), [("CLB", "2023.2"), ("Slice", "2019.1")])
def test_utilization_counts_half_tiles_and_ignores_primitives(family, version):
    report = parse_utilization(UTILIZATION.format(family=family, version=version, state="Synthesized"))
    assert report.measured() == {"lut": 12345, "ff": 4567, "dsp": 28, "bram18": 5, "uram": 0}
    assert report.available["bram18"] == 5376
    assert (report.state, report.part, report.version) == ("Synthesized", "xcvu13p-flga2577-2-e", version)


TIMING = """
| Design Timing Summary
| ---------------------

    WNS(ns)      TNS(ns)  TNS Failing Endpoints  TNS Total Endpoints      WHS(ns)      THS(ns)  THS Failing Endpoints
    -------      -------  ---------------------  -------------------      -------      -------  ---------------------
     {wns}       {tns}                     12                22940        0.019        0.000                      0
"""


def test_timing_says_whether_the_clock_was_met_and_by_how_much():
    met, missed = (
        parse_timing(TIMING.format(wns="0.370", tns="0.000")),
        parse_timing(TIMING.format(wns="-0.501", tns="-208.6")),
    )
    assert (met.met, met.wns_ns, met.whs_ns) == (True, 0.37, 0.019)
    assert (missed.met, missed.tns_ns) == (False, -208.6)
    assert missed.wns_ns == -0.501
    assert parse_timing(TIMING.format(wns="NA", tns="NA")).unconstrained


COSIM = """Report time       : Mon 06 Jan 2025 10:00:00 AM UTC.
Solution          : solution1.
Simulation tool   : xsim.

+----------+----------+-----------------------------------------------+-----------------------------------------------+
|          |          |                    Latency                    |                    Interval                   |
+   RTL    +  Status  +-----------------------------------------------+-----------------------------------------------+
|          |          |      min      |      avg      |      max      |      min      |      avg      |      max      |
+----------+----------+-----------------------------------------------+-----------------------------------------------+
|      VHDL|        NA|             NA|             NA|             NA|             NA|             NA|             NA|
|   Verilog|      {status}|             40|             41|             44|              {ii}|              {ii}|              {ii}|{more}
+----------+----------+-----------------------------------------------+-----------------------------------------------+
"""


def test_cosimulation_gives_the_language_that_was_run():
    report = parse_cosim(COSIM.format(status="Pass", ii="4", more=""))
    assert report.language == "Verilog"
    assert report.measured() == {"latency_cycles": 44, "ii_cycles": 4}
    assert parse_cosim(COSIM.format(status="Pass", ii="4", more="           1234|")).total_cycles == 1234


def test_an_interval_of_a_single_call_is_unknown():
    assert parse_cosim(COSIM.format(status="Pass", ii="NA", more="")).measured() == {"latency_cycles": 44}


def test_a_cosimulation_that_disagrees_is_a_failed_run():
    with pytest.raises(FailedRun, match="disagree"):
        parse_cosim(COSIM.format(status="Fail", ii="4", more=""))


PARSERS = [parse_csynth, parse_csynth_xml, parse_csynth_rpt, parse_utilization, parse_timing, parse_cosim]


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize("text", ["", "  \n\t\n"])
def test_a_file_without_bytes_is_called_empty(parse, text):
    with pytest.raises(EmptyReport, match="run the synthesis again"):
        parse(text)


@pytest.mark.parametrize("parse", PARSERS)
def test_a_failed_run_is_quoted(parse):
    log = "INFO: [HLS 200-10] start\nERROR: [HLS 200-1023] Part 'xc9' is not installed.\nINFO: bye\n"
    with pytest.raises(FailedRun, match=r"Part 'xc9' is not installed"):
        parse(log)


@pytest.mark.parametrize("parse", PARSERS)
def test_any_other_text_is_refused(parse):
    with pytest.raises(WrongReport):
        parse("Dear diary, nothing was synthesised today.")


def test_a_cut_xml_is_called_truncated():
    whole = csynth_xml()
    with pytest.raises(TruncatedReport, match="ends early"):
        parse_csynth_xml(whole[: whole.index("<AreaEstimates>")])


@pytest.mark.parametrize("mark", ["== Utilization Estimates", "|Total "])
def test_a_cut_text_report_is_called_truncated(mark):
    with pytest.raises(TruncatedReport):
        parse_csynth_rpt(VITIS_RPT[: VITIS_RPT.index(mark)])


def test_a_cut_utilization_names_what_is_missing():
    text = UTILIZATION.format(family="CLB", version="2023.2", state="Routed")
    with pytest.raises(TruncatedReport, match="bram, dsp"):
        parse_utilization(text[: text.index("2. BLOCKRAM")])


def test_entities_are_refused_before_they_are_expanded():
    bomb = '<!DOCTYPE a [<!ENTITY b "bbbb">]><profile>&b;</profile>'
    with pytest.raises(WrongReport, match="entities"):
        parse_csynth_xml(bomb)


@given(
    st.sampled_from([csynth_xml(modules=MODULES), VITIS_RPT, VIVADO_RPT, SUMMARY_RPT]), st.integers(0, 4000)
)
def test_a_report_cut_anywhere_gives_figures_or_a_typed_error(text, length):
    try:
        report = parse_csynth(text[:length])
    except ReportError as error:
        assert isinstance(error, UserError)  # noqa: PT017
        assert str(error).endswith(".")  # noqa: PT017
    else:
        assert report.measured()["lut"] == 32227


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("ERROR: [Common 17-345] A valid license was not found for feature 'Synthesis'", "licence"),
        ("ERROR: [HLS 200-1023] Part 'xcvu13p-flga2577-2-e' is not installed.", "part"),
        (
            "ERROR: [XFORM 203-504] Stop unrolling loop 'Product1' because it may cause large runtime",
            "unroll",
        ),
        ("terminate called after throwing an instance of 'std::bad_alloc'", "memory"),
        ("ERROR: [HLS 207-3776] use of undeclared identifier 'foo_t'", "compile"),
        ("ERROR: [COSIM 212-4] *** C/RTL co-simulation finished: FAIL ***", "cosim"),
        ("/opt/bin/vitis_hls: line 9: 1234 Segmentation fault (core dumped)", "crash"),
        ("cp: error writing 'x': No space left on device", "disk"),
        ("/opt/bin/loader: line 286: 4242 Killed", "killed"),
        ("ERROR: [HLS 200-9999] something new", "error"),
        (
            "ERROR: [HLS 200-970] Internal stream 'x' failed dataflow checking: it must be produced and "
            "consumed exactly once.",
            "dataflow",
        ),
    ],
)
def test_a_log_says_why_a_run_ended_and_what_to_do(line, cause):
    found = diagnose_log(f"INFO: [HLS 200-10] Running\n{line}\n")
    assert found.cause == cause
    assert found.line == line.strip() or line.endswith(found.line)
    assert found.advice.endswith(".")


def test_a_log_of_a_good_run_shows_no_failure():
    log = "INFO: [HLS 200-10] Checking out license\nINFO: Finished C synthesis.\nINFO: [Common 17-206] Exiting vitis_hls\n"
    assert diagnose_log(log).cause == "none"


CAUGHT = "ERROR: [HLS 200-642] The 'config_array_partition -maximum_size' command is not supported.\n"


def test_the_error_that_every_vitis_run_of_hls4mls_script_logs_is_no_failure():
    log = (
        f"INFO: [HLS 200-1510] Running: csynth_design \n{CAUGHT}INFO: [HLS 200-112] Total CPU user time: 9\n"
    )
    assert diagnose_log(log).cause == "none"
    failed = f"{CAUGHT}ERROR: [HLS 214-1] something that nobody foresaw\n"
    assert diagnose_log(failed).line == "ERROR: [HLS 214-1] something that nobody foresaw"


def test_what_is_for_information_alone_is_no_cause():
    log = (
        "INFO: [HLS 200-1510] Running: csynth_design \nINFO: [HLS 200-10] no license needed\n"
        "ERROR: [HLS 214-1] something that nobody foresaw\nINFO: [HLS 200-10] time limit\n"
    )
    assert diagnose_log(log).cause == "error"


def test_a_design_that_grew_beyond_the_tool_is_named_though_no_error_says_so():
    # 2025.1 ends with two lines of errors that say nothing; the count of instructions stands in warnings.
    log = (
        "WARNING: [HLS 200-1995] There were 356,317,917 instructions in the design after the 'Unroll/Inline' "
        "phase of compilation.\nERROR: [HLS 200-1715] Encountered problem during source synthesis\n"
        "ERROR: Pre-synthesis failed.\nINFO: [HLS 200-112] Total CPU user time: 1373 seconds.\n"
    )
    found = diagnose_log(log)
    assert found.cause == "unroll"
    assert "356,317,917" in found.line
    small = log.replace("356,317,917", "2,065,086")
    assert diagnose_log(small).cause == "error"


def write(folder, name, text):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("solution", ["myproject_prj/solution1", "hls_component/hls"])
def test_a_project_folder_of_either_layout_is_read(tmp_path, solution):
    write(tmp_path, f"{solution}/syn/report/csynth.xml", csynth_xml())
    write(
        tmp_path, f"{solution}/sim/report/myproject_cosim.rpt", COSIM.format(status="Pass", ii="4", more="")
    )
    write(
        tmp_path, "vivado_synth.rpt", UTILIZATION.format(family="CLB", version="2023.2", state="Synthesized")
    )
    found = read_project(tmp_path)
    assert found.problems == ()
    assert found.measured()["csynth"]["lut"] == 32227
    assert found.measured()["vsynth"]["lut"] == 12345
    assert found.measured()["cosim"]["latency_cycles"] == 44


def test_the_summary_that_the_unified_compiler_copies_serves_where_only_it_was_kept(tmp_path):
    write(tmp_path, "hls_component/reports/hls_compile.rpt", SUMMARY_RPT)
    assert read_project(tmp_path).measured()["csynth"]["lut"] == 32227


@pytest.mark.parametrize(
    "log", ["vitis_hls.log", "logs/hls_run_tcl.log", "hls_component/logs/hls_compile.log", "vitis-run.log"]
)
def test_the_log_of_every_tool_is_found_where_it_leaves_it(tmp_path, log):
    write(tmp_path, log, "ERROR: [HLS 200-1023] Part 'xc9' is not installed.\n")
    with pytest.raises(FailedRun, match="xc9"):
        read_project(tmp_path)


def test_without_the_designs_file_the_top_is_the_function_that_holds_the_others(tmp_path):
    small = csynth_xml().replace("<LUT>32227</LUT>", "<LUT>100</LUT>").replace("myproject", "relu_s")
    write(tmp_path, "p/solution1/syn/report/relu_s_csynth.xml", small)
    write(tmp_path, "p/solution1/syn/report/myproject_csynth.xml", csynth_xml())
    assert read_project(tmp_path).csynth.top.name == "myproject"


def test_a_report_that_cannot_be_read_does_not_hide_the_others(tmp_path):
    write(tmp_path, "p/solution1/syn/report/csynth.xml", csynth_xml())
    write(tmp_path, "vivado_synth.rpt", "")
    found = read_project(tmp_path)
    assert found.csynth is not None
    (problem,) = found.problems
    assert "vivado_synth.rpt" in problem
    assert "empty" in problem


def test_a_project_whose_run_failed_says_why(tmp_path):
    write(
        tmp_path,
        "vitis_hls.log",
        "ERROR: [Common 17-345] A valid license was not found for feature 'Synthesis'\n",
    )
    with pytest.raises(FailedRun, match="XILINXD_LICENSE_FILE"):
        read_project(tmp_path)


def test_a_folder_without_reports_or_no_folder_is_refused(tmp_path):
    with pytest.raises(ReportError, match="no readable synthesis report"):
        read_project(tmp_path)
    with pytest.raises(ReportError, match="is no folder"):
        read_project(tmp_path / "nowhere")
