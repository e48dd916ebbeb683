"""The two longer computations of `witness`: the volume below a front, and Optuna's fANOVA over trials."""

from __future__ import annotations

MEMORY = {}
"""Of importances, which take seconds: a study that is made false elsewhere has the same."""


def importance(rows):
    """Return the share of a value's variance that each parameter explains; rows of (parameters, value)."""
    key = tuple((tuple(sorted(p.items())), v) for p, v in rows)
    if key not in MEMORY:
        MEMORY[key] = _importance(rows)
    return MEMORY[key]


def _importance(rows):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    names = [n for n in rows[-1][0] if len({p[n] for p, _ in rows}) > 1]
    if len(rows) < 20 or len({v for _, v in rows}) == 1:
        return {}
    kinds = {}
    for name in names:
        values = [p[name] for p, _ in rows]
        whole = all(isinstance(v, int) for v in values)
        kinds[name] = (
            optuna.distributions.IntDistribution(min(values), max(values))
            if whole
            else optuna.distributions.CategoricalDistribution(tuple(dict.fromkeys(values)))
        )
    study = optuna.create_study()
    for params, value in rows:
        chosen = {name: params[name] for name in names}
        study.add_trial(optuna.trial.create_trial(params=chosen, distributions=kinds, value=value))
    forest = optuna.importance.FanovaImportanceEvaluator(n_trees=32, seed=0)
    return optuna.importance.get_param_importances(study, evaluator=forest)


def volume_below(rows):
    """Return the volume between points and the corner of ones, by slicing along the last axis."""
    rows = sorted(set(rows), key=lambda r: r[-1])
    if not rows:
        return 0.0
    if len(rows[0]) == 1:
        return 1.0 - rows[0][0]
    ends = [r[-1] for r in rows[1:]] + [1.0]
    return sum(
        (end - row[-1]) * volume_below([r[:-1] for r in rows[: i + 1]])
        for i, (row, end) in enumerate(zip(rows, ends, strict=True))
        if end > row[-1]
    )
