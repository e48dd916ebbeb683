"""Verify a bundle: its files are as written, and its firmware, compiled by g++, gives the golden outputs bit for bit.

Plain Python 3.9 without packages: export puts `emulation` and this module into each bundle as its verify.py, and
`bitfront verify` runs them from its own place, so that both refuse alike.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import sys
import tempfile
from array import array
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .emulation import Refusal, build_emulation, emulator_source, run_emulation

CHECKSUMS = "checksums.sha256"
GOLDEN = "golden/golden.json"
PROGRAM = "golden/emulate.cpp"
SCRIPT = "verify.py"
PROVENANCE = "provenance.json"
NEEDED = (GOLDEN, PROGRAM, SCRIPT, PROVENANCE, "precision.json", "hls4ml_config.yaml", "model.keras")
BUILT = "build"
"""Folder that build.sh makes beside the bundle's own; nothing in it is read."""
SCRATCH = ".verify-"
MOST_VALUES = 2**27
"""Most golden values of one array (1 GiB)."""
MOST_TEXT = 2**28
"""Most bytes of a file that is read as text."""
_NPY = b"\x93NUMPY\x01\x00"
_NUMBER = re.compile(r" *-?(?:0|[1-9]\d*)(?:\.\d+)? *", re.ASCII)
"""A number that C++ and Python read alike."""
_HEADER = re.compile(
    r"(?://[^\n]*\n)*\n*#ifndef (\w+)\n#define \1\n\n"
    r"#ifndef __SYNTHESIS__\n(?P<array>\w+ (?P<name>\w+)\[(?P<size>\d+)\]);\n"
    r"(?:static const double (?P=name)_values\[(?P=size)\] =\n#else\n(?P=array) =\n#endif\n\{(?P<one>[^{}#]*)\};\n"
    # hls4ml's own form, in bundles from before the emulation read headers: what runs is the text file beside it
    r"|#else\n(?P=array) = \{(?P<apart>[^{}#]*)\};\n\n#endif\n)\n*#endif\n"
)
_LOADER = re.compile(
    r"#ifndef __SYNTHESIS__\n *static bool loaded_weights = false;\n *if \(!loaded_weights\) \{\n"
    r"(?: *(?:for \(unsigned i = 0; i < \d+; i\+\+\) (\w+)\[i\] = \1_values\[i\]"
    r"|nnet::load_weights_from_txt<\w+, \d+>\((\w+), \"\2\.txt\"\));\n)* *loaded_weights = true; *\}\n#endif"
)


class Outcome(NamedTuple):
    """What a comparison found; a sample is a mismatch where any of its outputs differs."""

    samples: int
    values: int
    mismatches: int
    max_difference: float

    def __str__(self) -> str:
        """One line for a user."""
        if self.mismatches:
            return (
                f"FAIL: {self.mismatches} of {self.samples} samples differ, by up to {self.max_difference:g}"
            )
        return f"PASS: {self.samples} samples, {self.values} outputs each, identical bit for bit"


def verify(
    bundle: Path,
    scratch: Path | None = None,
    *,
    scripts: Sequence[Container[str]] = (),
    timeout_s: float = 600,
    memory_gib: float = 8,
) -> Outcome:
    """Check the files of a bundle, compile its firmware, run it on the golden inputs and compare its outputs.

    Args:
        bundle: the bundle's folder, which isn't changed.
        scratch: where a temporary folder may be made; the system's place for such where None, or not writable.
        scripts: SHA-256 of the verify.py that are known, where the emulation reads text files and where it reads headers;
            any is taken where none are given, since a script can't vouch for itself.
        timeout_s: wall-clock limit of the compilation, and of the run, in seconds.
        memory_gib: limit of address space in GiB.

    Raises:
        Refusal: where there is nothing to compare: exit code 1, 2 or 4.
    """
    try:
        check_files(bundle)
        golden = read_golden(bundle)
        sizes = [[math.prod(one["shape"]) for one in golden[role]] for role in ("inputs", "outputs")]
        _check_script(bundle, scripts["constants" in golden] if scripts else ())
        _check_sources(bundle, golden, sizes)
        x, expected = (_side_by_side(bundle, golden, role) for role in ("inputs", "outputs"))
    except OSError as error:
        raise Refusal(2, f"The bundle {str(bundle)!r} can't be read: {_told(error)}.") from None
    samples, values = golden["samples"], sum(sizes[1])
    try:
        with _scratch(scratch) as place:
            project, program = bundle.absolute() / "project", place / "emulation"
            limits: dict[str, Any] = {"timeout_s": timeout_s, "memory_gib": memory_gib}
            build_emulation(bundle.absolute() / PROGRAM, project, program, **limits)
            size = 8 * samples * values
            found = run_emulation(program, x.tobytes(), size, place=place, cwd=project / "firmware", **limits)
    except OSError as error:
        raise Refusal(1, f"The emulation can't be built or run: {_told(error)}.") from None
    got, worst, wrong = array("d", found), 0.0, 0
    for i in range(0, len(got), values):
        if got[i : i + values] != expected[i : i + values]:
            wrong += 1
            worst = max(worst, *(abs(got[k] - expected[k]) for k in range(i, i + values)))
    return Outcome(samples, values, wrong, worst)


