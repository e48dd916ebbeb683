"""Random Keras models: each is refused with one sentence, or computed exactly, in float and in the firmware.

The whole survey, 2,000 models and 200 compiled designs, is in the slow tier.
"""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import numpy as np
import pytest
import zoo

from bitfront.experiments.benchmarks.judge import halves
from bitfront.experiments.benchmarks.judge.__main__ import GROUP, main
from bitfront.experiments.benchmarks.judge.designs import Setting, design
from bitfront.experiments.benchmarks.judge.floats import (
    Verdict,
    difference,
    judge_float,
    keras_outputs,
    no_sentence,
)
from bitfront.experiments.benchmarks.judge.inputs import input_sets
from bitfront.experiments.benchmarks.judge.networks import Network
from bitfront.experiments.benchmarks.judge.program import Program
from bitfront.experiments.benchmarks.judge.survey import Case, cases, one_case
from bitfront.spaces import lower
from bitfront.spaces.lowering.layers import LAYERS

SEED = 16
LONG = 4 * 3600.0


def told(half) -> str:
    """Return a half's findings, for a test's failure."""
    return "\n\n".join(map(str, half.findings))


@pytest.mark.parametrize(
    "models", [pytest.param(40, id="few"), pytest.param(2000, id="many", marks=pytest.mark.slow)]
)
@pytest.mark.timeout(LONG)
def test_a_random_model_is_refused_in_a_sentence_or_computes_what_keras_computes(models):
    """Normal and stressed inputs, every output; what a study would ask before it begins is asked first."""
    half = halves.float_half(range(1, models + 1), SEED, time.monotonic() + LONG, 0, print)

    assert told(half) == ""
    assert half.accepted >= models // 4
    assert half.refused >= models // 10


@zoo.needs_compiler
@pytest.mark.parametrize(
    "designs", [pytest.param(6, id="few"), pytest.param(200, id="many", marks=pytest.mark.slow)]
)
@pytest.mark.timeout(LONG)
def test_the_firmware_of_a_random_design_computes_what_its_bit_true_and_exported_models_compute(designs):
    """Random widths, strategies, reuse factors, interfaces and back ends; many designs a build, bundles
    verified.
    """
    half = halves.compiled_half(
        designs, 1, SEED, time.monotonic() + LONG, 0, print, group=GROUP, bundle_every=4
    )

    assert told(half) == ""
    assert half.accepted >= designs // 2


def network(*lines: str, head: str = "keep") -> Network:
    """Return the network of these lines, whose inputs and tensors are x0, x1, ... and whose output is the
    last.
    """
    program = Program()
    program.input((5,))
    for line in lines:
        assert program.apply(line) is not None
    return Network(program, program.finish([program.tensors[-1]], "normal", 0), head, odd=False)


def test_a_graph_that_computes_something_else_is_told_from_rounding():
    """One weight that is off is a difference; float32's last bits are none, at inputs of a hundred either."""
    one = network("L.Dense(4, activation='tanh')(x0)", "L.Dense(3, activation='softmax')(x1)", head="auto")
    batch = [np.concatenate(parts) for parts in zip(*input_sets(one.model, 1).values(), strict=True)]
    graph, expected = lower(one.model, head="auto"), keras_outputs(one.model, batch)

    assert difference(one, graph, batch, expected) is None

    wrong = {name: {role: np.array(a) for role, a in roles.items()} for name, roles in graph.weights.items()}
    wrong["dense"]["weight"][0, 0] += 0.05
    fault = difference(one, graph.with_weights(wrong), batch, expected)

    assert fault is not None
    assert re.match(
        r"output 0 on 'normal': Keras [\d.e-]+, graph [\d.e-]+ \(\d+% of the values differ\)", fault
    )


