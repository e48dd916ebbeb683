"""`bitfront verify` and a bundle's own verify.py notice the same changes, and say the same sentence of
each.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from bundles import CHECKSUMS, both_say, said_by_bitfront, said_by_script, sign
from test_bundle import OUTPUT, source

from bitfront.hls.hls4ml_project.verification import NEEDED
from bitfront.search.bundle import write_bundle
from bitfront.search.bundle.script import SCRIPTS, script_digest, verify_script

OLD_SCRIPT = Path(__file__).parent / "old_bundle" / "verify.py.txt"


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    return write_bundle(source(), tmp_path_factory.mktemp("export") / "best", check=False)


@pytest.fixture
def bundle(original, tmp_path) -> Iterator[Path]:
    """A copy that a test may damage."""
    yield Path(shutil.copytree(original, tmp_path / "best"))
    subprocess.run(["rm", "-rf", str(tmp_path)], check=True)  # folders deeper than shutil goes


def header(bundle: Path) -> Path:
    return bundle / "project" / "firmware" / "weights" / "w2.h"


def renumber(path: Path, number: str | None = None) -> None:
    """Set all numbers of a header to one, or its last to another by a step."""
    text = path.read_text()
    numbers = re.search(r"\{(.*)\};", text)[1]
    parts = numbers.split(", ")
    last = f"{float(parts[-1]) + (0.0625 if float(parts[-1]) <= 0 else -0.0625):.4f}"
    changed = [number] * len(parts) if number else [*parts[:-1], last]
    path.write_text(text.replace(numbers, ", ".join(changed)))


# -- the five mutations, each as a clumsy hand makes it and signed by one that knows the checksums -----------


def change_headers(bundle):
    renumber(header(bundle), "0.5")


def change_goldens(bundle):
    path = bundle / "golden" / "outputs.npy"
    outputs = np.load(path)
    outputs[7, 1] += OUTPUT.step
    np.save(path, outputs)


def empty_the_list(bundle):
    (bundle / CHECKSUMS).write_text("")


def replace_the_script(bundle):
    (bundle / "verify.py").write_text("print('PASS: 240 samples, 3 outputs each, identical bit for bit')\n")


def link_outside(bundle):
    header(bundle).rename(bundle.parent / "w2.h")
    header(bundle).symlink_to(bundle.parent / "w2.h")


@pytest.mark.parametrize(
    ("mutate", "what"),
    [
        (change_headers, "w2.h was changed"),
        (change_goldens, "golden/outputs.npy was changed"),
        (empty_the_list, "checksums.sha256 lists no file"),
        (link_outside, "w2.h is a link"),
        (lambda b: (b / "verify.py").write_bytes(verify_script() + b"\n"), "verify.py was changed"),
    ],
    ids=["headers", "goldens", "list", "link", "script"],
)
def test_both_verifiers_notice_a_mutation(mutate, what, bundle):
    mutate(bundle)
    both_say(bundle, 2, what)


def test_both_verifiers_notice_numbers_that_synthesis_would_read_in_a_header_signed_anew(bundle):
    """The first fault of its kind: g++ read text files, Vitis the headers, and the text files were right."""
    change_headers(bundle)
    sign(bundle)
    both_say(bundle, 1, "w2.h holds other numbers than the model")


def test_both_verifiers_notice_goldens_signed_anew(bundle):
    change_goldens(bundle)
    sign(bundle)
    both_say(bundle, 1, f"1 of 240 samples differ, by up to {OUTPUT.step:g}")


def test_both_verifiers_notice_a_link_that_the_list_was_made_over(bundle):
    link_outside(bundle)
    sign(bundle)
    both_say(bundle, 2, "w2.h is a link")


def test_a_script_changed_and_signed_is_noticed_by_provenance_and_one_put_in_its_place_by_bitfront(bundle):
    (bundle / "verify.py").write_bytes(verify_script() + b"\n")
    sign(bundle)
    assert said_by_script(bundle) == (2, said_by_script(bundle)[1])
    assert "verify.py was changed" in said_by_script(bundle)[1]
    code, said = said_by_bitfront(bundle)
    assert (code, "verify.py is not one that bitfront wrote" in said) == (2, True)
    replace_the_script(bundle)
    sign(bundle)
    code, said = said_by_bitfront(bundle)
    assert (code, "verify.py is not one that bitfront wrote" in said) == (2, True)


def test_the_script_of_this_version_is_listed_so_that_later_ones_know_it():
    """After a change of emulation.py or verification.py: add `script_digest()` to SCRIPTS, and leave the
    others in.
    """
    assert script_digest() in SCRIPTS


def test_the_script_keeps_to_python_3_9_and_imports_the_standard_library_only():
    import sys

    tree = ast.parse(verify_script(), feature_version=(3, 9))
    named = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    named |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in named} <= sys.stdlib_module_names


# -- the checksum list ---------------------------------------------------------------------------------------


def lines(bundle: Path) -> list[str]:
    return (bundle / CHECKSUMS).read_text().splitlines()


def append(bundle: Path, line: str) -> None:
    with (bundle / CHECKSUMS).open("a") as file:
        file.write(line + "\n")


def without(bundle: Path, name: str) -> None:
    kept = [line for line in lines(bundle) if not line.endswith(f"  {name}")]
    (bundle / CHECKSUMS).write_text("\n".join(kept) + "\n")


def outside(bundle: Path, name: str) -> None:
    (bundle.parent / "outside.txt").write_text("x")
    append(bundle, f"{hashlib.sha256(b'x').hexdigest()}  {name}")


def devices(bundle: Path, make) -> None:
    header(bundle).unlink()
    make(header(bundle))


LISTS = {
    "absent": (lambda b: (b / CHECKSUMS).unlink(), "not a bundle"),
    "a folder": (
        lambda b: ((b / CHECKSUMS).unlink(), (b / CHECKSUMS).mkdir()),
        "checksums.sha256 is missing",
    ),
    "a link": (
        lambda b: ((b / CHECKSUMS).rename(b.parent / "s"), (b / CHECKSUMS).symlink_to(b.parent / "s")),
        "checksums.sha256 is a link",
    ),
    "no text": (lambda b: (b / CHECKSUMS).write_bytes(b"\xff\xfe\n"), "checksums.sha256 is no text"),
    "prose": (lambda b: append(b, "all is well"), "has the line 'all is well'"),
    "an empty line": (lambda b: append(b, ""), "has the line ''"),
    "a digest in capitals": (
        lambda b: (b / CHECKSUMS).write_text((b / CHECKSUMS).read_text().upper()),
        "has the line",
    ),
    "a line twice": (lambda b: append(b, lines(b)[0]), "names MODEL_CARD.md twice"),
    "a name twice": (lambda b: append(b, f"{'0' * 64}  README.md"), "names README.md twice"),
    "other capitals": (lambda b: append(b, lines(b)[0].replace("MODEL", "model")), "with other capitals"),
    "absolute": (lambda b: outside(b, "/etc/hostname"), "lies outside"),
    "parent": (lambda b: outside(b, "../outside.txt"), "lies outside"),
    "through a folder": (lambda b: outside(b, "golden/../../outside.txt"), "lies outside"),
    "itself by a dot": (lambda b: outside(b, "./README.md"), "lies outside"),
    "two slashes": (lambda b: outside(b, "golden//inputs.npy"), "lies outside"),
    "a backslash": (lambda b: outside(b, "..\\outside.txt"), "lies outside"),
    "a control character": (lambda b: outside(b, "README\t.md"), "lies outside"),
    "a missing file": (lambda b: append(b, f"{'0' * 64}  notes.md"), "notes.md is missing"),
    "its last line cut": (
        lambda b: (b / CHECKSUMS).write_text((b / CHECKSUMS).read_text().rstrip("\n")),
        "left out of checksums.sha256",
    ),
    "a file of the design left out": (
        lambda b: without(b, "project/firmware/weights/w2.h"),
        "w2.h was added",
    ),
    "a needed file left out": (
        lambda b: ((b / "precision.json").unlink(), without(b, "precision.json")),
        "precision.json is missing",
    ),
}


@pytest.mark.parametrize("case", LISTS)
def test_a_checksum_list_that_is_wrong_is_refused_in_one_sentence(case, bundle):
    mutate, what = LISTS[case]
    mutate(bundle)
    both_say(bundle, 2, what)


FILES = {
    "a folder that is a link": (
        lambda b: ((b / "golden").rename(b.parent / "g"), (b / "golden").symlink_to(b.parent / "g")),
        "golden is a link",
    ),
    "a link that leads nowhere": (lambda b: (b / "notes").symlink_to("nowhere"), "notes is a link"),
    "the folder of builds a link": (lambda b: (b / "build").symlink_to(b.parent), "build is a link"),
    "a pipe": (lambda b: devices(b, os.mkfifo), "w2.h is no regular file"),
    "a pipe beside": (lambda b: os.mkfifo(b / "golden" / "pipe"), "golden/pipe is no regular file"),
    "a socket": (
        lambda b: devices(b, lambda path: os.mknod(path, 0o600 | stat.S_IFSOCK)),
        "w2.h is no regular file",
    ),
    "a folder in a file's place": (lambda b: devices(b, Path.mkdir), "w2.h is missing"),
    "other capitals": (lambda b: header(b).rename(header(b).with_name("W2.h")), "w2.h is missing"),
    "a header slipped in": (
        lambda b: (b / "project" / "firmware" / "iostream").write_text("int evil;"),
        "iostream was added",
    ),
    "a module slipped in": (lambda b: (b / "hashlib.py").write_text("1/0"), "hashlib.py was added"),
    "deep folders": (lambda b: deep(b), "left out of checksums.sha256"),
}


def deep(bundle: Path) -> None:
    """Nest folders deeper than Python nests calls."""
    here = Path.cwd()
    os.chdir(bundle)
    try:
        for _ in range(1500):
            os.mkdir("d")  # noqa: PTH102 - a path of this depth is too long to be named
            os.chdir("d")
        Path("file").write_text("")
    finally:
        os.chdir(here)


@pytest.mark.parametrize("case", FILES)
def test_what_is_no_file_of_the_bundle_s_own_is_refused_in_one_sentence(case, bundle):
    if case == "a socket" and not hasattr(os, "mknod"):
        pytest.skip("this system makes no such file")
    mutate, what = FILES[case]
    mutate(bundle)
    both_say(bundle, 2, what)


@pytest.mark.parametrize("name", NEEDED)
def test_a_bundle_without_a_file_that_it_needs_is_refused_whatever_its_list_says(name, bundle):
    (bundle / name).unlink()
    sign(bundle)
    code, said = said_by_bitfront(bundle)
    assert (code, f"{name} is missing" in said) == (2, True)
    if name != "verify.py":
        both_say(bundle, 2, f"{name} is missing")


# -- golden.json and the arrays ------------------------------------------------------------------------------


def golden(**change):
    def mutate(bundle):
        path = bundle / "golden" / "golden.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **change}))

    return mutate


def lacking(key):
    def mutate(bundle):
        path = bundle / "golden" / "golden.json"
        kept = json.loads(path.read_text())
        del kept[key]
        path.write_text(json.dumps(kept))

    return mutate


def written(text):
    return lambda bundle: (bundle / "golden" / "golden.json").write_text(text)


def outputs(change):
    def mutate(bundle):
        path = bundle / "golden" / "outputs.npy"
        changed = change(np.load(path))
        np.save(path, changed, allow_pickle=True)

    return mutate


def raw(change):
    def mutate(bundle):
        path = bundle / "golden" / "outputs.npy"
        path.write_bytes(change(path.read_bytes()))

    return mutate


def with_nan(array):
    array[3, 2] = np.nan
    return array


LISTING = "golden.json doesn't list the golden arrays"
ARRAY = "golden/outputs.npy is no array of 240 x 3 float64 values"
ONE = {"file": "inputs.npy", "shape": [6]}
GOLDENS = {
    "no samples": (golden(samples=0), "claims 0 samples"),
    "a sample less than none": (golden(samples=-1), "claims -1 samples"),
    "more than fit": (golden(samples=10**9), "claims 1000000000 samples"),
    "absurdly many": (golden(samples=10**4000), LISTING),
    "half a sample": (golden(samples=240.5), "claims 240.5 samples"),
    "a float": (golden(samples=240.0), "claims 240.0 samples"),
    "true": (golden(samples=True), "claims True samples"),
    "text": (golden(samples="240"), "claims '240' samples"),
    "null": (golden(samples=None), "claims None samples"),
    "infinite": (written('{"schema": 1, "samples": Infinity, "inputs": [], "outputs": []}'), LISTING),
    "fewer than there are": (golden(samples=239), "is no array of 239"),
    "more than there are": (golden(samples=241), "is no array of 241"),
    **{
        f"without {key}": (lacking(key), LISTING)
        for key in ("schema", "project", "samples", "inputs", "outputs")
    },
    "no dict": (written("[]"), LISTING),
    "no JSON": (written("{"), LISTING),
    "nested": (written("[" * 100_000), LISTING),
    "empty": (written(""), LISTING),
    "no inputs": (golden(inputs=[]), LISTING),
    "inputs by name": (golden(inputs={"a": ONE}), LISTING),
    "a shape that is text": (golden(inputs=[{**ONE, "shape": "6"}]), LISTING),
    "a shape of zero": (golden(inputs=[{**ONE, "shape": [0]}]), LISTING),
    "a negative shape": (golden(inputs=[{**ONE, "shape": [-6]}]), LISTING),
    "a shape beyond": (golden(inputs=[{**ONE, "shape": [2**26, 2**26]}]), LISTING),
    "no shape": (golden(inputs=[{"file": "inputs.npy"}]), LISTING),
    "a file outside": (golden(inputs=[{**ONE, "file": "../../inputs.npy"}]), LISTING),
    "a file elsewhere": (golden(inputs=[{**ONE, "file": "/etc/hostname"}]), LISTING),
    "a file that is a number": (golden(inputs=[{**ONE, "file": 3}]), LISTING),
    "a file that isn't there": (golden(inputs=[{**ONE, "file": "other.npy"}]), "other.npy"),
    "a project that is no name": (golden(project="../evil"), LISTING),
    "another project": (golden(project="other"), "isn't the program that runs the project"),
    "another schema": (golden(schema=2), "has schema 2"),
    "constants that are a list": (golden(constants=["w2"]), LISTING),
    "constants of another array": (golden(constants={"w3": "0"}), "lists other arrays than"),
    "single precision": (outputs(lambda y: y.astype(np.float32)), ARRAY),
    "another byte order": (outputs(lambda y: y.astype(">f8")), ARRAY),
    "integers": (outputs(lambda y: y.astype(np.int64)), ARRAY),
    "complex": (outputs(lambda y: y.astype(complex)), ARRAY),
    "columns first": (outputs(np.asfortranarray), ARRAY),
    "another shape": (outputs(lambda y: y.reshape(3, -1)), ARRAY),
    "pickled": (outputs(lambda y: np.array([{"a": 1}] * 240, object)), ARRAY),
    "NaN": (outputs(with_nan), "holds a value that is NaN or infinite"),
    "cut": (raw(lambda data: data[:-8]), ARRAY),
    "too long": (raw(lambda data: data + b"\0" * 8), ARRAY),
    "huge": (raw(lambda data: data + b"\0" * 10**6), ARRAY),
    "nothing": (raw(lambda data: b""), ARRAY),
    "a head that lies": (raw(lambda data: data.replace(b"(240, 3)", b"(2**40,)")), ARRAY),
    "a head of brackets": (raw(lambda data: data[:10] + b"(" * 118 + data[128:]), ARRAY),
    "a head beyond the file": (raw(lambda data: data[:8] + b"\xff\xff" + data[10:]), ARRAY),
    "another format": (raw(lambda data: data.replace(b"NUMPY\x01", b"NUMPY\x02")), ARRAY),
}


@pytest.mark.parametrize("case", GOLDENS)
def test_golden_samples_that_are_none_are_refused_in_one_sentence_even_with_right_checksums(case, bundle):
    mutate, what = GOLDENS[case]
    mutate(bundle)
    sign(bundle)
    both_say(bundle, 2, what)


# -- sources -------------------------------------------------------------------------------------------------


def sources(name, change):
    def mutate(bundle):
        path = bundle / "project" / "firmware" / name
        path.write_text(change(path.read_text()))

    return mutate


FORM = "hasn't the form in which export writes weights"
CONDITIONS = "has conditions, so synthesis may read something else"
SOURCES = {
    "two lists in a header": (sources("weights/w2.h", lambda t: t.replace("#else", "= {0};\n#else")), FORM),
    "a header that includes": (sources("weights/w2.h", lambda t: f'#include "../x.h"\n{t}'), FORM),
    "a word in a header": (sources("weights/w2.h", lambda t: t.replace("{", "{zero, ")), "than numbers"),
    "octal": (sources("weights/w2.h", lambda t: t.replace("{", "{010, ")), "than numbers"),
    "a number left out": (
        sources("weights/w2.h", lambda t: re.sub(r"\{[^,]*, ", "{", t)),
        "holds 17 numbers",
    ),
    "a header of another array": (lambda b: shutil.copy(header(b).with_name("b2.h"), header(b)), FORM),
    "one number less": (
        lambda b: header(b).with_name("w9.h").write_text(header(b).read_text()),
        "lists other arrays than",
    ),
    "a condition in the design": (
        sources("bitfront.cpp", lambda t: t.replace("}\n", "#ifdef __SYNTHESIS__\n#endif\n}\n")),
        CONDITIONS,
    ),
    "a condition in the parameters": (
        sources("parameters.h", lambda t: t + "#ifdef __SYNTHESIS__\n#define w2 b2\n#endif\n"),
        CONDITIONS,
    ),
    "a macro in the types": (sources("defines.h", lambda t: t + "#define bitfront evil\n"), CONDITIONS),
    "another loader": (
        sources("bitfront.cpp", lambda t: t.replace("w2[i] = w2_v", "w2[i] = 2 * w2_v")),
        CONDITIONS,
    ),
    "another program": (
        lambda b: (b / "golden" / "emulate.cpp").write_text("int main() { return 0; }\n"),
        "isn't the program that runs the project",
    ),
    "provenance that is a list": (lambda b: (b / "provenance.json").write_text("[]"), "no JSON object"),
}


@pytest.mark.parametrize("case", SOURCES)
def test_sources_that_g_and_synthesis_may_read_differently_are_refused(case, bundle):
    mutate, what = SOURCES[case]
    mutate(bundle)
    sign(bundle)
    both_say(bundle, 2, what)


@pytest.mark.parametrize("name", ["w2.h", "b2.h"])
def test_one_number_of_a_header_by_one_step_is_noticed(name, bundle):
    renumber(header(bundle).with_name(name))
    sign(bundle)
    both_say(bundle, 1, f"{name} holds other numbers than the model")


# -- compiler and emulation ----------------------------------------------------------------------------------


def compiler(folder: Path, script: str) -> str:
    """Put a program in g++'s place and return the PATH that finds it first."""
    folder.mkdir()
    (folder / "g++").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "g++").chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