# -- files ---------------------------------------------------------------------------------------------------------


def check_files(bundle: Path) -> None:
    """Check that the bundle holds the files that its checksum list names, unchanged, and no others.

    Raises:
        Refusal: with exit code 2, naming the file.
        OSError: when a file can't be read.
    """
    if not bundle.is_dir() or not os.path.lexists(bundle / CHECKSUMS):
        raise Refusal(
            2, f"{str(bundle)!r} is not a bundle: it has no {CHECKSUMS}; give a folder that export wrote."
        )
    found = set(_walk(bundle))
    if CHECKSUMS not in found:
        raise _damaged(bundle, CHECKSUMS, "is missing")
    listed: dict[str, str] = {}
    folded: set[str] = set()
    for line in _text(bundle, CHECKSUMS).split("\n")[:-1]:
        match = re.fullmatch(r"([0-9a-f]{64})  (\S.*)", line)
        if match is None:
            raise _damaged(bundle, CHECKSUMS, f"has the line {line[:60]!a}")
        digest, name = match.groups()
        if "\\" in name or not name.isprintable() or any(part in ("", ".", "..") for part in name.split("/")):
            raise _damaged(bundle, CHECKSUMS, f"names {name!a}, which lies outside")
        if name.casefold() in folded:
            raise _damaged(bundle, CHECKSUMS, f"names {name} twice, or once more with other capitals")
        listed[name] = digest
        folded.add(name.casefold())
    if not listed:
        raise _damaged(bundle, CHECKSUMS, "lists no file")
    for name in sorted({*NEEDED, *listed} - found):
        raise _damaged(bundle, name, "is missing")
    for name in sorted(found - {CHECKSUMS, *listed}):
        raise _damaged(bundle, name, f"was added, or left out of {CHECKSUMS}")
    for name, digest in listed.items():
        if _digest(bundle / name) != digest:
            raise _damaged(bundle, name, "was changed")


def _walk(bundle: Path) -> Iterator[str]:
    """Yield the name of every file of the bundle, its checksum list too."""
    folders = [""]
    for folder in folders:
        for entry in os.scandir(bundle / folder):
            name = folder + entry.name
            if entry.is_symlink():
                raise _damaged(bundle, name, "is a link")
            if entry.is_dir(follow_symlinks=False):
                if folder or not (name == BUILT or name.startswith(SCRATCH)):
                    folders.append(f"{name}/")
            elif entry.is_file(follow_symlinks=False):
                yield name
            else:
                raise _damaged(bundle, name, "is no regular file")


def _digest(path: Path) -> str:
    total = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(2**20), b""):
            total.update(block)
    return total.hexdigest()


def _damaged(bundle: Path, name: str, what: str) -> Refusal:
    return Refusal(2, f"The bundle {str(bundle)!r} is damaged: {name} {what}; export it again.")


def _told(error: OSError) -> str:
    return f"{Path(error.filename).name}: {error.strerror}" if error.filename else str(error)


def _text(bundle: Path, name: str) -> str:
    path = bundle / name
    try:
        if path.stat().st_size > MOST_TEXT:
            raise _damaged(bundle, name, f"has more than {MOST_TEXT} bytes")
        return path.read_bytes().decode()
    except UnicodeDecodeError:
        raise _damaged(bundle, name, "is no text") from None


