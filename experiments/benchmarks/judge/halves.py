"""The two halves of a survey: models in float, and designs compiled."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import count, cycle

from bitfront.spaces import UserError

from .compiled import Build, judge_compiled
from .designs import Design, design
from .floats import Verdict, judge_float
from .record import Half
from .survey import Case, cases, one_case

Say = Callable[[str], None]
BUILDS = (
    Build("io_parallel", "Vitis"),
    Build("io_stream", "Vitis"),
    Build("io_parallel", "Vitis", table_size=512),
    Build("io_stream", "Vivado", table_size=2048),
    Build("io_parallel", "Vivado"),
)
"""Interfaces, back ends and table sizes, in turn."""
COMPILED_FROM = 500_000
"""Number of the first case of the compiled half, apart from those of the float half."""


def float_half(numbers: Iterable[int], seed: int, until: float, shrinking: int, say: Say) -> Half:
    """Judge the float half of the models of these numbers, until a moment of the monotonic clock."""
    half, strategy = Half("float"), cases(compiled=False)
    for number in numbers:
        if time.monotonic() > until:
            say(f"The time is over before model {number}.")
            break
        judged = one_case(number, seed, strategy, lambda c: judge_float(c.network), shrinking=shrinking)
        if judged is None:
            continue
        case, verdict = judged
        if verdict.fault is not None:
            say(str(half.fail(number, case, verdict)))
        elif verdict.refusal is not None:
            half.refuse(verdict.refusal)
        else:
            half.accept(case)
    return half


def compiled_half(
    wanted: int,
    first: int,
    seed: int,
    until: float,
    shrinking: int,
    say: Say,
    *,
    group: int,
    bundle_every: int,
) -> Half:
    """Judge so many designs that can be built, `group` of them a g++ build, every `bundle_every`-th as a
    bundle too.
    """
    half = Half("compiled")
    drawn = _designs(first, seed, half)
    for at, build in zip(range(-(-wanted // group)), cycle(BUILDS), strict=False):
        if time.monotonic() > until:
            say(f"The time is over after {at} builds.")
            break
        size = min(group, wanted - at * group)
        members = [next(drawn(build)) for _ in range(size)]
        judged = judge_compiled([d for _, _, d in members], build, bundle=at % bundle_every == 0)
        for sentence in judged.refused.values():
            half.refuse(sentence)
        for place in judged.passed:
            half.accept(members[place][1])
        for place, (kind, fault) in judged.faults.items():
            number, case, _ = members[place]
            verdict = Verdict(fault=fault, kind=kind)
            if shrinking:
                case, verdict = _smallest(number, seed, build, shrinking, case, verdict)
            say(str(half.fail(number, case, verdict)) + f"\n# {build}")
    return half


_Member = tuple[int, Case, Design]


def _designs(first: int, seed: int, half: Half) -> Callable[[Build], Iterator[_Member]]:
    """Return what draws the next designs that can be built, for a build; refusals are counted on the way."""
    numbers, strategy = count(COMPILED_FROM + first), cases(compiled=True)

    def draw(build: Build) -> Iterator[_Member]:
        for number in numbers:
            judged = one_case(number, seed, strategy, lambda c: judge_float(c.network))
            if judged is None:
                continue
            case, verdict = judged
            if verdict.graph is None or verdict.fault is not None or case.setting is None:
                # the float half's business; refused ones are counted, so that the table tells how many were
                # tried
                half.refuse(verdict.refusal or "a fault of the float half")
                continue
            try:
                yield (
                    number,
                    case,
                    design(case.network, verdict.graph, case.setting, build.io_type, f"m{number}_"),
                )
            except UserError as error:
                half.refuse(str(error))

    return draw


def _smallest(
    number: int, seed: int, build: Build, shrinking: int, case: Case, verdict: Verdict
) -> tuple[Case, Verdict]:
    """Return the smallest design that fails alike when it is built alone; the one that failed where none
    does.
    """

    def judge(one: Case) -> Verdict | None:
        seen = judge_float(one.network)
        if seen is None or seen.graph is None or seen.fault is not None or one.setting is None:
            return Verdict()
        try:
            alone = design(one.network, seen.graph, one.setting, build.io_type, "m_")
        except UserError:
            return Verdict()
        judged = judge_compiled([alone], build, bundle=False)
        kind, fault = judged.faults.get(0, ("", None))
        return Verdict(fault=fault, kind=kind)

    found = one_case(number, seed, cases(compiled=True), judge, shrinking=shrinking)
    return found if found is not None and found[1].fault is not None else (case, verdict)
