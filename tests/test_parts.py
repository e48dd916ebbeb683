"""The parts catalogue answers to boards, dies and part strings, and refuses the rest with near names."""

from __future__ import annotations

import pytest

from bitfront.hls.parts import catalogue, part
from bitfront.spaces.errors import UserError


def test_every_device_the_study_file_promises_is_known():
    promised = [
        "vu13p",
        "u250",
        "u200",
        "u55c",
        "ku115",
        "zu9eg",
        "zu7ev",
        "kv260",
        "pynq-z2",
        "vu9p",
        "ku040",
        "7vx690t",
    ]
    assert len({part(alias).die for alias in promised}) == len(promised)
    assert len(catalogue()) >= 12


def test_every_name_in_the_catalogue_leads_to_its_own_part():
    for known in catalogue():
        for name in (known.name, known.die, known.name.upper(), *known.aliases):
            assert part(name) == known


def test_no_two_parts_share_a_name():
    names = [name for known in catalogue() for name in (known.die, *known.aliases)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("given", "die"),
    [
        ("xcvu13p-fhga2104-3-e", "xcvu13p"),
        ("xc7z020-clg400-1", "xc7z020"),
        ("xc7vx690t-ffg1761-2", "xc7vx690t"),
        ("xcku115-flvf1924-1-c", "xcku115"),
        ("xcu50-fsvh2104-2L-e", "xcu50"),
    ],
)
def test_another_package_or_speed_grade_of_a_die_keeps_its_spelling(given, die):
    found = part(given)
    assert found.die == die
    assert found.name == given


def test_bram_counts_ramb18_and_the_pynq_has_a_dsp48e1():
    assert part("pynq-z2").capacity() == {"lut": 53200, "ff": 106400, "dsp": 220, "bram18": 280, "uram": 0}
    assert part("pynq-z2").multiplier_ports == (25, 18)
    assert part("vu13p").multiplier_ports == (27, 18)


@pytest.mark.parametrize(("wrong", "near"), [("xcvu13", "xcvu13p"), ("u205", "u250"), ("pynk-z2", "pynq-z2")])
def test_an_unknown_part_is_refused_with_near_names(wrong, near):
    with pytest.raises(UserError, match=near):
        part(wrong)


@pytest.mark.parametrize("wrong", ["", "   ", "xcvu13pfoo", "stratix10"])
def test_what_is_no_amd_part_string_is_refused(wrong):
    with pytest.raises(UserError):
        part(wrong)