# -- golden samples ------------------------------------------------------------------------------------------------


def read_golden(bundle: Path) -> dict[str, Any]:
    """Return golden.json, of which every entry that is used here has the right kind.

    Raises:
        Refusal: with exit code 2.
    """
    wrong = ""
    try:
        golden = json.loads(_text(bundle, GOLDEN))
        entries = [*golden["inputs"], *golden["outputs"]]
        constants = golden.get("constants", {})
        if golden["schema"] != 1 or isinstance(golden["schema"], bool):
            wrong = f"has schema {ascii(golden['schema'])[:40]}, not 1"
        elif not re.fullmatch(r"[A-Za-z_]\w*", golden["project"], re.ASCII):
            wrong = "names no project"
        elif not golden["inputs"] or not golden["outputs"]:
            wrong = "lists no inputs or no outputs"
        elif not all(re.fullmatch(r"\w+\.npy", one["file"], re.ASCII) for one in entries):
            wrong = "lists something else than .npy files beside it"
        elif not all(isinstance(one["shape"], list) and all(map(_counts, one["shape"])) for one in entries):
            wrong = "has a shape that is no list of whole numbers from 1"
        elif not _counts(golden["samples"]):
            wrong = f"claims {ascii(golden['samples'])[:40]} samples"
        elif any(golden["samples"] * math.prod(one["shape"]) > MOST_VALUES for one in entries):
            wrong = f"claims an array of more than {MOST_VALUES} values"
        elif not all(isinstance(one, str) for pair in constants.items() for one in pair):
            wrong = "has constants that are no digests by name"
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        wrong = f"has a wrong form ({type(error).__name__}: {ascii(str(error))[:60]})"
    if wrong:
        raise _damaged(bundle, GOLDEN, f"doesn't list the golden arrays: it {wrong}")
    return dict(golden)


def _counts(value: object) -> bool:
    return type(value) is int and 1 <= value <= MOST_VALUES


def _side_by_side(bundle: Path, golden: Mapping[str, Any], role: str) -> array[float]:
    """Return the arrays of a role as rows of float64, one a sample."""
    samples = golden["samples"]
    arrays = [read_npy(bundle, f"golden/{one['file']}", [samples, *one["shape"]]) for one in golden[role]]
    if len(arrays) == 1:
        return arrays[0]
    rows = array("d")
    for i in range(samples):
        for one in arrays:
            width = len(one) // samples
            rows.extend(one[i * width : (i + 1) * width])
    return rows


def read_npy(bundle: Path, name: str, shape: Sequence[int]) -> array[float]:
    """Return the values of a NumPy file, format 1, of little-endian float64 in C order: what a bundle holds.

    Raises:
        Refusal: with exit code 2.
    """
    path, size = bundle / name, 8 * math.prod(shape)
    if path.stat().st_size <= 10 + 2**16 + size:
        data = path.read_bytes()
        end = 10 + int.from_bytes(data[8:10], "little")
        wanted = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {tuple(shape)}, }}"
        if (data[:8], data[10:end].strip()) == (_NPY, wanted.encode()) and len(data) == end + size:
            values = array("d", data[end:])
            if sys.byteorder == "big":
                values.byteswap()
            if all(map(math.isfinite, values)):
                return values
            raise _damaged(bundle, name, "holds a value that is NaN or infinite")
    told = " x ".join(map(str, shape))
    raise _damaged(bundle, name, f"is no array of {told} float64 values, as golden.json lists it")


# -- sources -------------------------------------------------------------------------------------------------------


def _check_script(bundle: Path, known: Container[str]) -> None:
    """Check that verify.py is the one that provenance.json states, and a known one.

    Raises:
        Refusal: with exit code 2.
    """
    digest = _digest(bundle / SCRIPT)
    try:
        written = json.loads(_text(bundle, PROVENANCE)).get("verify_sha256", digest)
    except (AttributeError, ValueError, RecursionError):
        raise _damaged(bundle, PROVENANCE, "is no JSON object") from None
    if known and digest not in known:
        raise _damaged(bundle, SCRIPT, "is not one that bitfront wrote, so don't run it")
    if digest != written:
        raise _damaged(bundle, SCRIPT, "was changed")


