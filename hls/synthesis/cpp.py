"""The C++ of a written project as synthesis reads it: with __SYNTHESIS__; its functions and its calls.

hls4ml's projects carry headers of ap_fixed and hls::stream for simulation, which refuse __SYNTHESIS__ and use
what no hardware has. They are read first, without it; the tool brings its own in their place. What is looked
at is the firmware behind them.
"""

from __future__ import annotations

import re
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from bitfront.spaces import ToolMissing

from ..processes import Limits, run_tree

__all__ = ["Calls", "Function", "Line", "Source", "called", "compiled", "first_error", "read_source"]

_LIMITS = Limits(timeout_s=600, memory_gib=8)
_BEFORE = (
    "algorithm", "array", "cassert", "cmath", "cstddef", "cstdint", "cstdio", "cstdlib", "cstring", "fstream",
    "iostream", "limits", "map", "math.h", "sstream", "stdio.h", "stdlib.h", "string", "type_traits",
    "utility", "vector", "ap_fixed.h", "ap_int.h", "hls_math.h", "hls_stream.h", "utils/x_hls_utils.h",
)  # fmt: skip
"""Headers that are read without __SYNTHESIS__: the language's own, and those that the tool replaces."""


@dataclass(frozen=True)
class Line:
    """A line of the firmware: its file within the project, its number there, its text."""

    file: str
    number: int
    text: str

    @property
    def place(self) -> str:
        """File and number."""
        return f"{self.file}:{self.number}"


@dataclass(frozen=True)
class Function:
    """A function with its body.

    Attributes:
        head: what stands before the body: templates, result, name, parameters.
        lines: of the body, the braces' lines too.
    """

    head: str
    lines: tuple[Line, ...]

    @property
    def name(self) -> str:
        """The function's name, without what it is qualified by."""
        found = re.findall(r"([\w~]+|operator\s*\S+?)\s*\(", _without_templates(self.head))
        return str(found[0]) if found else "?"

    @property
    def file(self) -> str:
        """Where its body is."""
        return self.lines[0].file

    @property
    def last(self) -> int:
        """Number of its last line."""
        return self.lines[-1].number

    @property
    def place(self) -> str:
        """File and first line of its body."""
        return self.lines[0].place

    @cached_property
    def text(self) -> str:
        """Head and body."""
        return "\n".join((self.head, *(line.text for line in self.lines)))


@dataclass(frozen=True)
class Source:
    """The firmware's lines, in the order in which they are read."""

    lines: tuple[Line, ...]

    @cached_property
    def split(self) -> tuple[list[Function], list[Line]]:
        """The functions, and the lines that stand in none."""
        return _functions(self.lines)


def compiled(
    project: Path, name: str, work: Path, options: list[str], *, synthesis: bool = True
) -> tuple[bool, str]:
    """Compile the project's C++ with g++, as synthesis or as simulation sees it; return whether that went
    well, and what g++ said.

    `work` is a folder for the wrapper and what the compiler writes.

    Raises:
        ToolMissing: no g++ on PATH.
    """
    compiler = shutil.which("g++")
    if compiler is None:
        raise ToolMissing("No g++ on PATH, which the check of the firmware needs: install it.")
    work.mkdir(parents=True, exist_ok=True)
    wrapper = work / "seen.cpp"
    lines = [f"#include <{header}>" if "/" not in header and not header.startswith(("ap_", "hls_")) else
             f'#include "{header}"' for header in _BEFORE]  # fmt: skip
    lines = [*lines, "#define __SYNTHESIS__", "#define __VITIS_HLS__"] if synthesis else []
    lines += [f'#include "firmware/{name}.cpp"', ""]
    wrapper.write_text("\n".join(lines), encoding="utf-8")
    folders = [f"-I{project / place}" for place in (".", "firmware", "firmware/ap_types")]
    log = work / "g++.log"
    log.unlink(missing_ok=True)
    ended = run_tree([compiler, *options, *folders, "seen.cpp"], cwd=work, log=log, limits=_LIMITS)
    return ended.status == 0 and ended.stopped is None, log.read_text(encoding="utf-8", errors="replace")


def read_source(project: Path, name: str, work: Path) -> Source:
    """Return the firmware's lines as synthesis sees them: macros replaced, comments gone, pragmas kept.

    Raises:
        ToolMissing: no g++ on PATH.
        ValueError: it can't be preprocessed; g++'s first error.
    """
    target = work / "seen.i"
    good, said = compiled(project, name, work, ["-std=c++14", "-E", "-o", target.name])
    if not good:
        raise ValueError(first_error(said))
    firmware = str((project / "firmware").resolve())
    found: list[Line] = []
    file, number = "", 0
    for text in target.read_text(encoding="utf-8", errors="replace").splitlines():
        marker = re.match(r'# (\d+) "([^"]*)"', text)
        if marker:
            number = int(marker[1])
            path = Path(marker[2])
            resolved = str(path.resolve()) if path.name != "seen.cpp" else ""
            inside = resolved.startswith(firmware) and "/ap_types/" not in resolved
            file = f"firmware{resolved.removeprefix(firmware)}" if inside else ""
            continue
        if file and text.strip():
            found.append(Line(file, number, text))
        number += 1
    return Source(tuple(found))


def first_error(said: str) -> str:
    """Return the first line of g++'s output that is an error, shortened."""
    lines = [line for line in said.splitlines() if "error" in line]
    return (lines or said.splitlines() or ["g++ said nothing"])[0][:300]


