"""The bundle's model card, in the sections of Mitchell et al., "Model Cards for Model Reporting" (2019)."""

from __future__ import annotations

from collections import Counter

from .source import BundleSource
from .texts import figures

_YOURS = "*Not known to bitfront: yours to say.*"


def model_card(source: BundleSource) -> str:
    """Return the card: what is known of the model, and marked places for what only its maker knows."""
    study, evaluation = source.study, source.evaluation
    trained = evaluation.get("method") == "qat"
    quantized = (
        "quantization-aware training from the float weights" if trained else "post-training quantization"
    )
    parameters = int(sum(weights.size for weights in source.model.get_weights()))
    lines = [
        f"# Model card: {source.name}",
        "",
        "## Model",
        "",
        f"- {study.get('model') or 'A Keras model'}: {parameters:,} parameters; quantized by {quantized}.",
        f"- Firmware for {source.part} at {source.clock_ns:g} ns ({source.backend}, {source.io_type}), by "
        f"hls4ml.",
        f"- From study `{study.get('name', source.name)}`, trial {evaluation.get('number')}; see "
        "`provenance.json` for versions, seeds and digests.",
        *_inputs(source),
        "",
        "## Intended use",
        "",
        _YOURS,
        "",
        "## Data",
        "",
        f"- {study.get('data') or 'see the study'} (training / validation / test); digest "
        f"`{study.get('data_digest') or study.get('data_sha256') or 'unknown'}`.",
        "- Training data trained the weights and calibrated the integer bits; validation data chose this "
        "candidate among others, so its validation score is optimistic; test data chose nothing.",
        f"- Origin, licence, and whom it represents: {_YOURS}",
        "",
        "## Measurements",
        "",
        *figures(source),
        "",
        "## Precision",
        "",
        f"{_widths(source)}. `precision.json` has every type.",
        "",
        "## Limits",
        "",
        "- Inputs beyond the range of the input's type saturate. The integer bits of all tensors were "
        "calibrated on training data: on data of another range, scores can fall without a warning.",
        "- Resources and latency are as good as their source says: an estimate is not a synthesis.",
        "- Scores were computed by a model that equals the C++ of `project/` bit for bit (`verify.py`). That "
        "the built hardware equals the C++ is for co-simulation to show.",
        f"- Behaviour on groups within the data, and harm if it fails: {_YOURS}",
    ]
    return "\n".join(lines) + "\n"


def _inputs(source: BundleSource) -> list[str]:
    rows = []
    model = source.model
    for role, names, tensors in (
        ("Input", [tensor.name for tensor in model.inputs], model.inputs),
        ("Output", getattr(model, "output_names", [model.layers[-1].name]), model.outputs),
    ):
        for name, tensor in zip(names, tensors, strict=True):
            kind = source.precision.get(f"{name}/result")
            shape = " x ".join(str(size) for size in tensor.shape[1:])
            rows.append(f"- {role} `{name}`: {shape} values" + (f" of `{kind.container}`." if kind else "."))
    dropped = source.study.get("head_left_off")
    if dropped:
        rows.append(f"- The model's last {dropped} is left off: outputs are its inputs, in the same order.")
    return rows


def _widths(source: BundleSource) -> str:
    count = Counter(t.width for key, t in source.precision.items() if key.endswith(("weight", "result")))
    return "Weights and results: " + ", ".join(f"{n} of {bits} bits" for bits, n in sorted(count.items()))
