"""Who proposes the next candidate: Optuna's samplers and the surrogate."""

__all__: list[str] = []
