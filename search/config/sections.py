"""The sections of a study file but `space`; every field's description is its documentation."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from pydantic import Field, field_validator, model_validator

from bitfront.hls.backends import BACKENDS
from bitfront.spaces import Hardware

from .base import Section, at
from .fields import (
    AutoEpochs,
    AutoFloatEpochs,
    AutoRate,
    ClassWeights,
    Duration,
    Integer,
    Real,
    RecurrentModes,
    ReuseFactors,
    Strategies,
)
from .secrets import restored

if TYPE_CHECKING:
    BackendName = str
else:
    BackendName = Literal[tuple(BACKENDS)]


class DeviceConfig(Section):
    """The FPGA and its clock."""

    shorthand: ClassVar[str | None] = "part"

    part: str = Field(
        default="xcvu13p-flga2577-2-e",
        description="part string, die or board from the catalogue (`bitfront ls --parts`); sets what "
        "percentages of the device mean and which products fit a DSP slice",
        examples=["alveo-u250"],
    )
    clock_ns: Real = Field(
        default=5.0,
        ge=0.5,
        le=1000,
        description="clock period in ns; a shorter one gives more cycles (registers) for the same work",
        examples=[5],
    )

    @field_validator("part")
    @classmethod
    def _known(cls, value: str) -> str:
        from bitfront.hls import part
        from bitfront.spaces import UserError

        try:
            return part(value).name
        except UserError as error:
            hint = str(error).partition(": ")[2]
            raise ValueError(f"isn't a part of the catalogue: {hint}".rstrip(".")) from None


class HlsConfig(Section):
    """How hls4ml builds the network."""

    backend: BackendName = Field(
        default=next(iter(BACKENDS)),
        description=f"hls4ml back-end: {', or '.join(one.about for one in BACKENDS.values())}",
        examples=["Vitis"],
    )
    io_type: Literal["io_parallel", "io_stream"] = Field(
        default="io_parallel",
        description="io_parallel takes a whole sample at once (lowest latency, most resources); io_stream "
        "takes one element a cycle through FIFOs (large images, long sequences)",
        examples=["io_stream"],
    )
    strategy: Strategies = Field(
        default=("Latency",),
        description="Latency (unrolled), Resource (reuses multipliers) or distributed_arithmetic (constant "
        "multiplications as adders, no DSP). A list is searched, one choice for the whole model; a mapping "
        "of layer patterns to values or lists sets or searches it per layer",
        examples=["[Latency, Resource]"],
    )
    reuse_factor: ReuseFactors = Field(
        default=(1,),
        description="how many products share one multiplier; higher saves DSPs and LUTs and costs latency "
        "and II. Lists and mappings as for strategy; what a layer's firmware can't be right with becomes the "
        "nearest that it can, which is said",
        examples=['{"lstm*": [1, 2, 4]}'],
    )
    recurrent_reuse_factor: ReuseFactors | None = Field(
        default=None,
        description="the same for the recurrent kernels of LSTM, GRU and SimpleRNN; without it, and where a "
        "factor can't be built, the nearest legal one to the layer's reuse factor",
        examples=["[1, 2, 4]"],
    )
    recurrent_mode: RecurrentModes | None = Field(
        default=None,
        description="static has one cell for all steps of a sequence, so that the next sample waits for the "
        "last step; non_static has a cell a step, so many times the resources, and the next sample enters as "
        "soon as the first is free. Lists and mappings as for strategy; without it, static",
        examples=["[static, non_static]"],
    )

    @model_validator(mode="after")
    def _compatible(self) -> HlsConfig:
        strategies, reuse = _all_values(self.strategy), _all_values(self.reuse_factor)
        if strategies == {"distributed_arithmetic"} and max(reuse) > 1:
            raise at(
                "hls.reuse_factor",
                "is above 1, which distributed_arithmetic can't have: set 1 or another strategy",
            )
        return self

    def choices(self, key: Hardware, layer: str) -> tuple[tuple[Any, ...], bool]:
        """Return the choices of a layer and whether they are the layer's own rather than the whole model's.

        In a mapping the exact name wins, then the first pattern that matches; a layer that matches none gets
        the default. Of a key that is left out there are none: hls4ml's own rule holds.
        """
        value = getattr(self, key)
        if value is None:
            return (), False
        if not isinstance(value, dict):
            return value, False
        default: tuple[Any, ...] = {"strategy": ("Latency",), "reuse_factor": (1,)}.get(key, ())
        for pattern in [layer, *value]:
            if pattern in value and fnmatch.fnmatchcase(layer, pattern):
                return value[pattern], True
        return default, True

    def patterns(self) -> dict[str, tuple[str, ...]]:
        """Return the layer patterns of each key that has a mapping."""
        values = {key: getattr(self, key) for key in get_args(Hardware)}
        return {key: tuple(value) for key, value in values.items() if isinstance(value, dict)}


def _all_values(value: tuple[Any, ...] | dict[str, tuple[Any, ...]]) -> set[Any]:
    rows = value.values() if isinstance(value, dict) else [value]
    return {one for row in rows for one in row}


class TrainingConfig(Section):
    """How the float model and the candidates are trained (Keras `fit`, seeded)."""

    float_epochs: AutoFloatEpochs = Field(
        default="auto",
        description="most epochs of the float model, where it comes untrained. auto trains until "
        "`early_stopping` ends it, at most 400 epochs, and beyond 30 no longer than the search may take",
        examples=[50],
    )
    float_learning_rate: Real = Field(
        default=0.001, gt=0, le=10, description="its learning rate", examples=[0.002]
    )
    early_stopping: Integer = Field(
        default=8,
        ge=0,
        description="epochs without a better validation loss after which float training stops and goes back "
        "to the best; 0 trains all epochs",
        examples=[5],
    )
    epochs: AutoEpochs = Field(
        default="auto",
        description="epochs of one qat candidate; its cost is proportional to them. auto takes as many as "
        "let some fifty candidates be trained in a seventh of the search's time, 20 at most",
        examples=[3],
    )
    batch_size: Integer = Field(
        default=128,
        ge=1,
        description="samples a step; larger is quicker per epoch and takes fewer steps",
        examples=[256],
    )
    learning_rate: AutoRate = Field(
        default="auto",
        description="learning rate of qat; too high undoes the float training. auto is 0.003",
        examples=[0.0005],
    )
    optimizer: Literal["adam", "adamw", "sgd", "rmsprop", "nadam"] = Field(
        default="adam", description="Keras optimizer of both trainings", examples=["adam"]
    )
    loss: str = Field(
        default="auto",
        description="auto chooses by task (cross-entropy from logits or probabilities, or mse); else a Keras "
        "loss by name",
        examples=["auto"],
    )
    class_weights: ClassWeights = Field(
        default="none",
        description="what a sample weighs in the loss by its class, in float training and qat alike: none; "
        "balanced, the inverse of its class's share of the training samples; or a weight by class number, 1 "
        "for those left out. Only the ratios count. Of several outputs: balanced weighs each, a mapping from "
        "an output's name sets it for that one",
        examples=["balanced"],
    )
    keep_zeros: bool = Field(
        default=True,
        description="whether weights that came as zeros stay zero in all training: those of the kernels of a "
        "model that comes trained, and of a model that doesn't, those of kernels that are zero here and "
        "there (not of ones that are zero throughout, or an identity, which initializers make); biases train "
        "whatever they are",
        examples=[False],
    )


class FidelityConfig(Section):
    """How far the weights of a qat candidate are followed; its trial says how far (`fidelity`)."""

    least_gain: Real = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="share of the present hypervolume that training a candidate must be expected to add, as "
        "those trained so far suggest, after rounding and again after `short_epochs`; else it stays as it "
        "is. 0 trains all wholly; uniform baselines and the first ten always are",
        examples=[0.0005],
    )
    short_epochs: Integer = Field(
        default=1,
        ge=1,
        description="epochs of `training.epochs` after which a training is judged again; as many or more "
        "judge it never",
        examples=[1],
    )
    start: Literal["float", "nearest"] = Field(
        default="float",
        description="weights that training begins with: the float model's, or those of the trained candidate "
        "with the nearest widths where these, rounded, score better; so knowledge adds up over a search, and "
        "a score depends on what came before",
        examples=["nearest"],
    )


DEFAULT_WALL = 300.0
"""Seconds of a search whose study gives neither trials nor time, and that one with trials alone plans for."""


class BudgetConfig(Section):
    """When the search ends: whichever comes first."""

    trials: Integer | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="number of candidates, uniform baselines included",
        examples=[60],
    )
    wall: Duration | None = Field(
        default=None,
        description="wall-clock time of the search (s, m, h); the float training doesn't count. How long the "
        "search trains, and how many candidates it rounds, follows from it; where trials alone are given, "
        "from 5m",
        examples=["5m"],
    )

    patience: Integer | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="finished candidates in a row without a gain of hypervolume (a thousandth, at least) "
        "after which the search ends before its budget; those that come before the sampler's own don't count",
        examples=[40],
    )

    @model_validator(mode="after")
    def _one(self) -> BudgetConfig:
        if self.trials is None and self.wall is None:
            raise at("budget", "gives neither trials nor wall: set at least one, such as trials: 60")
        return self


class SynthesisConfig(Section):
    """How AMD's tools are run where `max_fidelity` asks for them."""

    jobs: Integer = Field(
        default=1, ge=1, le=64, description="syntheses that run at once, beside the search", examples=[2]
    )
    timeout: Duration = Field(
        default=7200.0,
        description="longest time of one stage (s, m, h); then it is stopped and recorded as a timeout",
        examples=["1h"],
    )
    memory_gib: Real = Field(
        default=32.0,
        gt=0,
        description="most memory in GiB that one run with all that it starts may use; then it is stopped",
        examples=[16],
    )
    finalists: Integer = Field(
        default=3,
        ge=1,
        description="how many of the front (knee, best and smallest first) are followed up to `max_fidelity` "
        "once the search is over",
        examples=[5],
    )


class TrackingConfig(Section):
    """Where MLflow keeps the runs."""

    enabled: bool = Field(default=True, description="whether to log to MLflow at all", examples=[True])
    uri: str | None = Field(
        default=None,
        description="MLflow tracking server or store; without it, a sqlite file in `output`, no server "
        "needed",
        examples=["http://127.0.0.1:5000"],
    )

    @field_validator("uri")
    @classmethod
    def _usable(cls, value: str | None) -> str | None:
        return None if value is None else restored(value)

    experiment: str | None = Field(
        default=None, description="MLflow experiment; without it, the study's name", examples=["jets"]
    )
