"""Hostile input: whatever a file holds, reading it gives a value or one sentence, soon, and writes nothing.

Ten thousand cases in the slow tier, some hundred otherwise.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_reports import COSIM, PARSERS, TIMING, UTILIZATION, VITIS_RPT, csynth_xml

from bitfront.hls.hls4ml_project.emulation import Refusal
from bitfront.hls.hls4ml_project.verification import check_files, read_golden, read_npy
from bitfront.hls.reports import diagnose_log, read_project
from bitfront.search import load_study
from bitfront.search.config.base import key_paths
from bitfront.search.config.study import StudyConfig
from bitfront.search.problem.data import read_npz
from bitfront.search.trials.evaluation import Evaluation
from bitfront.search.trials.reference import Reference
from bitfront.spaces import BitfrontError, FixedPoint

TIERS = [pytest.param(60, id="few"), pytest.param(1700, id="many", marks=pytest.mark.slow)]
SOON_MS = 5000
"""No input of these sizes may take longer, on a busy machine either."""


def cases(count: int):
    """Return the settings of a check with so many cases."""
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
    return settings(
        max_examples=count, deadline=SOON_MS, suppress_health_check=checks, derandomize=True, database=None
    )


def answers(read, *arguments) -> None:
    """Call `read`: it returns, or refuses in one sentence that ends."""
    try:
        read(*arguments)
    except BitfrontError as error:
        text = str(error)
        assert text.strip()
        assert "Traceback" not in text


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=30),
    st.sampled_from(
        ["2..8", "50%", "-1", "1e400", "4GiB", "9" * 400, "0x10", "file.py:f", "../../x", "5m", "inf"]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)
KEYS = sorted(key_paths(StudyConfig))


@st.composite
def study_files(draw) -> bytes:
    """A valid study with some of its keys set to anything, or bytes that are no study at all."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.one_of(st.binary(max_size=400), st.text(max_size=400).map(str.encode)))
    values: dict = {"model": "model.py:build", "data": "data.py:load", "task": "multiclass"}
    for path in draw(st.lists(st.sampled_from(KEYS), max_size=4, unique=True)):
        *sections, last = path.split(".")
        place = values
        for section in sections:
            if not isinstance(place.get(section), dict):
                place[section] = {}
            place = place[section]
        place[last] = draw(VALUES)
    text = yaml.safe_dump(values, allow_unicode=True)
    if draw(st.booleans()):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.text(max_size=5)) + text[at + draw(st.integers(0, 3)) :]
    return text.encode(errors="surrogatepass")


@pytest.mark.parametrize("count", TIERS)
def test_a_study_file_is_read_or_refused_in_a_sentence(count, tmp_path):
    file = tmp_path / "study.yaml"

    @cases(count)
    @given(study_files())
    def check(raw):
        file.write_bytes(raw)
        answers(load_study, file)
        assert contents(tmp_path) == {"study.yaml": raw}

    check()


@pytest.mark.parametrize("count", TIERS)
def test_an_override_is_taken_or_refused_in_a_sentence(count, tmp_path):
    file = tmp_path / "study.yaml"
    file.write_text("model: m.py:f\ndata: d.py:f\ntask: binary\n")
    words = st.one_of(st.sampled_from(KEYS), st.text(max_size=20))

    @cases(count)
    @given(words, st.one_of(st.text(max_size=40), VALUES.map(lambda v: json.dumps(v, default=str))))
    def check(key, value):
        answers(load_study, file, [f"{key}={value}"])

    check()


TYPES = st.one_of(
    st.text(max_size=40),
    st.from_regex(r"(ap_)?u?(fixed|int)<-?[0-9]{1,6}(,-?[0-9]{1,4}(,[A-Z_]{1,12}){0,3})?>", fullmatch=True),
)


@pytest.mark.parametrize("count", TIERS)
def test_precisions_and_records_are_read_or_refused_in_a_sentence(count, tmp_path):
    """`precision.json`, `evaluation.json` and `reference.json`, of any shape."""
    sound = json.loads(
        json.dumps(
            Evaluation(
                number=3,
                digest="d",
                method="ptq",
                status="complete",
                metrics={"score": 0.5},
                precision={"a/weight": "fixed<8,3>"},
                layers=({"node": "a", "op": "dense"},),
            ).to_json()
        )
    )
    file = tmp_path / "evaluation.json"

    @cases(count)
    @given(
        TYPES,
        VALUES,
        st.dictionaries(st.sampled_from(sorted(sound)), VALUES, max_size=3),
        st.binary(max_size=60),
        st.integers(0, 400),
    )
    def check(text, value, changes, noise, at):
        answers(FixedPoint.parse, text)
        answers(FixedPoint.from_json, value)
        answers(Evaluation.from_json, sound | changes)
        raw = json.dumps(sound).encode()
        file.write_bytes(raw[:at] + noise + raw[at + len(noise) :])
        answers(Evaluation.read, file)
        (tmp_path / "reference.json").write_text(json.dumps(changes | {"float": value}, default=str))
        answers(Reference.read, tmp_path)

    check()


REPORTS = (csynth_xml(), VITIS_RPT, UTILIZATION, TIMING, COSIM)


@st.composite
def mangled(draw, texts) -> str:
    """A sound text with pieces cut out, doubled, moved or replaced by anything."""
    text = draw(st.sampled_from(texts))
    for _ in range(draw(st.integers(0, 4))):
        a, b = sorted(draw(st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))))
        piece = draw(
            st.sampled_from(["", text[a:b] * 2, "9" * 5000, "|" * 3000, " " * 3000, "\0", "<" * 50, "&x;"])
        )
        text = text[:a] + piece + text[b:]
    return text[:60_000]


