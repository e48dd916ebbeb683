"""What a study exports, loaded in a fresh process as the documentation says: the Keras model and MLflow's
champion.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import zoo
from bundles import exact_in_a_fresh_process, said_by_bitfront, said_by_script

from bitfront.experiments.gallery import ready_study
from bitfront.search import export_bundle, load_study, read_evaluations, run_study
from bitfront.search.tracking import register

pytestmark = [pytest.mark.slow, zoo.needs_compiler]

CHAMPION = """
import sys
import mlflow
import numpy as np
from pathlib import Path

uri, name, golden = sys.argv[1], sys.argv[2], Path(sys.argv[3])
mlflow.set_tracking_uri(uri)
model = mlflow.pyfunc.load_model(f"models:/{name}@champion")
inputs = np.load(golden / "inputs.npy").astype("float32")
assert np.array_equal(model.predict(inputs), np.load(golden / "outputs.npy"))
"""


@pytest.mark.parametrize(
    "name", ["jets_mlp", "digits_cnn", "top_tagging_lstm", "top_tagging_gru", "top_tagging_transformer"]
)
def test_a_study_s_bundle_and_its_champion_predict_the_golden_outputs_in_a_fresh_process(name, tmp_path):
    """A trained trial and a rounded one of each family: firmware, Keras model and MLflow's model agree in
    every bit.
    """
    file = ready_study(name).file
    settings = ["training.float_epochs=2", "training.epochs=2", "screening=0", "gradient_epochs=0", "cache=0"]
    config = load_study(file, [f"output={tmp_path}", *settings])
    run_study(config, file.parent, trials=8)
    study = tmp_path / config.name
    found = [e for e in read_evaluations(study) if e.status == "complete"]
    for method in sorted({e.method for e in found}):
        chosen = next(e for e in found if e.method == method)
        bundle = export_bundle(study, str(chosen.number), tmp_path / f"best-{method}")
        assert said_by_bitfront(bundle)[0] == said_by_script(bundle)[0] == 0
        ((outputs, equal),) = exact_in_a_fresh_process(bundle)
        assert outputs == equal
        uri = f"sqlite:///{tmp_path}/mlflow.db"
        model = register(study, chosen.number, uri)
        done = subprocess.run(
            [sys.executable, "-c", CHAMPION, uri, model.name, str(bundle / "golden")],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )
        assert done.returncode == 0, done.stderr[-3000:]
