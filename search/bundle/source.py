"""What a bundle is made of, as plain data: whoever owns a study fills it, the writer needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import FixedPoint, UserError

from ..problem.data import MIN_SAMPLES

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, kw_only=True)
class BundleSource:
    """One candidate, ready to be written.

    Raises:
        UserError: when fewer than `MIN_SAMPLES` golden samples are given, or their numbers differ.
    """

    name: str
    """What the bundle is called, `top_tagging-00012` say."""
    quantized_model: keras.Model
    """Keras model that predicts what the firmware outputs (`to_qkeras`)."""
    model: keras.Model
    """Plain Keras model with rounded weights: what hls4ml converts."""
    float_model: keras.Model
    """The model the study began with."""
    precision: Mapping[str, FixedPoint]
    """Type by tensor key, `lstm/weight` say, in network order."""
    hls_config: Mapping[str, Any]
    """Complete hls4ml configuration by layer name, every precision explicit."""
    part: str
    """AMD part string."""
    clock_ns: float
    """Clock period in ns."""
    golden_inputs: Sequence[NDArray[Any]]
    """Real validation or test samples, one array of shape (samples, *input) per model input."""
    golden_outputs: Sequence[NDArray[Any]]
    """What the bit-true model computes for them, one array per model output."""
    evaluation: Mapping[str, Any]
    """`Evaluation.to_json()` of the candidate."""
    study: Mapping[str, Any] = field(default_factory=dict)
    """Provenance: study name and digest, seeds, hash of the data, metric, scores of the float model."""
    metric: str = "metric"
    """Name of the validation metric."""
    golden_origin: str = "the study's"
    """Which data the golden samples are from, as an adjective of these."""
    golden_labels: Sequence[NDArray[Any]] | None = None
    """Class numbers or targets of the first golden samples, one array per model output: perturbed ones, which
    follow where the study has too few, have none. None where the study kept none.
    """
    golden_score: Mapping[str, Any] = field(default_factory=dict)
    """What they score and how that is computed (see `bundle.score`); empty where it isn't known."""
    backend: str = "Vitis"
    """hls4ml backend."""
    io_type: str = "io_parallel"
    """`io_parallel` or `io_stream`."""
    project_name: str = "bitfront"
    """Top function of the firmware."""

    def __post_init__(self) -> None:
        sizes = {len(np.asarray(a)) for a in (*self.golden_inputs, *self.golden_outputs)}
        if len(sizes) != 1:
            raise UserError(
                f"The golden arrays of {self.name!r} hold different numbers of samples: {sorted(sizes)}."
            )
        if min(sizes) < MIN_SAMPLES:
            raise UserError(
                f"A bundle needs at least {MIN_SAMPLES} golden samples, {self.name!r} has {min(sizes)}: "
                "give the study more data and run it anew."
            )
