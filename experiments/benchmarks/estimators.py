"""Estimates of published MLPs against rule4ml's: designs to a file, and a table when rule4ml has answered.

`python -m bitfront.experiments.benchmarks.estimators --designs mlps.json` writes the designs with what
C-synthesis reported and what a fit without the design's author predicts. `rule4ml_predict.py` beside this
file, run in an environment that has rule4ml, answers them; `... --designs mlps.json --answers rule4ml.json`
prints the table.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from bitfront.experiments.calibration.fit import cross_validate
from bitfront.experiments.calibration.samples import load_samples, measured, shared_folder
from bitfront.experiments.calibration.scores import scores
from bitfront.hls import DesignDescription
from bitfront.hls.design import from_record

from ..command import returns_exit_code

ACTIVATIONS = {"relu", "linear", "sigmoid", "tanh", "softmax"}
QUANTITIES = {"lut": "LUT", "ff": "FF", "dsp": "DSP", "bram18": "BRAM18", "latency_cycles": "latency"}


def plain_layers(design: DesignDescription) -> list[list[Any]] | None:
    """Return an MLP as rule4ml can be given it: ["dense", units], ["relu"], ...; None where it is more than
    that.
    """
    layers: list[list[Any]] = []
    for layer in design.layers:
        if layer.op == "dense" and layer.positions == 1:
            layers.append(["dense", layer.sizes["n_out"]])
        elif layer.op == "normalize":
            layers.append(["batchnormalization"])
        elif layer.op in ACTIVATIONS:
            layers.append([layer.op])
        else:
            return None
    return layers


def published(data: str | None) -> list[dict[str, Any]]:
    """Return the published MLPs with truth and held-out predictions.

    Raises:
        UserError: the folder of published results is missing.
    """
    folder = shared_folder(data)
    samples = load_samples(folder)
    held = {
        one.sample.name: one.predicted
        for one in cross_validate(samples)
        if one.scheme == "author" and one.kind == "csynth"
    }
    found = []
    for line in (folder / "designs.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        truth = measured(record, "csynth")
        if record["family"] != "mlp" or "lut" not in truth or record["id"] not in held:
            continue
        design = from_record(record)
        layers = plain_layers(design)
        dense = [layer for layer in design.layers if layer.op == "dense"]
        if layers is None or not dense:
            continue
        sizes = [layer.matrix[0] * layer.matrix[1] for layer in dense]
        widths = [layer.type("weight").width for layer in dense]
        found.append(
            {
                "id": record["id"],
                "repo": record["repo"],
                "inputs": dense[0].sizes["n_in"],
                "layers": layers,
                "bits": round(float(np.average(widths, weights=sizes))),
                "integer": max(1, dense[0].type("weight").integer),
                "reuse_factor": max(layer.reuse_factor for layer in dense),
                "strategy": "Resource" if dense[0].strategy.startswith("resource") else "Latency",
                "part": design.part,
                "tool_version": design.tool_version,
                "truth": {key: truth[key] for key in QUANTITIES if key in truth},
                "bitfront": {key: held[record["id"]][key] for key in QUANTITIES},
            }
        )
    return found


def table(designs: list[dict[str, Any]], answers: dict[str, dict[str, float]]) -> str:
    """Return the scores of both on the designs that both estimate, as Markdown."""
    rows = [
        "| quantity | designs | estimator | SMAPE | median error | within 2x | rank correlation |",
        "|---|" + "---|" * 6,
    ]
    for key, name in QUANTITIES.items():
        both = [d for d in designs if key in d["truth"] and key in answers.get(d["id"], {})]
        if not both:
            continue
        truth = np.array([d["truth"][key] for d in both])
        for who in ("bitfront", "rule4ml"):
            guess = np.array(
                [d["bitfront"][key] if who == "bitfront" else answers[d["id"]][key] for d in both]
            )
            found = scores(np.maximum(guess, 0.0), truth)
            rows.append(
                f"| {name} | {len(both)} | {who} | {found['smape']:.0f} % | {found['median']:.0f} % | "
                f"{100 * found['within2']:.0f} % | {found['spearman']:.2f} |"
            )
    return "\n".join(rows)


@returns_exit_code
def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="bitfront.experiments.benchmarks.estimators")
    parser.add_argument("--data", help="folder with designs.jsonl (default: csynth in BITFRONT_SHARED)")
    parser.add_argument(
        "--designs", type=Path, required=True, help="file of designs, written where it is missing"
    )
    parser.add_argument("--without", help="leave out repositories whose name holds this text")
    parser.add_argument("--answers", type=Path, help="what rule4ml_predict.py wrote: prints the table")
    given = parser.parse_args(arguments)
    if not given.designs.exists():
        given.designs.write_text(json.dumps(published(given.data), indent=1) + "\n", encoding="utf-8")
    if given.answers:
        designs = json.loads(given.designs.read_text())
        kept = [d for d in designs if not given.without or given.without not in d["repo"]]
        print(table(kept, json.loads(given.answers.read_text())))


if __name__ == "__main__":
    raise SystemExit(main())
