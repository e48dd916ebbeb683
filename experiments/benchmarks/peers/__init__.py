"""bitfront beside other searches for precision, on the same data, float model, core and wall-clock, scored by
one judge.

`python -m bitfront.experiments.benchmarks.peers --tasks jets_mlp --minutes 4 --seeds 3`; what it found is in
`experiments/benchmarks/peers.md`. `tasks` writes what every peer gets, `own`, `rebuilt`, `autoqkeras` and
`hgq2_sweep` search (the last two in environments of their own, without bitfront), `judge` scores what they
found.
"""

from .judge import Found, Judge
from .outcome import RunLog, hypervolumes, table
from .tasks import Task

__all__ = ["Found", "Judge", "RunLog", "Task", "hypervolumes", "table"]