def program(body: str) -> str:
    """A g++ that succeeds with a program of the test's own, its last argument's name."""
    return f'for last; do :; done\nprintf \'#!/bin/sh\\n{body}\\n\' > "$last"\nchmod +x "$last"'


COMPILERS = {
    "fails": (
        "echo 'x.cpp:1:2: error: no such thing'; exit 1",
        "g++ failed while compiling the emulation: x.cpp:1:2",
    ),
    "fails in silence": ("exit 3", "it ended with status 3"),
    "makes nothing": ("exit 0", "g++ failed"),
    "prints much": ("yes error | head -100000; exit 1", "g++ failed while compiling the emulation: error"),
    "is killed": ("kill -9 $$", "g++ failed"),
    "makes a program that ends with an error": (
        program("exit 9"),
        "The emulation failed: it ended with status 9",
    ),
    "makes a program that says so": (
        program("echo ERROR: file; exit 0"),
        "The emulation failed: ERROR: file",
    ),
    "makes a program that answers nothing": (program("exit 0"), "gave 0 values, not 720"),
    "makes a program that answers too little": (
        program("cp $1 $2; truncate -s 80 $2"),
        "gave 10 values, not 720",
    ),
    "makes a program that answers too much": (program("cat $1 $1 > $2"), "gave 2880 values, not 720"),
    "makes no program": ('for last; do :; done\necho nonsense > "$last"', "The emulation failed"),
}


