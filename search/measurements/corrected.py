"""The finished trials of a study, their estimates as its own finished syntheses correct them.

Files keep every estimate as it was made. What readers see is a function of the files alone: all candidates
corrected by what is known now, so that they compare on one scale, with limits checked anew. One factor holds
for all of a study's candidates, so no order changes and what Optuna was told stays true.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from bitfront.hls.estimate import Correction
from bitfront.spaces import UserError

from ..quantities import QUANTITIES
from ..trials.evaluation import FILE, Evaluation
from ..trials.files import trial_folder
from ..trials.objectives import Constraint, resource_violations
from ..trials.reference import Reference
from .measured import figures
from .record import SynthesisRecord, measured_of, read_records

__all__ = ["correct", "corrected_ends", "corrected_study", "learn", "read_evaluations"]


def learn(evaluations: Iterable[Evaluation], records: Iterable[SynthesisRecord]) -> Correction:
    """Return the correction that the finished C-syntheses of these uncorrected evaluations give, one a
    design; logic syntheses behind them correct the figures of implemented designs.
    """
    known = {digest: _by_key(stages) for digest, stages in measured_of(records).items() if "csynth" in stages}
    designs = {e.design: e for e in evaluations if e.design in known and e.resources}
    return Correction.of_figures(
        ((e.resources, e.intervals), known[digest]) for digest, e in sorted(designs.items())
    )


def _by_key(stages: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Return what C-synthesis reported of a design, and what logic synthesis left where it is told apart."""
    found = dict(stages["csynth"])
    for q in QUANTITIES.values():
        if q.kind == "implemented" and q.estimate in stages.get("vsynth", {}):
            found[q.key] = stages["vsynth"][q.estimate]
    return found


def correct(
    evaluations: Iterable[Evaluation],
    correction: Correction,
    measured: Mapping[str, Mapping[str, Mapping[str, float]]],
    constraints: Iterable[Constraint],
    clock_ns: float,
) -> list[Evaluation]:
    """Return the evaluations corrected, with their limits checked anew and what was measured of each beside
    it.
    """
    limits = tuple(constraints)
    found = []
    for evaluation in evaluations:
        changed = evaluation
        if correction.quantities and evaluation.resources:
            resources, intervals = correction.apply_figures(
                evaluation.resources, evaluation.intervals, clock_ns
            )
            upper = corrected_ends(
                correction, resources, evaluation.upper, limits, clock_ns, measured.get(evaluation.design)
            )
            known = evaluation.constraints
            anew = {k: v for k, v in resource_violations(limits, resources, upper).items() if k in known}
            changed = replace(
                evaluation, resources=resources, intervals=intervals, upper=upper,
                constraints={**known, **anew}, calibrated_on=correction.n, raw=evaluation,
            )  # fmt: skip
        stages = measured.get(evaluation.design)
        found.append(replace(changed, measured=stages) if stages else changed)
    return found


def corrected_ends(
    correction: Correction,
    resources: Mapping[str, float],
    upper: Mapping[str, float],
    constraints: Iterable[Constraint],
    clock_ns: float,
    measured: Mapping[str, Mapping[str, float]] | None = None,
) -> dict[str, float]:
    """Return the upper ends that limits with a confidence are checked on.

    Args:
        correction: what the study's syntheses say.
        resources: corrected by it.
        upper: the ends of the estimate as it was made, which stay where nothing was learned.
        constraints: the study's.
        clock_ns: the study's clock period.
        measured: of this very design, by stage: what was measured has no error, and stands for its end.
    """
    known = figures(measured or {}, clock_ns)
    found = dict(upper)
    for limit in constraints:
        key = QUANTITIES[limit.name].key if limit.name in QUANTITIES else ""
        if not limit.confidence or key not in found:
            continue
        found[key] = correction.upper_ends(resources, limit.confidence, clock_ns).get(key, found[key])
        if (truth := known.value(key)) is not None:
            found[key] = truth[1]
    return found


def corrected_study(study_dir: Path, evaluations: list[Evaluation]) -> list[Evaluation]:
    """Return a study's evaluations, as its files have them, corrected by its finished syntheses.

    Raises:
        UserError: when the study's reference or a record can't be read.
    """
    records = read_records(study_dir)
    if not records:
        return evaluations
    reference = Reference.read(study_dir)
    return correct(
        evaluations,
        learn(evaluations, records),
        measured_of(records),
        reference.constraints,
        reference.clock_ns,
    )


def read_evaluations(study_dir: Path, *, corrected: bool = True) -> list[Evaluation]:
    """Every finished trial of a study, by number (empty where none has finished).

    A folder without `evaluation.json` belongs to a trial that was cut off, and is passed over. Where
    syntheses have finished, the estimates are as these correct them, unless `corrected` is false: then as the
    files have them.

    Raises:
        UserError: when a file can't be read, or the number in it isn't its folder's.
    """
    found = []
    for path in sorted((Path(study_dir) / "trials").glob(f"*/{FILE}")):
        evaluation = Evaluation.read(path)
        if trial_folder(study_dir, evaluation.number).name != path.parent.name:
            raise UserError(
                f"{path} holds trial {evaluation.number}: the folder was renamed or copied by hand."
            )
        found.append(evaluation)
    found.sort(key=lambda evaluation: evaluation.number)
    if not corrected:
        return found
    return corrected_study(study_dir, found)
