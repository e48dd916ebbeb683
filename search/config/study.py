"""`StudyConfig`: everything that defines a study, frozen, checked and serialisable."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import yaml
from pydantic import Field, field_validator, model_validator

from ..quantities import QUANTITIES, Limit
from ..quantities.metrics import default_metric
from .base import Section, at
from .constraints import ConstraintsConfig
from .device_limits import check_limits, device_limits
from .fields import (
    PYTHON_OBJECT,
    AutoGradientEpochs,
    AutoScreening,
    Bytes,
    CountLimit,
    Integer,
    Real,
    Sampler,
    Source,
    tuple_of,
)
from .metric import MetricConfig, check_metric
from .noise import NoiseConfig, check_noise
from .running import ClusterConfig, TrialConfig
from .secrets import redact, restored
from .sections import (
    DEFAULT_WALL,
    BudgetConfig,
    DeviceConfig,
    FidelityConfig,
    HlsConfig,
    SynthesisConfig,
    TrackingConfig,
    TrainingConfig,
)
from .settings import digest, renamed
from .space import SpaceConfig, check_patterns

if TYPE_CHECKING:
    from bitfront.hls import Target

Task = Literal["binary", "multiclass", "regression"]
_OBJECTIVES = ("metric", *(quantity.name for quantity in QUANTITIES.values() if quantity.objective))
if TYPE_CHECKING:
    Objective = str
else:
    Objective = Literal[_OBJECTIVES]


class StudyConfig(Section):
    """One study: a model, its data, a device, what to reach and what to search.

    From Python, `model` may be a Keras model and `data` a mapping of arrays; sections may be plain dicts:
    `StudyConfig(model=model, data={"x_train": x, ...}, task="binary", budget={"trials": 60})`.

    Raises:
        UserError: in one sentence that names the key, what is wrong with it, and what to do.
    """

    sources: ClassVar[tuple[str, ...]] = ("model", "data")

    name: str = Field(
        default="study",
        description="the study's name and folder; without it, the file's stem, or its folder's name if that "
        "is `study`",
        examples=["top-tagging-lstm"],
    )
    model: Source = Field(
        description="the Keras model: file.py:function that returns it, a file (.keras or .h5 of Keras 3 or "
        "2, Keras 2's .json with its weights beside it, a SavedModel folder), or a ready study's name "
        "(`bitfront ls`)",
        examples=["model.py:build"],
    )
    model_weights: str | None = Field(
        default=None,
        description="a file of weights for the model: .weights.h5, or an .h5 of Keras 3 or 2; the model then "
        "comes trained. Of a .json, the .h5 beside it unless given",
        examples=["net.weights.h5"],
    )
    model_trained: Literal["auto"] | bool = Field(
        default="auto",
        description="whether the model comes trained: auto says yes for a file, weights from a file and a "
        "Keras object, no for a function's result, which is then trained first",
        examples=[True],
    )
    trust_model: bool = Field(
        default=False,
        description="load a .keras file that holds Lambda layers, which run code of whoever made it",
        examples=[False],
    )
    data: Source = Field(
        description="the data: file.py:function that returns x_train, y_train, x_val, y_val, x_test, y_test "
        "(as a dict or as three (x, y) pairs; x may be a list or dict of arrays for several inputs), or an "
        ".npz with those names",
        examples=["data.py:load"],
    )
    data_set: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9_]+$",
        description="which public data set this is, for `bitfront report --against`; without it, that of the "
        "ready study that `data` names. It shapes no result",
        examples=["mnist"],
    )
    validation_split: Real | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="where the data has no x_val: the share of the training samples (shuffled by `seed`) "
        "that ranks the candidates and trains nothing",
        examples=[0.2],
    )
    stratify: bool = Field(
        default=True,
        description="whether `validation_split` takes its share of every class, so that a rare one is in "
        "both parts; false draws without regard to the classes",
        examples=[False],
    )
    task: Task | dict[str, Task] = Field(
        description="what the model does: binary, multiclass or regression; of several outputs that differ, "
        "a mapping from each output's name",
        examples=["binary"],
    )
    metric: MetricConfig = Field(
        default_factory=lambda: MetricConfig(name=default_metric()),
        description="what ranks the candidates; a name or a mapping. Without it: accuracy, or mse for "
        "regression",
        examples=["{name: background_rejection, signal_efficiency: 0.3}"],
    )
    noise: NoiseConfig | None = Field(
        default=None,
        description="noise on the inputs under which candidates are scored again, for the objective and "
        "limit noise_drop; a number, its size, or a mapping",
        examples=["{size: 0.1, draws: 4}"],
    )
    device: DeviceConfig = Field(default_factory=DeviceConfig, description="the FPGA and its clock")
    hls: HlsConfig = Field(default_factory=HlsConfig, description="how hls4ml builds the network")
    objectives: tuple[Objective, ...] = Field(
        default=("metric", "lut", "latency"),
        description=f"two to four goals of the search, metric among them: {', '.join(_OBJECTIVES)}. Each "
        "more makes the front larger and slower to cover",
        examples=["[metric, lut]"],
    )
    constraints: ConstraintsConfig = Field(
        default_factory=ConstraintsConfig, description="bounds that a candidate must keep"
    )
    knee_drop: CountLimit | None = Field(
        default=None,
        description="how much worse than the float model the candidate may be, in the metric's own unit and "
        "on validation data, that is recommended and exported as knee, as far as the front has such a one; a "
        "hundredth of what the float model is better than outputs that ignore the inputs where it isn't "
        "given. It shapes no search",
        examples=[0.005],
    )
    space: SpaceConfig = Field(default_factory=SpaceConfig, description="the precisions that are searched")
    training: TrainingConfig = Field(
        default_factory=TrainingConfig, description="how the float model and the candidates are trained"
    )
    fidelity: FidelityConfig = Field(
        default_factory=FidelityConfig, description="how far a candidate's training is followed"
    )
    max_fidelity: Literal["estimate", "csynth", "vsynth", "cosim"] = Field(
        default="estimate",
        description="how far costs are followed: estimate alone; csynth synthesises members of the front "
        "while the search goes on, each of which corrects the estimates; vsynth (logic synthesis) and cosim "
        "(co-simulation, after logic synthesis) follow the finalists further. Without the tools the study "
        "says so once and goes on",
        examples=["csynth"],
    )
    synthesis: SynthesisConfig = Field(
        default_factory=SynthesisConfig, description="limits of the tools' runs"
    )
    budget: BudgetConfig = Field(
        default_factory=lambda: BudgetConfig(wall=DEFAULT_WALL),
        description="when the search ends; after 5 minutes without it",
    )
    sampler: Sampler = Field(
        default="auto",
        description="who proposes candidates: auto is surrogate, and nsga2 where the budget is beyond 1,000 "
        "trials; surrogate knows what candidates cost, and by Gaussian processes what training may add to "
        "their rounded score; of Optuna's, tpe (multivariate) is for up to some hundred trials, gp takes "
        "about a second a trial and needs the extra bitfront[gp], nsga2 wants many cheap trials; "
        "grid-uniform tries the uniform widths alone; or your own as file.py:function, called with (seed, "
        "space, objectives) for each trial and returning a sampler of Optuna",
        examples=["nsga2"],
    )
    screening: AutoScreening = Field(
        default="auto",
        description="candidates that are rounded without training before anything is trained, milliseconds "
        "each, half of them narrowing one width after the other. Those of each half that dominate most enter "
        "as trials: at most 4 as they are, then at most 12 in all trained where method has qat. auto takes "
        "200, and fewer where these would take more than a tenth of the time. 0 screens none. Older files "
        "call this key scout",
        examples=[400],
    )
    gradient_epochs: AutoGradientEpochs = Field(
        default="auto",
        description="epochs of one training along which the widths themselves move, by gradient, while the "
        "weight of the cost grows (gradient width search). The best of its candidates are narrowed further "
        "by rounding alone (greedy width reduction), `screening` roundings in all; at most 32 enter as "
        "trials after the uniform and screened ones, with the weights that they had then. Where the space "
        "has sparsity, single weights are rounded to steps of their own meanwhile, ever more of them to "
        "zero, keys, values and heads of an attention are removed where they aren't worth what they cost, a "
        "quarter of the epochs looks for the least cost that is of use, and the rest stops there; 6 of that "
        "quarter's candidates enter before the rest is trained. Units of recurrent layers and channels of "
        "depthwise convolutions go likewise, unless `space.sparsity` fixes the zeros. The uniform baselines "
        "that are trained get as many epochs, in one training that hands its weights on to ever narrower "
        "ones, so that they compare. auto takes as many as fit into two thirds of `budget.wall`, by what an "
        "epoch takes here, measured when the first candidates have been rounded; the study's folder keeps "
        "them (plan.json). 0 does none. Older files call this key gradient",
        examples=[20],
    )
    seed: Integer = Field(
        default=1,
        ge=0,
        lt=2**32,
        description="seeds training, sampling and splits; the same one repeats the search",
        examples=[1],
    )
    output: str = Field(
        default="studies",
        description="folder, relative to where the command runs, in which the study's own folder stands",
        examples=["studies"],
    )
    storage: str = Field(
        default="journal",
        description="where Optuna keeps the trials: journal (a file in the study's folder), or a database's "
        "URL (postgresql, mysql, sqlite), with which several launchers that see the same `output` folder "
        "share the study",
        examples=["postgresql://optuna@db.example/optuna"],
    )
    tracking: TrackingConfig = Field(
        default_factory=TrackingConfig, description="where MLflow keeps the runs"
    )
    cache: Bytes = Field(
        default=1 << 30,
        description="most disk space (MiB, GiB) for trained weights in `output`/.cache, which studies share "
        "so that none trains the same candidate again, after --fresh say; 0 keeps none",
        examples=["4GiB"],
    )
    cluster: ClusterConfig = Field(
        default_factory=ClusterConfig, description="the workers that evaluate candidates, if any"
    )
    trial: TrialConfig = Field(
        default_factory=TrialConfig, description="what one candidate may take before it counts as failed"
    )

    @model_validator(mode="before")
    @classmethod
    def _shorthands(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        values = renamed(values)
        for key, kind in (("metric", MetricConfig), ("device", DeviceConfig), ("noise", NoiseConfig)):
            if isinstance(values.get(key), str | int | float) and kind.shorthand:
                values[key] = {kind.shorthand: values[key]}
        if values.get("metric") is None:
            task = values.get("task")
            # a list: a task may be anything here, unhashable too; its own field refuses it afterwards
            tasks = list(task.values()) if isinstance(task, Mapping) else [task]
            values["metric"] = {"name": default_metric(tasks)}
        return values

    @field_validator("name")
    @classmethod
    def _folder_name(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", value):
            raise ValueError("can't be a folder's name: use letters, digits, '-', '_' and '.', at most 100")
        return value

    @field_validator("model", "data")
    @classmethod
    def _source(cls, value: Any) -> Any:
        if value is None or (isinstance(value, str) and not value.strip()):
            raise ValueError("is empty: write file.py:function or a file")
        if isinstance(value, bool | int | float | list):
            raise ValueError("isn't a source: write file.py:function or a file")
        if value == PYTHON_OBJECT:
            raise ValueError(
                "was an object of a Python session: run the study from Python again, or name a file here"
            )
        return value

    @field_validator("storage")
    @classmethod
    def _database(cls, value: str) -> str:
        scheme, separator, _ = value.partition("://")
        if value != "journal" and not (
            separator and scheme.split("+")[0] in ("postgresql", "mysql", "sqlite")
        ):
            raise ValueError("isn't journal, postgresql://..., mysql://... or sqlite:///file")
        return restored(value)

    @field_validator("objectives", mode="before")
    @classmethod
    def _two_to_four(cls, value: Any) -> Any:
        value = tuple_of(value)
        if "metric" not in value:
            raise ValueError(
                "lacks metric: add it, the other objectives alone would choose the smallest types"
            )
        if not 2 <= len(value) <= 4:
            raise ValueError(f"names {len(value)}: give two to four")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> StudyConfig:
        check_metric(self.metric, self.constraints, self.task, self._ranked_tasks())
        check_limits(self.device, self.constraints, self.objectives)
        check_noise(self.noise, self.objectives, self.constraints.given())
        if "crossentropy" in self.training.loss and self._tasks() != {"regression"}:
            # Keras's losses by name take probabilities; training with rounding in the loop gives logits.
            raise at(
                "training.loss",
                f"= {self.training.loss!r} can't tell logits from probabilities: leave it out, auto takes "
                "the cross-entropy that fits",
            )
        return self

    def task_of(self, output: str) -> Task:
        """Return what an output of the model is for."""
        return self.task[output] if isinstance(self.task, dict) else self.task

    def _tasks(self) -> set[Task]:
        return set(self.task.values()) if isinstance(self.task, dict) else {self.task}

    def _ranked_tasks(self) -> set[Task]:
        """Return the tasks of the outputs that the metric is computed for."""
        chosen = self.metric.output
        return {self.task[chosen]} if isinstance(self.task, dict) and chosen in self.task else self._tasks()

    @property
    def target(self) -> Target:
        """What a candidate is built for, and hls4ml's settings for all of it."""
        from bitfront.hls import Target

        return Target(
            part=self.device.part,
            clock_ns=self.device.clock_ns,
            io_type=self.hls.io_type,
            backend=self.hls.backend,
            table_size=self.space.table_size,
        )

    def limits(self) -> dict[str, Limit]:
        """Return the constraints in absolute units: counts, RAMB18, ns, pJ, and the metric's own, each as it
        was said.

        What was not given is absent, but a design must always fit the device: 100 % of each of its resources
        that can be limited is a limit at least.
        """
        return device_limits(self.device, self.constraints, self.objectives)

    def check_layers(self, layers: Iterable[str]) -> None:
        """Check that every layer pattern, in `space` and in `hls`, matches a layer of the model.

        Raises:
            UserError: naming the first that doesn't, and the nearest layer.
        """
        known = list(layers)
        check_patterns("space.layers", self.space.layers, known)
        for key, patterns in self.hls.patterns().items():
            check_patterns(f"hls.{key}", patterns, known)

    def directions(self) -> tuple[str, ...]:
        """Return `maximize` or `minimize` for each objective, as Optuna wants them."""
        return tuple(
            str(self.metric.direction) if objective == "metric" else "minimize"
            for objective in self.objectives
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that `StudyConfig(**values)` and a study file accept; what is unset is left
        out.
        """
        plain: dict[str, Any] = json.loads(self.model_dump_json(exclude_none=True))
        return plain

    def to_yaml(self) -> str:
        """Return the resolved study file, every key in it; passwords in URIs are left out."""
        values = self.to_dict()
        values["storage"] = redact(values["storage"])
        if "uri" in values["tracking"]:
            values["tracking"]["uri"] = redact(values["tracking"]["uri"])
        return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100)

    @property
    def digest(self) -> str:
        """Identify what shapes the results: 16 hex digits over all but the keys in `settings.WITHOUT_EFFECT`.

        A study that goes on with more trials keeps its digest. The contents of the model and data files are
        not part of it: see `Problem.digest`.
        """
        return digest(self.to_dict())
