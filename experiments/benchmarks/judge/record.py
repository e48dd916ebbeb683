"""What a survey found: counts, refusals, findings, and what of the layers it met."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .floats import Verdict
from .survey import Case

_CALLED = re.compile(r"\b((?:L|ops|qkeras)\.\w+|[A-Z]\w+)\(")
_MOST_REFUSALS = 12


@dataclass(frozen=True)
class Finding:
    """A case that failed, as small as hypothesis could make it."""

    half: str
    """`float` or `compiled`."""
    number: int
    """The survey's seed and it give the case again."""
    kind: str
    fault: str
    lines: str
    """The lines that build the model, and the setting."""
    source: str
    """The same as a file that a user would have, `model.py:build`."""

    def __str__(self) -> str:
        """Tell a reader in some lines."""
        return f"--- {self.half} {self.number}: {self.kind}\n{self.fault}\n{self.lines}"


@dataclass
class Half:
    """What became of the cases of one half."""

    name: str
    refused: int = 0
    accepted: int = 0
    findings: list[Finding] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    """Reasons without names and numbers, and how often each was met."""
    called: Counter[str] = field(default_factory=Counter)
    """What accepted models were made of."""

    @property
    def tried(self) -> int:
        """How many cases were judged."""
        return self.refused + self.accepted + len(self.findings)

    def refuse(self, sentence: str) -> None:
        """Count a refused case."""
        self.refused += 1
        self.refusals.update({_nameless(part) for part in re.split(r"; (?=')", sentence)})

    def accept(self, case: Case) -> None:
        """Count an accepted case that holds."""
        self.accepted += 1
        self.called.update(set(_CALLED.findall("\n".join(case.network.program.lines))) - {"Input", "Model"})

    def fail(self, number: int, case: Case, verdict: Verdict) -> Finding:
        """Keep a case that failed."""
        found = Finding(
            self.name, number, verdict.kind, verdict.fault or "", case.text, case.network.program.source
        )
        self.findings.append(found)
        return found

    @property
    def row(self) -> str:
        """Return its line of the table."""
        return f"| {self.name} | {self.tried} | {self.refused} | {self.accepted} | {len(self.findings)} |"


HEAD = "| half | tried | refused | accepted and equal | different |\n|---|---:|---:|---:|---:|"


def table(halves: Sequence[Half]) -> str:
    """Return the counts, what accepted models were made of, and the most frequent refusals."""
    lines = [HEAD, *(half.row for half in halves)]
    for half in halves:
        made = ", ".join(f"{name} {count}" for name, count in half.called.most_common())
        lines.append(f"\nAccepted models of the {half.name} half hold: {made or 'nothing'}.")
        for reason, count in half.refusals.most_common(_MOST_REFUSALS):
            lines.append(f"  refused {count} times: {reason}")
    return "\n".join(lines)


def write(folder: Path, halves: Sequence[Half], told: dict[str, object]) -> None:
    """Write `judge.json` and a `model.py` for every finding."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "name": half.name,
            "tried": half.tried,
            "refused": half.refused,
            "accepted": half.accepted,
            "refusals": dict(half.refusals.most_common()),
            "called": dict(half.called.most_common()),
            "findings": [asdict(one) for one in half.findings],
        }
        for half in halves
    ]
    record = {**told, "halves": rows}
    (folder / "judge.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    for half in halves:
        for one in half.findings:
            file = folder / f"{one.half}_{one.number}.py"
            about = "\n".join(f"# {line}" for line in f"{one.kind}\n{one.fault}".splitlines())
            file.write_text(f"{about}\n{one.source}", encoding="utf-8")


def _nameless(reason: str) -> str:
    reason = re.sub(
        r"^(The firmware can't compute this model|hls4ml can't build this model with \w+): ", "", reason
    )
    return re.sub(r"\d+", "n", re.sub(r"'[^']*'", "...", reason))[:120].rstrip(".")
