"""Who writes and who reads the streams and arrays of a dataflow region, and what else stands in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .cpp import Function
from .finding import Finding

__all__ = ["dataflow_findings"]

_DATAFLOW = re.compile(r"\s*#\s*pragma\s+HLS\s+dataflow\b", re.IGNORECASE)
_COMPLETE = re.compile(
    r"#\s*pragma\s+HLS\s+array_(?:partition|reshape)\s+variable\s*=\s*(\w+)\s+(?:complete\s*)?(?:dim\s*=\s*0)?",
    re.IGNORECASE,
)
_STREAM = re.compile(r"(?:static\s+)?hls::stream<.*>\s+(\w+)\s*(?:\(.*\)|\[.*\])?$", re.DOTALL)
_ARRAY = re.compile(r"(?:static\s+)?[\w:<>,\s]+?\s(\w+)\s*\[[^=]*\]$", re.DOTALL)
_ALIAS = re.compile(r"auto\s*&\s*(\w+)\s*=\s*(\w+)$")
_CALL = re.compile(r"(?:[\w:]+::)?(\w+)\s*(?:<.*>)?\s*\((.*)\)$", re.DOTALL)
_CONSTANT = re.compile(
    r"(?:static\s+)?(?:const|constexpr)\b|(?:static\s+)?const\b|typedef\b|using\b|static_assert\b"
)


@dataclass
class _Tensor:
    """A channel of the region: a stream, an array, or a parameter of its function."""

    stream: bool
    scalars: bool
    """Partitioned or reshaped completely, so that what goes through it are scalars."""
    given: bool
    """A parameter."""
    writers: int = 0
    readers: int = 0
    early: bool = False
    """Read before it is written."""


def dataflow_findings(function: Function) -> Iterator[Finding]:
    """Yield what is wrong with a function whose body is a dataflow region; nothing for any other."""
    statements, blocks, dataflow = _statements(function)
    if not dataflow:
        return
    for block in blocks:
        yield Finding("dataflow-statement", function.place, f"{block[:80]} in {function.name}", refused=False)
    complete = {match[1] for line in function.lines if (match := _COMPLETE.search(line.text))}
    tensors = {
        name: _Tensor(stream, name in complete, given=True) for name, stream in _parameters(function.head)
    }
    aliases: dict[str, str] = {}
    for statement in statements:
        stream, array, alias = _STREAM.match(statement), _ARRAY.match(statement), _ALIAS.match(statement)
        call = _CALL.match(statement)
        if _CONSTANT.match(statement):
            continue
        if alias:
            aliases[alias[1]] = aliases.get(alias[2], alias[2])
        elif stream:
            tensors[stream[1]] = _Tensor(True, False, given=False)
        elif array:
            if statement.startswith("static"):
                yield Finding("static-in-dataflow", function.place, statement[:100])
            tensors[array[1]] = _Tensor(False, array[1] in complete, given=False)
        elif call:
            _note(call[1], call[2], tensors, aliases)
        else:
            yield Finding("dataflow-statement", function.place, f"{statement[:80]} in {function.name}")
    yield from _uses(function, tensors)


def _note(name: str, arguments: str, tensors: dict[str, _Tensor], aliases: dict[str, str]) -> None:
    """Count a call's tensors: the last is written, the others are read; of clones the first is read."""
    given = [re.split(r"[\[\s]", one.strip())[0] for one in _split(arguments)]
    named = [aliases.get(one, one) for one in given]
    used = [one for one in named if one in tensors]
    read, written = (used[:1], used[1:]) if name.startswith("clone") else (used[:-1], used[-1:])
    for one in read:
        tensors[one].readers += 1
        tensors[one].early = tensors[one].early or (not tensors[one].given and not tensors[one].writers)
    for one in written:
        tensors[one].writers += 1


def _uses(function: Function, tensors: dict[str, _Tensor]) -> Iterator[Finding]:
    for name, one in tensors.items():
        if one.given:
            wrong = one.stream and (one.writers + one.readers) != 1
        elif one.stream:
            wrong = (one.writers, one.readers) != (1, 1) or one.early
        else:
            wrong = one.writers != 1 or one.early or (one.readers != 1 and not one.scalars)
        if wrong:
            rule = "stream-use" if one.stream else "array-use"
            said = f"{name} of {function.name}: {one.writers} writers, {one.readers} readers"
            yield Finding(rule, function.place, said + (", read before it is written" if one.early else ""))


def _parameters(head: str) -> list[tuple[str, bool]]:
    """Return a function's tensors, streams and arrays but no weights, and whether each is a stream."""
    inside = head[head.rindex("(") + 1 :] if "(" in head else ""
    found = []
    for one in _split(inside.rstrip().rstrip(")")):
        name = re.search(r"(\w+)\s*(?:\[[^\]]*\]\s*)*$", one.strip())
        if name and not re.search(r"weight|bias", one):
            found.append((name[1], "hls::stream" in one))
    return found


def _split(text: str) -> list[str]:
    """Split at commas outside of all brackets."""
    parts, depth, begin = [], 0, 0
    for index, char in enumerate(text):
        if char in "(<[{":
            depth += 1
        elif char in ")>]}":
            depth -= 1
        elif char == "," and depth == 0:
            parts.append(text[begin:index])
            begin = index + 1
    return [*parts, text[begin:]]


def _statements(function: Function) -> tuple[list[str], list[str], bool]:
    """Return the statements of a function's own level, the heads of the blocks in it, and whether it is a
    dataflow region.
    """
    statements, blocks, dataflow = [], [], False
    depth, held = 0, ""
    for line in function.lines:
        if line.text.lstrip().startswith("#"):
            dataflow = dataflow or (depth == 1 and _DATAFLOW.match(line.text) is not None)
            continue
        text = line.text if depth else line.text[line.text.find("{") :]
        for char in text:
            if char == "{":
                if depth == 1 and not held.rstrip().endswith("="):
                    blocks.append(" ".join(held.split()))
                    held = ""
                depth += 1
            elif char == "}":
                depth -= 1
            elif depth == 1 and char == ";":
                if held.strip():
                    statements.append(" ".join(held.split()))
                held = ""
            elif depth == 1:
                held += char
        held += " "
    return statements, blocks, dataflow