def _check_sources(bundle: Path, golden: Mapping[str, Any], sizes: Sequence[Sequence[int]]) -> None:
    """Check that g++ and synthesis read the same numbers and statements, and the model's numbers.

    Raises:
        Refusal: with exit code 1 for other numbers, 2 for a file of another form.
    """
    name, constants = golden["project"], golden.get("constants")
    if _text(bundle, PROGRAM) != emulator_source(name, sizes[0], sizes[1], "../project"):
        raise _damaged(bundle, PROGRAM, "isn't the program that runs the project")
    for file in (f"{name}.cpp", f"{name}.h", "parameters.h", "defines.h"):
        rest = _LOADER.sub("", _text(bundle, f"project/firmware/{file}"), 1)
        said = re.findall(r"^[ \t]*#[ \t]*(?!include|pragma)(.*)", rest.replace("\\\n", ""), re.MULTILINE)
        guard = f"{Path(file).stem.upper()}_H_"
        if said != ([] if file.endswith(".cpp") else [f"ifndef {guard}", f"define {guard}", "endif"]):
            raise _damaged(
                bundle, f"project/firmware/{file}", "has conditions, so synthesis may read something else"
            )
    folder = "project/firmware/weights"
    headers = {path.stem: path for path in (bundle / folder).glob("*.h")}
    if constants is not None and set(constants) != set(headers):
        raise _damaged(bundle, GOLDEN, f"lists other arrays than {folder} holds")
    for array_name, path in headers.items():
        found = _HEADER.fullmatch(_text(bundle, f"{folder}/{path.name}"))
        if found is None or found["name"] != array_name or (constants is not None and found["one"] is None):
            raise _damaged(bundle, f"{folder}/{path.name}", "hasn't the form in which export writes weights")
        numbers = _numbers(
            bundle, f"{folder}/{path.name}", found["one"] or found["apart"], int(found["size"])
        )
        if found["one"] is None:
            text = f"{folder}/{array_name}.txt"
            if numbers != _numbers(bundle, text, _text(bundle, text), len(numbers)):
                raise Refusal(
                    1, f"{folder}/{path.name}, which synthesis reads, differs from {text}, which is emulated."
                )
        elif constants is not None:
            if sys.byteorder == "big":
                numbers.byteswap()
            if hashlib.sha256(numbers.tobytes()).hexdigest() != constants[array_name]:
                raise Refusal(
                    1,
                    f"{folder}/{path.name} holds other numbers than the model, by their digest in {GOLDEN}.",
                )


def _numbers(bundle: Path, name: str, text: str, size: int) -> array[float]:
    try:
        tokens = text.split(",")
        if not all(map(_NUMBER.fullmatch, tokens)):
            raise ValueError(name)
        numbers = array("d", [float(one) + 0.0 for one in tokens])
    except ValueError:
        raise _damaged(bundle, name, "holds something else than numbers") from None
    if len(numbers) != size:
        raise _damaged(bundle, name, f"holds {len(numbers)} numbers, not {size}")
    return numbers


# -- as a script ---------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _scratch(place: Path | None) -> Iterator[Path]:
    """Make a temporary folder in `place`, or in the system's place for such where that can't be written."""
    try:
        made = tempfile.TemporaryDirectory(prefix=SCRATCH, dir=place)
    except OSError:
        made = tempfile.TemporaryDirectory(prefix=SCRATCH)
    with made as folder:
        yield Path(folder)


def main() -> int:
    """Verify the folder that this file lies in, say so in one sentence, and return the exit code."""
    here = Path(os.path.abspath(__file__)).parent  # noqa: PTH100 - resolve() would follow a link
    try:
        outcome = verify(here, here)
    except Refusal as refusal:
        print(f"FAIL: {refusal}", file=sys.stderr)
        return refusal.code
    except KeyboardInterrupt:
        return 130
    print(outcome, file=sys.stderr if outcome.mismatches else sys.stdout)
    return 1 if outcome.mismatches else 0


if __name__ == "__main__":
    raise SystemExit(main())
