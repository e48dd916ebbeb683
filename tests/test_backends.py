"""hls4ml's back-ends are records: what one lacks is refused, and what is none of them is refused in one
place.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import zoo

from bitfront.hls import backends, check_hardware, convert
from bitfront.hls.backends import BACKENDS, backend_named
from bitfront.hls.backends.amd import passes
from bitfront.hls.hls4ml_project.handlers import register_handlers
from bitfront.hls.synthesis import find_tool
from bitfront.search.config import StudyConfig
from bitfront.spaces import ToolMissing, UserError, lower


@pytest.fixture
def other(monkeypatch):
    """A back-end of another maker, which has no distributed arithmetic and can't build one operation."""
    made = replace(
        BACKENDS["Vitis"],
        name="Other",
        programs=("other-hls",),
        settings="install it",
        strategies=("Latency", "Resource"),
        refused={"relu": "it has none"},
    )
    monkeypatch.setattr(backends, "BACKENDS", {**BACKENDS, "Other": made})
    return made


def test_what_a_back_end_lacks_is_refused_by_name(other):
    graph = lower(zoo.zoo("vector", 1, only=("mlp",)))
    with pytest.raises(UserError, match=r"\(relu\): it has none"):
        check_hardware(graph, io_type="io_parallel", backend="Other")
    with pytest.raises(UserError, match="Other has no strategy distributed_arithmetic"):
        check_hardware(graph, io_type="io_parallel", backend="Other", strategies=("distributed_arithmetic",))
    check_hardware(graph, io_type="io_parallel", backend="Vitis", strategies=("distributed_arithmetic",))


def test_the_programs_of_a_back_end_are_looked_for(other, tmp_path):
    with pytest.raises(ToolMissing, match="No other-hls on PATH: install it"):
        find_tool("Other", path=str(tmp_path))


def test_a_back_end_of_hls4ml_that_bitfront_does_not_know_is_refused_everywhere(tmp_path):
    said = "hls4ml's backend 'Quartus': use Vitis or Vivado"
    with pytest.raises(UserError, match=said):
        backend_named("Quartus")
    with pytest.raises(UserError, match=said):
        convert(zoo.zoo("vector", 1, only=("mlp",)), {}, tmp_path / "p", backend="Quartus")
    with pytest.raises(UserError, match=said):
        find_tool("Quartus")
    with pytest.raises(UserError, match=r"hls\.backend = 'Quartus' isn't known"):
        StudyConfig(model="m.py:f", data="d.py:f", task="binary", hls={"backend": "Quartus"})


def test_the_passes_that_are_replaced_are_hls4mls_own():
    register_handlers()
    assert passes.shared_backend().name == "Vivado"
    with pytest.raises(AssertionError):
        passes.replace_pass("no_such_pass", None)