@pytest.mark.parametrize("case", COMPILERS)
def test_a_compiler_or_an_emulation_that_fails_is_one_sentence(case, bundle, tmp_path, monkeypatch):
    script, what = COMPILERS[case]
    monkeypatch.setenv("PATH", compiler(tmp_path / "bin", script))
    both_say(bundle, 1, what)


def test_without_a_compiler_both_say_so_with_their_own_exit_code(bundle, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    both_say(bundle, 4, "g++ is not installed")


@pytest.mark.parametrize(
    ("script", "what"), [("sleep 60", "Compiling the emulation"), (program("sleep 60"), "The emulation")]
)
def test_a_compiler_or_an_emulation_that_hangs_is_stopped(script, what, bundle, tmp_path, monkeypatch):
    """The script has the limit of `verify`, ten minutes; it runs the same function."""
    from bitfront.hls.hls4ml_project.sandbox import BuildError
    from bitfront.search import verify_bundle

    monkeypatch.setenv("PATH", compiler(tmp_path / "bin", script))
    with pytest.raises(BuildError, match=rf"{what} took longer than 1\.5 s and was stopped"):
        verify_bundle(bundle, timeout_s=1.5)


def test_a_bundle_that_can_t_be_written_or_was_left_by_a_killed_verifier_is_verified_all_the_same(bundle):
    (bundle / ".verify-killed").mkdir()
    (bundle / ".verify-killed" / "in").write_text("")
    (bundle / "build").mkdir()
    (bundle / "build" / "log").write_text("")
    bundle.chmod(0o555)
    try:
        both_say(bundle, 0, "PASS: 240 samples, 3 outputs each, identical bit for bit")
    finally:
        bundle.chmod(0o755)


def test_a_module_beside_the_script_never_stands_in_for_one_of_pythons(bundle):
    for name in ("json.py", "tempfile.py", "contextlib.py"):
        (bundle / name).write_text("raise SystemExit('PASS')\n")
    both_say(bundle, 2, "was added")


# -- bundles of earlier versions -----------------------------------------------------------------------------


@pytest.fixture
def old(bundle) -> Path:
    """The bundle as versions wrote it whose emulation read text files; its script is one of theirs."""
    weights = bundle / "project" / "firmware" / "weights"
    loads = []
    for path in sorted(weights.glob("*.h")):
        text = path.read_text()
        kind, name, size = re.search(r"(\w+) (\w+)\[(\d+)\];", text).groups()
        numbers = re.search(r"\{(.*)\};", text)[1]
        path.with_suffix(".txt").write_text(numbers)
        start, end = text.index("#ifndef __SYNTHESIS__"), text.rindex("#endif")
        array = f"{kind} {name}[{size}]"
        both = f"#ifndef __SYNTHESIS__\n{array};\n#else\n{array} = {{{numbers}}};\n\n#endif\n\n"
        path.write_text(text[:start] + both + text[end:])
        loads.append(f'nnet::load_weights_from_txt<{kind}, {size}>({name}, "{name}.txt");')
    top = bundle / "project" / "firmware" / "bitfront.cpp"
    given = iter(loads[::-1])
    top.write_text(re.sub(r"for \(unsigned i = 0; i < \d+.*;", lambda _: next(given), top.read_text()))
    lacking("constants")(bundle)
    told = json.loads((bundle / "provenance.json").read_text())
    del told["verify_sha256"]
    (bundle / "provenance.json").write_text(json.dumps(told))
    shutil.copy(OLD_SCRIPT, bundle / "verify.py")
    sign(bundle)
    return bundle


def test_a_bundle_of_an_earlier_version_verifies_still_and_its_headers_are_compared_with_what_is_emulated(
    old,
):
    assert said_by_bitfront(old) == (0, "PASS: 240 samples, 3 outputs each, identical bit for bit")
    assert said_by_script(old)[0] == 0
    renumber(header(old), "0.5")
    sign(old)
    code, said = said_by_bitfront(old)
    assert (code, said) == (
        1,
        "project/firmware/weights/w2.h, which synthesis reads, differs from project/firmware/weights/w2.txt, "
        "which is emulated.",
    )


def test_a_script_of_an_earlier_version_is_refused_in_a_bundle_of_this_one(bundle):
    """It has fewer refusals, so it must not take this one's place."""
    shutil.copy(OLD_SCRIPT, bundle / "verify.py")
    sign(bundle)
    code, said = said_by_bitfront(bundle)
    assert (code, "verify.py is not one that bitfront wrote" in said) == (2, True)
