"""What uniform candidates are called in the tables and figures of a study: short where that is enough, never
alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from bitfront.spaces import INNER, dimension_kind

from .evaluation import Evaluation

Way = Callable[[Evaluation], Mapping[str, str]]
"""What is said of an evaluation: by what it is about, in words."""


def width_label(evaluation: Evaluation) -> str:
    """Return `8 bit` for a uniform candidate whose params say so, else `uniform`: the width that most of its
    weights have.
    """
    # a layer's range may hold the width back
    bits = list(_widths(evaluation).items())
    weights = [value for name, value in bits if "weight" in name.rpartition(".")[2]]
    common = Counter(weights or [value for _, value in bits]).most_common(1)
    return f"{common[0][0]} bit" if common else "uniform"


def width_names(evaluations: Iterable[Evaluation]) -> dict[int, str]:
    """Return what the widths of uniform candidates are called, by trial: alike where all that was chosen but
    the method is.
    """
    return _told_apart(evaluations, width_label, (_roles, _chosen))


def uniform_names(evaluations: Iterable[Evaluation]) -> dict[int, str]:
    """Return a name for each uniform candidate, by trial: `8 bit QAT`, with what tells it from another one of
    that name.

    That is what was chosen (hardware, sparsity, widths), that training was undone, what training began with,
    and what types have come of it (signs, integer bits); where nothing of these differs, the trial.
    """
    ways = (_roles, _chosen, _training, _types, lambda e: {"trial": f"trial {e.number}"})
    return _told_apart(evaluations, lambda e: f"{width_label(e)} {e.method.upper()}", ways)


def _told_apart(
    evaluations: Iterable[Evaluation], name: Callable[[Evaluation], str], ways: Sequence[Way]
) -> dict[int, str]:
    alike: dict[str, list[Evaluation]] = {}
    for e in evaluations:
        alike.setdefault(name(e), []).append(e)
    found: dict[int, str] = {}
    for short, members in alike.items():
        found |= _apart(short, members, ways)
    return found


def _apart(name: str, members: Sequence[Evaluation], ways: Sequence[Way]) -> dict[int, str]:
    """Return names of evaluations that share one, by the fewest words of the first way in which they differ,
    then of the next.
    """
    if len(members) == 1 or not ways:
        return {e.number: name for e in members}
    told = [ways[0](e) for e in members]
    words: list[tuple[str, ...]] = [() for _ in members]
    for key in dict.fromkeys(key for one in told for key in one):
        longer = [(*before, one.get(key, "")) for before, one in zip(words, told, strict=True)]
        if len(set(longer)) > len(set(words)):
            words = longer
    groups: dict[tuple[str, ...], list[Evaluation]] = {}
    for e, own in zip(members, words, strict=True):
        groups.setdefault(own, []).append(e)
    found: dict[int, str] = {}
    for own, some in groups.items():
        found |= _apart(", ".join(filter(None, [name, *own])), some, ways[1:])
    return found


def _widths(e: Evaluation) -> dict[str, int]:
    return {
        name: value
        for name, value in e.params.items()
        if isinstance(value, int) and dimension_kind(name) == "width" and not name.endswith(INNER)
    }


def _roles(e: Evaluation) -> dict[str, str]:
    """Return the hardware and the sparsity, then the widths by what they are of: `activations 12 bit`."""
    found = {name: word for name, word in _chosen(e).items() if "." not in name}
    roles: dict[str, set[int]] = {}
    for name, value in _widths(e).items():
        roles.setdefault(name.rpartition(".")[2], set()).add(value)
    for role, values in roles.items():
        bits = f"{min(values)} to {max(values)}" if len(values) > 1 else f"{min(values)}"
        found[f"{role} of all"] = f"{role.replace('_', ' ')} {bits} bit"
    return found


def _chosen(e: Evaluation) -> dict[str, str]:
    """Return everything that was chosen but the method."""
    found: dict[str, str] = {}
    for name, value in e.params.items():
        layer, _, choice = name.rpartition(".")
        if choice == "sparsity":
            found[name] = f"{value} % zeros"
        elif choice != "method":
            found[name] = f"{layer} {choice.replace('_', ' ')} {value}".strip()
    return found


def _training(e: Evaluation) -> dict[str, str]:
    untrained = e.params.get("method") == "qat" and e.method == "ptq"
    return {
        "training": "training undone" if e.undone else "not trained" if untrained else "",
        "start": "" if e.start == "float" else f"from {e.start}",
    }


def _types(e: Evaluation) -> dict[str, str]:
    """Return the type of each tensor as `lstm/weight fixed<8,3>`."""
    return {key: f"{key} {','.join(text.rstrip('>').split(',')[:2])}>" for key, text in e.precision.items()}
