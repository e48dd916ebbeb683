"""Builds the environments of the peers that can't live beside bitfront.

`python -m bitfront.experiments.benchmarks.peers.environments FOLDER` makes `FOLDER/autoqkeras` and
`FOLDER/hgq2`, with uv where it is installed and with venv and pip else. QKeras 0.9 needs Keras 2; HGQ2
installs a package of QKeras's name.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGES = {
    "autoqkeras": (
        "qkeras==0.9.0",
        "tensorflow==2.12.1",
        "keras-tuner==1.4.8",
        "tensorflow-model-optimization==0.7.5",
        "pyparsing<3.2",
        "networkx",
        "tqdm",
        "scikit-learn",
        "numpy<1.24",
        "setuptools<80",
    ),
    "hgq2": ("HGQ2==0.2.0", "keras==3.15.1", "tensorflow==2.21.0", "da4ml==0.5.2"),
}
"""Pinned where a newer one is known not to work or changes what is measured. TensorFlow 2.12 is the last
whose Keras writes models as JSON that QKeras 0.9 can edit; with 2.15 and tf-keras beside it, AutoQKeras reads
them without end.
"""


def build(folder: Path, name: str) -> Path:
    """Make one environment if it isn't there, and return its Python."""
    place = folder / name
    python = place / "bin" / "python"
    if python.exists():
        return python
    uv = shutil.which("uv")
    if uv:
        subprocess.run([uv, "venv", "-q", "--python", "3.11", str(place)], check=True)
        install = [uv, "pip", "install", "-q", "--python", str(python)]
    else:
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        install = [str(python), "-m", "pip", "install", "-q"]
    subprocess.run([*install, *PACKAGES[name]], check=True)
    return python


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bitfront.experiments.benchmarks.peers.environments",
        description="Build the peers' environments.",
    )
    parser.add_argument("folder", type=Path, help="where they go")
    parser.add_argument(
        "--only", nargs="+", choices=list(PACKAGES), default=list(PACKAGES), help="which (all)"
    )
    options = parser.parse_args()
    for name in options.only:
        print(f"{name}: {build(options.folder.resolve(), name)}")


if __name__ == "__main__":
    main()