def _without_templates(head: str) -> str:
    """Remove `template <...>` and every other pair of angle brackets."""
    depth, kept = 0, []
    for char in head:
        if char == "<":
            depth += 1
        elif char == ">":
            depth = max(0, depth - 1)
        elif depth == 0:
            kept.append(char)
    return "".join(kept)


def _opens_function(head: str) -> bool:
    """Return whether the brace behind `head` begins a function's body, at namespace or class level."""
    plain = _without_templates(head).strip()
    if re.search(r"\b(namespace|struct|class|union|enum|extern)\b", plain) and "(" not in plain:
        return False
    return "(" in plain and not plain.endswith("=")


def _functions(lines: tuple[Line, ...]) -> tuple[list[Function], list[Line]]:
    functions: list[Function] = []
    outside: list[Line] = []
    head: list[str] = []
    body: list[Line] = []
    depth = 0  # braces inside a function's body; 0 outside of one
    skipped = 0  # braces of an initializer at namespace level
    started = ""
    for line in lines:
        pragma = line.text.lstrip().startswith("#")
        was_outside = depth == 0
        if not pragma:
            for char in _without_strings(line.text):
                if depth:
                    depth += {"{": 1, "}": -1}.get(char, 0)
                    if depth == 0:
                        functions.append(Function(started, (*body, line)))
                        body, head = [], []
                elif skipped:
                    skipped += {"{": 1, "}": -1}.get(char, 0)
                elif char == "{":
                    text = "".join(head)
                    if _opens_function(text):
                        depth, started, body = 1, text, []
                    elif text.rstrip().endswith("="):
                        skipped = 1
                    head = []
                elif char in ";}":
                    head = []
                else:
                    head.append(char)
            head.append(" ")
        if depth:
            body.append(line)
        elif was_outside:
            outside.append(line)
    return functions, outside


def _without_strings(text: str) -> str:
    return re.sub(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])\'', '""', text)


@dataclass(frozen=True)
class Calls:
    """Who calls whom, as g++ compiled it (-fcallgraph-info): every instance of a template is a function.

    Attributes:
        labels: function -> how g++ writes it, with its result and parameters.
        places: function -> file and line; empty where it has no body here.
        targets: function -> those that it calls.
        growing: functions with arrays or alloca of a size that is not constant.
    """

    labels: Mapping[str, str]
    places: Mapping[str, str]
    targets: Mapping[str, frozenset[str]]
    growing: frozenset[str] = field(default_factory=frozenset)

    def below(self, top: str) -> set[str]:
        """Return what is called from the function named `top`, through the firmware's own functions alone.

        The headers that the tool replaces and the language's own are ends: they are called, not looked into.
        """
        begin = [key for key, label in self.labels.items() if re.match(rf"void {re.escape(top)}\(", label)]
        found, waiting = set(begin), list(begin)
        while waiting:
            for target in self.targets.get(waiting.pop(), ()):
                if target not in found:
                    found.add(target)
                    if self.own(target):
                        waiting.append(target)
        return found

    def own(self, key: str) -> bool:
        """Return whether a function is one of the firmware's."""
        place = self.places.get(key, "")
        return "/firmware/" in place and "/ap_types/" not in place

    def circles(self, among: set[str]) -> Iterator[str]:
        """Yield a function of each group that calls itself, directly or around."""
        for key in sorted(among):
            seen: set[str] = set()
            waiting = list(self.targets.get(key, ()))
            while waiting:
                target = waiting.pop()
                if target in among and target not in seen:
                    seen.add(target)
                    waiting += self.targets.get(target, ())
            if key in seen:
                yield key


def called(project: Path, name: str, work: Path) -> Calls:
    """Compile the project as synthesis sees it, and return its calls.

    Raises:
        ToolMissing: no g++ on PATH.
        ValueError: it doesn't compile; g++'s first error.
    """
    options = ["-std=c++14", "-O0", "-w", "-fcallgraph-info=su,da", "-c", "-o", "seen.o"]
    # Without exceptions nothing is called to clean up after them; with them where the firmware has its own.
    good, said = compiled(project, name, work, [*options, "-fno-exceptions"])
    if not good:
        good, said = compiled(project, name, work, options)
    if not good:
        raise ValueError(first_error(said))
    labels: dict[str, str] = {}
    places: dict[str, str] = {}
    targets: dict[str, set[str]] = defaultdict(set)
    growing: set[str] = set()
    text = (work / "seen.ci").read_text(encoding="utf-8", errors="replace")
    for title, label in re.findall(r'^node: \{ title: "([^"]*)" label: "([^"]*)"', text, re.MULTILINE):
        parts = label.split("\\n")
        labels[title] = parts[0]
        places[title] = parts[1] if len(parts) > 1 and parts[1] != "<built-in>" else ""
        if any(re.match(r"[1-9]\d* dynamic objects", part) for part in parts):
            growing.add(title)
    for source, target in re.findall(
        r'^edge: \{ sourcename: "([^"]*)" targetname: "([^"]*)"', text, re.MULTILINE
    ):
        # Complete constructors are other names of the base ones, which g++ lists.
        base = re.sub(r"(?<=E[CD])1(?=[EI])", "2", target)
        targets[source].add(target if target in labels or base not in labels else base)
    return Calls(labels, places, {key: frozenset(own) for key, own in targets.items()}, frozenset(growing))
