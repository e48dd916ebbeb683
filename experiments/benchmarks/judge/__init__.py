"""Random small Keras models as the judge of what is accepted: refused with one sentence, or computed exactly.

    python -m bitfront.experiments.benchmarks.judge --models 2000 --compiled 200 --seed 1 --seconds 3600

A model is written line by line (`program`), each line of a kind and with options that Keras lets a user write
(`kinds`, `quantized`, `structures`, `networks`), by hypothesis, so that a failure shrinks to the smallest
model. Judged are two halves. Float: the model is refused in one sentence, or its lowered graph gives Keras's
own outputs, on normal and on stressed inputs (`floats`). Compiled: models that are accepted get random
precisions, strategies and reuse factors, many of them share a g++ build, and the firmware, the bit-true model
and the exported Keras models must agree in every bit (`compiled`).
"""

from __future__ import annotations

__all__: list[str] = []
