"""What Vitis HLS is known to refuse in C++, with the source of each: nothing of it may be in an export.

`bitfront.hls.synthesis.firmware_check` looks for each of them in a written project.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["REFUSED", "RESERVED", "STANDARDS", "WIDEST", "Refused"]

STANDARDS = ("c++14", "c++17")
"""Standards that an export must compile under: UG1399 names C++11 and C++14 ("C/C++ Language Support";
hls4ml's scripts ask for C++11, `-std=c++0x`), and C++17 is for whoever includes an export in newer code.
"""
RESERVED = frozenset(
    (
        "always", "and", "architecture", "array", "assert", "assign", "attribute", "begin", "block",
        "body", "buf", "buffer", "bus", "case", "cell", "component", "config", "constant", "deassign",
        "default", "design", "disable", "edge", "else", "end", "endmodule", "entity", "event", "exit",
        "file", "for", "force", "fork", "function", "generate", "generic", "guarded", "if", "in",
        "initial", "inout", "input", "instance", "integer", "is", "join", "label", "library", "liblist",
        "map", "medium", "mod", "module", "nand", "negedge", "new", "next", "nor", "not", "null", "of",
        "on", "open", "or", "others", "out", "output", "package", "parameter", "port", "posedge",
        "primitive", "procedure", "process", "pure", "range", "real", "record", "reg", "register",
        "reject", "release", "rem", "repeat", "report", "return", "rol", "ror", "scalared", "select",
        "severity", "shared", "signal", "signed", "sla", "sll", "small", "specify", "sra", "srl",
        "strong", "subtype", "table", "task", "then", "time", "to", "tri", "type", "unaffected",
        "units", "unsigned", "until", "use", "variable", "vectored", "wait", "weak", "when", "while",
        "wire", "with", "work", "xnor", "xor",
    )
)  # fmt: skip
"""Words of Verilog and VHDL, which no function of a design's interface may be called."""
WIDEST = 4096
"""Widest `ap_fixed` and `ap_int` in bits; above 1024 AP_INT_MAX_W must be defined before their header."""

_CONSTRUCTS = 'UG1399 2025.2, "Unsupported C/C++ Constructs"'
_DATAFLOW = 'UG1399 2025.2, "Limitations of Control-Driven Task-Level Parallelism"; UG1448, 214-114'


@dataclass(frozen=True)
class Refused:
    """One thing that is refused.

    Attributes:
        key: what findings call it.
        reason: what it is, and what the tool makes of it.
        source: where that is written, or where it was met.
    """

    key: str
    reason: str
    source: str


_ALL = (
    Refused(
        "does-not-compile",
        f"The C++ must compile under {' and '.join(STANDARDS)}, also as synthesis sees it (__SYNTHESIS__).",
        'UG1399 2025.2, "C/C++ Language Support"',
    ),
    Refused(
        "unknown-pragma",
        "A directive or an option that the tool doesn't have: a warning, and what it should do is not done.",
        'UG1399 2025.2, "HLS Pragmas"; "Pragma Conflict Checker" in "Migrating from Vivado HLS to Vitis HLS"',
    ),
    Refused(
        "pragma-outside-function",
        "'#pragma HLS' is only allowed in function scope: an error.",
        "github.com/Xilinx/hls-llvm-project, DiagnosticHLSKinds.td, err_xlx_pragma_not_in_function_scope",
    ),
    Refused(
        "pragma-of-unknown-variable",
        "A pragma's variable must be one of its function: `use of undeclared identifier` is an error.",
        "github.com/Xilinx/hls-llvm-project, XlxPragmaOption.td: ReqVariableExprOption is parsed as C++",
    ),
    Refused(
        "pragma-value-not-constant",
        "Factors, depths, intervals and limits are integer constant expressions; a loop's variable is none.",
        "github.com/fastmachinelearning/hls4ml, pull request 629 (stream depth in a loop); "
        "DiagnosticHLSKinds.td, err_xlx_expr_not_ice",
    ),
    Refused(
        "recursion",
        "Functions that call themselves, directly or not. Templates may: each instance is a function.",
        f'{_CONSTRUCTS}, "Recursive Functions"',
    ),
    Refused(
        "dynamic-memory",
        "new, delete, malloc, free, and containers that use them: memory must be known at compile time.",
        f'{_CONSTRUCTS}, "Dynamic Memory Usage"',
    ),
    Refused(
        "system-call",
        "Calls of the operating system: files, printing, time. What simulation needs stands under "
        "`#ifndef __SYNTHESIS__`.",
        f'{_CONSTRUCTS}, "System Calls"',
    ),
    Refused(
        "standard-library",
        "The standard library's containers, strings and streams; its arithmetic, limits and traits are fine.",
        f'{_CONSTRUCTS}, "Standard Template Libraries"',
    ),
    Refused(
        "function-pointer",
        "Calls whose target is not known at compile time: pointers to functions, virtual functions.",
        f'{_CONSTRUCTS}, "Pointer Limitations"; "Virtual functions are not supported" in "C Constructs"',
    ),
    Refused(
        "variable-length-array",
        "Arrays whose size is not constant.",
        f'{_CONSTRUCTS}: "C/C++ constructs must be of a fixed or bounded size"',
    ),
    Refused(
        "forbidden-word",
        "Exceptions, run-time types, goto, inline assembler, long double, casts of pointers to other types.",
        f'{_CONSTRUCTS}, "Pointer Limitations"; UG1399, "C Constructs": "Pointer cast are not supported"',
    ),
    Refused(
        "type-width",
        f"ap_fixed and ap_int have 1 to 1024 bits, and up to {WIDEST} where AP_INT_MAX_W says so.",
        'UG1399 2025.2, "Overview of Arbitrary Precision Integer Data Types"',
    ),
    Refused(
        "stream-use",
        "In a dataflow region every stream is written by one process, before it is read by one other: "
        "`failed dataflow checking: it must be produced and consumed exactly once` (HLS 200-970).",
        f"{_DATAFLOW}; github.com/fastmachinelearning/hls4ml, issues 707 and 1105",
    ),
    Refused(
        "array-use",
        "In a dataflow region an array has one writer and one reader (HLS 200-779), unless it is partitioned "
        "or reshaped completely: then its elements are scalars, which may have several readers.",
        f"{_DATAFLOW}: `variables (except scalar)`; github.com/UCLA-VAST/Stream-HLS, issue 2",
    ),
    Refused(
        "static-in-dataflow",
        "Static scalars and arrays of a dataflow region are treated like local ones (HLS 214-111): what "
        "they hold is lost.",
        "UG1448, 214-111; github.com/Xilinx/hls-llvm-project, warn_dataflow_static_variable",
    ),
    Refused(
        "dataflow-statement",
        "A dataflow region holds declarations and calls of functions without a value alone (HLS 214-114).",
        "UG1448 2025.2, Dataflow Canonical Rules 2",
    ),
    Refused(
        "array-of-streams",
        "An array of streams is partitioned into its streams, so that it must be indexed by constants, in an "
        "unrolled loop at most.",
        'UG1399 2025.1, "Advanced Dataflow Region Examples"; github.com/fastmachinelearning/hls4ml, pull '
        "request 629",
    ),
    Refused(
        "partition-limit",
        "An array that is partitioned completely has at most 4096 elements: Vivado HLS stops there (XFORM "
        "203-103), Vitis HLS, which can't be told a limit (HLS 200-642), takes hours and its memory.",
        "github.com/fastmachinelearning/hls4ml, issues 134, 904 and 1157",
    ),
    Refused(
        "name",
        "The top function's name is one of the C++, of the RTL and of a file: no word of Verilog or VHDL, at "
        "most 80 letters (config_compile -name_max_length).",
        "hls4ml's build_prj.tcl; the tool's own default is 255 (UG1399 2023.2, \"Default Settings of "
        'Vivado/Vitis Flows")',
    ),
    Refused(
        "path",
        "Blanks in a path: the tools hand it on to shells and scripts.",
        "a caution of bitfront's own; no public source was found that says which versions quote it",
    ),
    Refused(
        "table-in-simulation-only",
        "A look-up table that is filled outside of what synthesis sees has no content in hardware.",
        "github.com/fastmachinelearning/hls4ml, pull requests 78 and 81",
    ),
)

REFUSED: dict[str, Refused] = {one.key: one for one in _ALL}
"""By key."""