@pytest.mark.parametrize("count", TIERS)
def test_reports_give_figures_or_a_typed_error(count, tmp_path):
    """Any parser on any mangled report, also through the reader of a project's folder."""
    place = tmp_path / "myproject_prj" / "solution1" / "syn" / "report"
    place.mkdir(parents=True)

    @cases(count)
    @given(mangled(REPORTS), st.sampled_from(PARSERS))
    def check(text, parse):
        answers(parse, text)
        answers(diagnose_log, text)
        (place / "csynth.xml").write_text(text, errors="replace")
        before = contents(tmp_path)
        answers(read_project, tmp_path)
        assert contents(tmp_path) == before

    check()


def archive() -> bytes:
    """Return a sound `.npz` of a study's data."""
    out = io.BytesIO()
    arrays = {f"{axis}_{split}": np.ones((4, 3), "f4") for axis in "xy" for split in ("train", "val", "test")}
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def member(header: str, body: bytes = b"") -> bytes:
    """Return an array's file with any header."""
    text = header.encode("latin1", "replace")
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text) & 0xFFFF) + text + body


HEADERS = st.one_of(
    st.text(max_size=80),
    st.builds(
        "{{'descr': {!r}, 'fortran_order': {}, 'shape': {}}}\n".format,
        st.sampled_from(["<f4", "|O", ">c16", "|V9", "<f4, O", "S0", "<U1000000000", [("a", "<f4")]]),
        st.sampled_from(["True", "False", "1", "()"]),
        st.sampled_from(
            ["()", "(3,)", "(-1,)", "(2**60,)", f"({2**62}, {2**62})", "(0, 9)", "(1.5,)", "'x'"]
        ),
    ),
)


@pytest.mark.parametrize("count", TIERS)
def test_an_npz_is_read_or_refused_in_a_sentence(count, tmp_path):
    """Changed bytes of a sound archive, and archives whose members are called and filled with anything."""
    sound = archive()
    file = tmp_path / "inner" / "data.npz"
    file.parent.mkdir()
    names = st.one_of(
        st.sampled_from(["x_train.npy", "../x_train.npy", "/x_val.npy", "y_test.npy"]),
        st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=20),
    )

    @cases(count)
    @given(
        st.integers(0, len(sound)),
        st.binary(max_size=30),
        st.lists(st.tuples(names, HEADERS, st.binary(max_size=50)), max_size=3),
        st.booleans(),
    )
    def check(at, noise, members, made):
        raw = sound[:at] + noise + sound[at + len(noise) :]
        if made:
            out = io.BytesIO()
            with zipfile.ZipFile(out, "w") as made_up:
                for name, header, body in members:
                    made_up.writestr(name, member(header, body))
            raw = out.getvalue()
        file.write_bytes(raw)
        answers(read_npz, file)
        assert contents(tmp_path) == {"inner/data.npz": raw}

    check()


@pytest.mark.parametrize("count", TIERS)
def test_a_bundle_s_checksums_reach_no_file_outside(count, tmp_path):
    """A bundle that names files of others is refused before it is known whether they are there."""
    bundle, secret = tmp_path / "bundle", tmp_path / "secret"
    bundle.mkdir()
    secret.write_text("secret")
    digest = hashlib.sha256(b"secret").hexdigest()
    names = st.one_of(
        st.sampled_from(["../secret", str(secret), "a/../../secret", "..\\secret", "./../secret", "a//b"]),
        st.text(max_size=30),
    )

    @cases(count)
    @given(st.lists(st.tuples(st.sampled_from([digest, "0" * 64, "x"]), names), max_size=4))
    def check(rows):
        text = "".join(f"{one}  {name}\n" for one, name in rows)
        (bundle / "checksums.sha256").write_bytes(text.encode(errors="surrogatepass"))
        with pytest.raises(Refusal):
            check_files(bundle)
        assert secret.read_text() == "secret"

    check()


@pytest.mark.parametrize("count", TIERS)
def test_golden_json_and_arrays_of_any_content_are_read_or_refused(count, tmp_path):
    """A count, a shape or a name of another kind ends in one sentence, an array that lies too."""
    (tmp_path / "golden").mkdir()
    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=6,
    )
    entry = {"file": "inputs.npy", "shape": [2]}
    sound = {
        "schema": 1,
        "project": "b",
        "samples": 3,
        "inputs": [entry],
        "outputs": [entry],
        "constants": {},
    }

    @cases(count)
    @given(st.sampled_from(sorted(sound)), values, values, st.binary(max_size=200))
    def check(key, value, inner, data):
        told = {**sound, key: value, "inputs": [{**entry, "shape": inner}]}
        (tmp_path / "golden" / "golden.json").write_text(json.dumps(told))
        (tmp_path / "golden" / "inputs.npy").write_bytes(b"\x93NUMPY\x01\x00" + data)
        said = None
        try:
            golden = read_golden(tmp_path)
            read_npy(tmp_path, "golden/inputs.npy", [golden["samples"], *golden["inputs"][0]["shape"]])
        except Refusal as refusal:
            said = (refusal.code, str(refusal).count("\n"))
        assert said in (None, (2, 0))

    check()


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 100_000, "9" * 5_000_000, '"' + "\\" * 100_000])
def test_json_that_is_deep_or_long_is_refused_in_a_sentence(text, tmp_path):
    """Nesting beyond Python's stack, numbers beyond its limit of digits."""
    for name, read in (
        ("evaluation.json", Evaluation.read),
        ("reference.json", lambda p: Reference.read(p.parent)),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(BitfrontError):
            read(tmp_path / name)
