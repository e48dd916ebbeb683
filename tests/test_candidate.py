"""A candidate holds the hardware of each layer in one place, and says it as it always did."""

from __future__ import annotations

from dataclasses import fields
from typing import get_args

from bitfront.spaces import Candidate, Hardware, LayerHardware, hardware_of, layer_hardware

PLAIN = {
    "method": "qat",
    "widths": {"d/weight": 4, "rnn/weight": 6},
    "shifts": {},
    "strategy": {"d": "Latency", "rnn": "Resource"},
    "reuse_factor": {"d": 1, "rnn": 4},
    "recurrent_reuse_factor": {"rnn": 2},
    "recurrent_mode": {"rnn": "non_static"},
    "sparsity": 50,
}


def test_a_candidates_json_and_digest_are_those_of_four_maps():
    """The digest keys trained weights and runs in MLflow: it was computed before the four became one."""
    candidate = Candidate.from_json(PLAIN)
    assert candidate.to_json() == PLAIN
    assert candidate.digest == "af84f2e1e9dab05b"
    assert Candidate.from_json(candidate.to_json()) == candidate


def test_what_is_not_chosen_is_in_no_map_but_the_first_two_are_always_there():
    candidate = Candidate(method="ptq", widths={}, hardware={"d": LayerHardware(strategy="Latency")})
    assert candidate.to_json() == {
        "method": "ptq",
        "widths": {},
        "shifts": {},
        "strategy": {"d": "Latency"},
        "reuse_factor": {},
    }


def test_the_hardware_of_a_layer_is_what_a_study_file_can_choose():
    assert {field.name for field in fields(LayerHardware)} == set(get_args(Hardware))
    assert layer_hardware({"strategy": {"a": "Resource"}, "reuse_factor": {"a": 3, "b": 2}}) == {
        "a": LayerHardware(strategy="Resource", reuse_factor=3),
        "b": LayerHardware(reuse_factor=2),
    }


def test_hardware_holds_for_all_nodes_or_by_name():
    one = LayerHardware(reuse_factor=3)
    assert hardware_of(one, "a") is one
    assert hardware_of({"a": one}, "a") is one
    assert hardware_of({"a": one}, "b") == LayerHardware()
    assert LayerHardware().static
    assert not LayerHardware(recurrent_mode="non_static").static
