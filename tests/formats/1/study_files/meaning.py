"""Wrote `meaning.json`, once: what the study files of this folder say; run in the repository's root."""

import json
from pathlib import Path

from bitfront.search import load_study

HERE = Path(__file__).resolve().parent
FILES = ("every_key", "every_key every_key_quick", "shorthands", "several_outputs", "own_metric")


def meaning(name: str) -> dict:
    file, _, preset = name.partition(" ")
    config = load_study(HERE / f"{file}.yaml", preset=preset or None)
    return {"digest": config.digest, "directions": list(config.directions()), "values": config.to_dict()}


if __name__ == "__main__":
    (HERE / "meaning.json").write_text(json.dumps({name: meaning(name) for name in FILES}, indent=1) + "\n")