def test_a_head_that_is_left_off_is_put_back_before_it_is_compared():
    for head in ("keep", "auto", "logits"):
        for activation in ("softmax", "sigmoid"):
            verdict = judge_float(network(f"L.Dense(3, activation={activation!r})(x0)", head=head))
            assert verdict.graph is not None
            assert verdict.fault is None


@pytest.mark.parametrize(
    "text", ["no end", "two\nlines.", "Traceback (most recent call last).", "a <KerasTensor shape=(1,)>."]
)
def test_a_refusal_that_is_no_sentence_is_a_fault(text):
    assert no_sentence(text) is not None
    assert no_sentence("The layer 'a' can't be built: use another one.") is None


def test_a_failing_model_shrinks_to_the_smallest_that_fails_alike():
    """Whatever holds an LSTM fails here: what is left is one LSTM of one unit on one value."""

    def judge(case: Case) -> Verdict:
        found = "L.LSTM(" in "\n".join(case.network.program.lines)
        return Verdict(fault="it holds an LSTM" if found else None, kind="LSTM" if found else "")

    drawn = (one_case(n, SEED, cases(compiled=False), judge, shrinking=150) for n in range(1, 200))
    case, verdict = next(made for made in drawn if made is not None and made[1].fault)

    assert verdict.fault == "it holds an LSTM"
    lines = case.network.program.lines
    assert len(lines) <= 5, lines  # input, LSTM, model, weights, and what hypothesis could not get rid of
    assert any("L.LSTM(1" in line for line in lines)


def test_a_model_is_found_again_by_seed_and_number_and_from_the_file_that_is_written(tmp_path):
    """The same lines, and a file of them builds a model with the same weights."""
    first, second = (one_case(7, SEED, cases(compiled=False), lambda case: Verdict()) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first[0].text == second[0].text

    program = first[0].network.program
    (tmp_path / "model.py").write_text(program.source)
    space: dict = {}
    exec(compile(program.source, "model.py", "exec"), space)
    for a, b in zip(space["build"]().weights, first[0].network.model.weights, strict=True):
        if "seed" not in a.path:
            assert np.array_equal(np.asarray(a), np.asarray(b))


def test_every_layer_that_can_be_lowered_is_drawn():
    """A new handler has to be judged too: its layer is among the kinds or in a structure."""
    folder = Path(halves.__file__).parent
    text = "\n".join((folder / f"{name}.py").read_text() for name in ("kinds", "quantized", "structures"))
    own = {
        "AddConstant",
        "Einsum",
        "ElementWidths",
        "FixedPointQuantizer",
        "Lookup",
    }  # layers of bitfront's own
    pooling = re.compile(r"(Global)?(Max|Average)Pooling[12]D")
    merges = {"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"}

    missing = [
        name
        for name in LAYERS
        if name not in own | merges
        and not pooling.fullmatch(name)
        and f".{name}" not in text
        and f".Q{name}" not in text
    ]
    assert missing == []


def test_the_command_prints_a_table_and_writes_what_it_found(tmp_path, capsys):
    out = tmp_path / "judge"
    code = main(["--models", "3", "--compiled", "0", "--seed", str(SEED), "--out", str(out)])

    said = capsys.readouterr().out
    assert code == 0
    assert "| float | 3 |" in said
    record = json.loads((out / "judge.json").read_text())
    assert [half["tried"] for half in record["halves"]] == [3, 0]
    assert record["seed"] == SEED


def test_designs_of_one_build_keep_their_names_apart():
    """Two designs of the same network share no node, and each keeps its own candidate."""
    one = network("L.Dense(4)(x0)")
    graph = lower(one.model, head="keep")
    setting = Setting(4, 8, 0, (0, 0), False, False, False, "Latency", 1, None, None)
    a, b = (design(one, graph, setting, "io_parallel", prefix) for prefix in ("m1_", "m2_"))

    assert {n.name for n in a.graph}.isdisjoint(n.name for n in b.graph)
    assert set(a.candidate.widths).isdisjoint(b.candidate.widths)
