"""Many random models, one hypothesis run each, so that every failure shrinks by itself and has a seed of its own."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException

from .floats import Verdict, judge_float
from .networks import Network, networks

MOST_SHRINKING = 200
"""Models that are tried to make one that failed smaller."""
MODELS_APART = 1_000_003
"""Between the seeds of two surveys, so that neighbouring ones share no model."""


@dataclass(frozen=True)
class Finding:
    """A model that failed, as small as hypothesis could make it."""

    index: int
    """Number of the model; the survey's seed and it give the model again."""
    kind: str
    fault: str
    core: str
    """The lines that build it."""
    source: str
    """A whole file, `model.py:build`."""
    head: str


@dataclass
class Survey:
    """What became of the models so far."""

    refused: int = 0
    accepted: int = 0
    findings: list[Finding] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    """Refusals without the names of layers, and how often each was met."""
    layers: Counter[str] = field(default_factory=Counter)
    """What was called in accepted models."""

    @property
    def models(self) -> int:
        """How many models were tried."""
        return self.refused + self.accepted + len(self.findings)

    def count(self, network: Network, verdict: Verdict) -> None:
        """Count a model that passed."""
        if verdict.refusal is not None:
            self.refused += 1
            self.refusals.update({_nameless(part) for part in verdict.refusal.split("; ")})
            return
        self.accepted += 1
        self.layers.update(set(re.findall(r"\b((?:L|ops|qkeras)\.\w+|[A-Z]\w+)\(", "\n".join(network.program.lines))))


def _nameless(sentence: str) -> str:
    return re.sub(r"\d+", "n", re.sub(r"'[^']*'", "'...'", sentence.removeprefix("The firmware can't compute this model: ")))[:110]


class _Fault(AssertionError):
    """Raised for hypothesis, which makes the model smaller while the fault stays of the same kind."""


def one_model(
    number: int, of: int, judge: Callable[[Network], Verdict | None], *, plain: bool = False, shrink: bool = True
) -> tuple[Network, Verdict]:
    """Draw model `number` of the survey with seed `of`, judge it, and shrink it where it fails.

    A model that fails in another way while it shrinks is not taken for the same.
    """
    last: dict[str, tuple[Network, Verdict]] = {}
    first: list[str] = []
    failed: set[str] = set()
    calls = 0

    @seed(MODELS_APART * of + number)
    # two examples: hypothesis's first is always the simplest model
    @settings(
        max_examples=2,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, *([Phase.shrink] if shrink else [])],
        print_blob=False,
    )
    @given(networks(plain))
    def property_(network: Network) -> None:
        nonlocal calls
        calls += 1
        if calls == 1 and number:
            return
        if first and calls > MOST_SHRINKING and network.program.source not in failed:
            return
        verdict = judge(network)
        assume(verdict is not None)
        assert verdict is not None
        if verdict.fault is None:
            if not first:
                last["passed"] = (network, verdict)
            return
        first.append(verdict.kind)
        if verdict.kind != first[0]:
            return
        failed.add(network.program.source)
        last["failed"] = (network, verdict)
        raise _Fault(verdict.fault)

    try:
        property_()
    except _Fault:
        return last["failed"]
    except HypothesisException as error:  # flaky: it fails once and passes then
        network, verdict = last.get("failed", last.get("passed", (None, None)))
        if network is None or verdict is None:
            raise
        return network, Verdict(fault=f"not repeatable: {error}", kind="not repeatable")
    return last["passed"]
