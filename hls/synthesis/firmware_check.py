"""Whether a written project holds anything that Vitis HLS is known to refuse (`REFUSED`), without the tool.

The project is compiled with g++ under each standard, as simulation and as synthesis see it; its pragmas are
read with the tool's grammar; what the top function calls, in the instances that it calls, is searched for
what no hardware has; and its dataflow regions are checked for who writes and reads what. The tool itself
knows better: that nothing is found is no proof that it accepts the design.
"""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..backends.amd import RESERVED, STANDARDS, WIDEST, Pragma, read_pragma
from .cpp import Calls, Function, Line, Source, called, compiled, first_error, read_source
from .dataflow_check import dataflow_findings
from .finding import Finding

__all__ = ["Checked", "check_firmware"]

_LONGEST_NAME = 80
_PARTITION_LIMIT = 4096
_WARNINGS = ["-Werror", "-Wno-unknown-pragmas"]
_MEMORY = re.compile(r"\boperator (?:new|delete)\b|\b(?:malloc|calloc|realloc|free|alloca)\b")
_SYSTEM = re.compile(
    r"\b(?:printf|fprintf|puts|putchar|fopen|fclose|fread|fwrite|getc|time|clock|sleep|exit|abort|system|getenv|"
    r"rand|srand)\b"
)
_ARITHMETIC = re.compile(
    r"\bstd::(?:exp|log|log2|log1p|expm1|pow|sqrt|tanh|tan|sin|cos|sinh|cosh|atan|atan2|floor|ceil|round|trunc|"
    r"fabs|abs|fmod|min|max|swap|move|forward|isnan|isinf|numeric_limits|array|initializer_list|integral_constant|"
    r"ratio|declval|__)\b"
)
_STREAM_NAMES = re.compile(r"basic_string|allocator|__cxa_atexit|__cxa_guard|__gthread")
"""What simulation's hls::stream makes of a stream's name, and when static data ends; the tool's has none."""
_WORDS = {
    r"\bthrow\b|\bcatch\s*\(|\btry\s*\{": "exceptions",
    r"\bdynamic_cast\b|\btypeid\b": "run-time types",
    r"\bgoto\b": "goto",
    r"\basm\b": "inline assembler",
    r"\blong\s+double\b": "long double",
    r"\breinterpret_cast\s*<[^>]*\*": "a cast of a pointer",
    r"\bvirtual\b": "a virtual function",
}
_LIBRARY = re.compile(r"\bstd::(vector|string|map|set|list|deque|function|unique_ptr|shared_ptr|cout|cerr)\b")


@dataclass(frozen=True)
class Checked:
    """What was looked at, and what was found."""

    findings: tuple[Finding, ...]
    pragmas: int
    """How many pragmas synthesis sees."""
    functions: int
    """How many functions, each instance of a template counted, are built."""

    @property
    def refused(self) -> tuple[Finding, ...]:
        """Those for which the tool would refuse the project."""
        return tuple(one for one in self.findings if one.refused)


def check_firmware(project: Path, name: str) -> Checked:
    """Check the project in `project`, whose top function is `name`.

    Raises:
        ToolMissing: no g++ on PATH.
    """
    with tempfile.TemporaryDirectory(prefix="bitfront-check-") as place:
        work = Path(place)
        findings = [*_names(project, name), *_compiles(project, name, work)]
        try:
            source, calls = read_source(project, name, work), called(project, name, work)
        except ValueError as error:
            findings.append(Finding("does-not-compile", f"firmware/{name}.cpp", str(error)))
            return Checked(tuple(findings), 0, 0)
    functions, outside = source.split
    below = calls.below(name)
    built = _built(functions, calls, below)
    pragmas = list(_pragmas(functions))
    findings += _outside(outside)
    findings += _pragma_findings(pragmas)
    findings += _call_findings(calls, below)
    findings += _word_findings(built)
    findings += _width_findings(calls, below, source)
    findings += _size_findings(source, functions, name)
    findings += _table_findings(built, source)
    for function in built:
        findings += dataflow_findings(function)
    return Checked(tuple(dict.fromkeys(findings)), len(pragmas), sum(calls.own(key) for key in below))


def _names(project: Path, name: str) -> Iterator[Finding]:
    if len(name) > _LONGEST_NAME or name.lower() in RESERVED or not re.fullmatch(r"[A-Za-z]\w*", name):
        yield Finding("name", "project.tcl", f"the top function is called {name!r}")
    if any(char.isspace() for char in str(project.resolve())):
        yield Finding("path", str(project), "the path has a blank")


