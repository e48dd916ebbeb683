"""What users brought, case by case, through the command line as they would run it; the judgement is generic.

    python -m bitfront.experiments.benchmarks.cases ../shared/cases

A case is a folder with `study.yaml` and what it names. It is copied, then `bitfront doctor`, `validate`,
`run`, `export` and `verify` run in it, each a process of its own (`commands`), and Keras alone scores the
float model (`score`). A case is right when it is refused before anything is trained, by one sentence and exit
code 2, by every command that sees the model alike; or when its float score is Keras's and its bundle verifies
(`verdict`).
"""

from __future__ import annotations

__all__: list[str] = []
