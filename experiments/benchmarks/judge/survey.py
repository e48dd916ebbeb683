"""One hypothesis run a model, so that every model has a seed of its own and every failure shrinks by
itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky, Unsatisfiable

from .designs import Setting, settings_of_designs
from .floats import Verdict
from .networks import Network, networks

MODELS_APART = 1_000_003
"""Between the seeds of two surveys, so that neighbouring ones share no model."""


@dataclass(frozen=True, eq=False)
class Case:
    """A random network, and how it is built where that is judged too."""

    network: Network
    setting: Setting | None = None

    @property
    def text(self) -> str:
        """What identifies the case: the lines that build the model, and the setting."""
        parts = [self.network.program.core, f"# head: {self.network.head}"]
        return "\n".join([*parts, f"# {self.setting}"] if self.setting else parts)


def cases(*, compiled: bool) -> st.SearchStrategy[Case]:
    """Return what draws cases: with `compiled`, networks that are meant to be accepted, with a setting
    each.
    """
    if compiled:
        return st.builds(Case, networks(plain=True), settings_of_designs())
    return st.builds(Case, networks())


class _Fault(AssertionError):
    """Raised for hypothesis, which makes the model smaller while the fault stays of the same kind."""


def one_case(
    number: int,
    of: int,
    strategy: st.SearchStrategy[Case],
    judge: Callable[[Case], Verdict | None],
    *,
    shrinking: int = 0,
) -> tuple[Case, Verdict] | None:
    """Draw case `number` of the survey with seed `of`, judge it, and shrink it where it fails.

    At most `shrinking` smaller ones are tried. One that fails in another way is not taken for the same. None
    where Keras could compute nothing of what was drawn.
    """
    last: dict[str, tuple[Case, Verdict]] = {}
    kinds: list[str] = []
    failed: set[str] = set()
    calls = 0

    @seed(MODELS_APART * of + number)
    # two examples: hypothesis's first is always the simplest one
    @settings(
        max_examples=2,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, *([Phase.shrink] if shrinking else [])],
        print_blob=False,
    )
    @given(strategy)
    def holds(case: Case) -> None:
        nonlocal calls
        calls += 1
        if calls == 1 and number:
            return
        if kinds and calls > shrinking and case.text not in failed:
            return
        verdict = judge(case)
        assume(verdict is not None)
        assert verdict is not None
        if verdict.fault is None:
            if not kinds:
                last["passed"] = (case, verdict)
            return
        kinds.append(verdict.kind)
        if verdict.kind != kinds[0]:
            return
        failed.add(case.text)
        last["failed"] = (case, verdict)
        raise _Fault(verdict.fault)

    try:
        holds()
    except _Fault:
        return last["failed"]
    except Unsatisfiable:
        return None
    except Flaky as error:
        found = last.get("failed") or last.get("passed")
        if found is None:
            raise
        return found[0], Verdict(fault=f"it fails once and passes then: {error}", kind="not repeatable")
    return last.get("passed")