def _compiles(project: Path, name: str, work: Path) -> Iterator[Finding]:
    """Compile under every standard, as synthesis and as simulation see it."""
    for standard in STANDARDS:
        for seen in (True, False):
            good, said = compiled(
                project, name, work, [f"-std={standard}", "-fsyntax-only", *_WARNINGS], synthesis=seen
            )
            if not good:
                yield Finding(
                    "does-not-compile", f"firmware/{name}.cpp", f"under -std={standard}: {first_error(said)}"
                )


def _built(functions: list[Function], calls: Calls, below: set[str]) -> list[Function]:
    """Return the functions that are called from the top, of whatever template arguments."""
    wanted: dict[str, set[int]] = {}
    for key in below:
        if calls.own(key):
            rest = calls.places[key].partition("/firmware/")[2]
            file, line = f"firmware/{rest}".split(":")[:2]
            wanted.setdefault(file, set()).add(int(line))
    found = []
    for file, numbers in wanted.items():
        own = sorted((one for one in functions if one.file == file), key=lambda one: one.last)
        for number in numbers:
            found += [one for one in own if one.last >= number][:1]
    return list(dict.fromkeys(found))


def _pragmas(functions: Iterable[Function]) -> Iterator[tuple[Pragma, Line, Function]]:
    for function in functions:
        for line in function.lines:
            match = re.match(r"\s*#\s*pragma\s+HLS\s+(.*)", line.text, re.IGNORECASE)
            if match:
                yield read_pragma(match[1]), line, function


def _outside(lines: Iterable[Line]) -> Iterator[Finding]:
    for line in lines:
        if re.match(r"\s*#\s*pragma\s+HLS\b", line.text, re.IGNORECASE):
            yield Finding("pragma-outside-function", line.place, line.text.strip())


def _pragma_findings(pragmas: Iterable[tuple[Pragma, Line, Function]]) -> Iterator[Finding]:
    for pragma, line, function in pragmas:
        text = " ".join(line.text.split())
        if pragma.problem:
            yield Finding("unknown-pragma", line.place, f"{text}: {pragma.problem}")
            continue
        if pragma.warning:
            yield Finding("unknown-pragma", line.place, f"{text}: {pragma.warning}", refused=False)
        for key, value in pragma.values.items():
            if key in pragma.directive.names and key != "instances":
                for variable in value.split(","):
                    root = re.split(r"[\[.\s]|::", variable.strip())[0]
                    if (
                        root
                        and root != "return"
                        and not re.search(rf"\b{re.escape(root)}\b", _before(function, line))
                    ):
                        yield Finding("pragma-of-unknown-variable", line.place, text)
                    if any(not _constant(i, function) for i in re.findall(r"\[([^\]]*)\]", variable)):
                        yield Finding("array-of-streams", line.place, text)
            elif key in pragma.directive.constants and not _constant(value, function):
                yield Finding("pragma-value-not-constant", line.place, text)


def _before(function: Function, line: Line) -> str:
    """Return a function's text up to a line, pragmas left out."""
    lines = [one.text for one in function.lines if one.number <= line.number or one.file != line.file]
    return "\n".join([function.head, *(text for text in lines if not text.lstrip().startswith("#"))])


def _constant(value: str, function: Function) -> bool:
    """Return whether an expression has literals, members of a config and constants of the function alone."""
    plain = re.sub(r"\w+(?:::\w+)+(?:<[^>]*>)?", "0", value)
    for identifier in re.findall(r"\b[A-Za-z_]\w*\b", plain):
        named = re.escape(identifier)
        declared = (
            rf"\b(?:const|constexpr)\b[^;{{}}()]*?\b{named}\b\s*=|\b(?:unsigned|int|size_t)\s+{named}\s*[,>]"
        )
        if not re.search(declared, function.text) and identifier not in ("MIN", "MAX", "DIV_ROUNDUP"):
            return False
    return True


def _call_findings(calls: Calls, below: set[str]) -> Iterator[Finding]:
    own = {key for key in below if calls.own(key)}

    def place(key: str) -> str:
        return f"firmware/{calls.places[key].partition('/firmware/')[2].rsplit(':', 1)[0]}"

    for key in calls.circles(own):
        yield Finding("recursion", place(key), calls.labels[key][:120])
    for key in sorted(own & calls.growing):
        yield Finding("variable-length-array", place(key), calls.labels[key][:120])
    for key in sorted(own):
        for target in sorted(calls.targets.get(key, ())):
            label = calls.labels.get(target, target)
            # g++ garbles the label of some C functions, but not their name
            known = label if "(" in label else f"{target}{label}"
            rule = _rule_of(known, calls.places.get(target, ""))
            if rule and not calls.own(target):
                yield Finding(rule, place(key), f"{calls.labels[key][:80]} calls {known[:80]}")


def _rule_of(label: str, place: str) -> str | None:
    """Return which rule a call of something outside the firmware breaks."""
    called_ = label.partition("[with")[0].replace("__builtin_", "")
    if "Indirect Call" in label:
        return "function-pointer"
    if "/ap_types/" in place or re.search(r"\bap_|\bhls::|af_range|AESL", called_):
        return None
    if _STREAM_NAMES.search(label) or _ARITHMETIC.search(called_):
        return None
    if _MEMORY.search(called_):
        return "dynamic-memory"
    if _SYSTEM.search(called_):
        return "system-call"
    return "standard-library" if "std::" in called_ else None


def _word_findings(built: Iterable[Function]) -> Iterator[Finding]:
    for function in built:
        for line in function.lines:
            if line.text.lstrip().startswith("#"):
                continue
            text = re.sub(r'"(?:\\.|[^"\\])*"', '""', line.text)
            for pattern, what in _WORDS.items():
                if re.search(pattern, text):
                    rule = "function-pointer" if "virtual" in what else "forbidden-word"
                    yield Finding(rule, line.place, f"{what}: {' '.join(text.split())[:100]}")
            library = _LIBRARY.search(text)
            if library:
                yield Finding("standard-library", line.place, f"std::{library[1]} in {function.name}")


def _width_findings(calls: Calls, below: set[str], source: Source) -> Iterator[Finding]:
    text = "\n".join(line.text for line in source.lines)
    widest = WIDEST if re.search(r"\bAP_INT_MAX_W\b", text) else 1024
    labels = "\n".join(calls.labels.get(key, "") for key in below if calls.own(key))
    for kind, width in sorted(set(re.findall(r"\b(ap_u?(?:fixed|int))<\s*(-?\d+)", f"{text}\n{labels}"))):
        if not 1 <= int(width) <= widest:
            yield Finding("type-width", "firmware/defines.h", f"{kind}<{width}> is not of 1 to {widest} bits")


def _size_findings(source: Source, functions: list[Function], name: str) -> Iterator[Finding]:
    """Find arrays that are partitioned completely and too large; a warning, since Vitis HLS has no limit."""
    top = next((one for one in functions if one.name == name), None)
    for size in re.findall(r"\w+ (\w+\[[\d*\s]+\])", top.text if top else ""):
        variable, _, lengths = size.partition("[")
        elements = math.prod(int(n) for n in lengths.rstrip("]").split("*"))
        if elements > _PARTITION_LIMIT and top and re.search(rf"variable=\s*{variable}\s+complete", top.text):
            yield Finding("partition-limit", f"firmware/{name}.cpp", f"{variable}: {elements}", refused=False)
    text = "\n".join(line.text for line in source.lines if line.file == "firmware/parameters.h")
    for config, body in re.findall(r"struct (\w+) : nnet::dense_config \{(.*?)\n\};", text, re.DOTALL):
        sizes = [re.search(rf"\b{key} = (\d+);", body) for key in ("n_in", "n_out")]
        products = math.prod(int(found[1]) for found in sizes if found)
        if "strategy = nnet::latency" in body and all(sizes) and products > _PARTITION_LIMIT:
            said = f"{config} multiplies {products} times at once"
            yield Finding("partition-limit", "firmware/parameters.h", said, refused=False)


def _table_findings(built: Iterable[Function], source: Source) -> Iterator[Finding]:
    for function in built:
        for name in re.findall(r"\b\w*table_t\s+(\w+)\[[^\]]*\]\s*;", function.text):
            filled = rf"\binit_\w+[^;]*\(\s*{name}\b|\b{name}\s*\[[^\]]*\]\s*=[^=]"
            if not re.search(filled, function.text):
                yield Finding("table-in-simulation-only", function.place, f"{name} of {function.name}")
    files: dict[str, str] = {}
    for line in source.lines:
        if line.file.startswith("firmware/weights/"):
            files[line.file] = files.get(line.file, "") + line.text
    for file, text in files.items():
        if "[" in text and not re.search(r"\]\s*=\s*\{", text):
            yield Finding("table-in-simulation-only", file, "its numbers are not seen by synthesis")
