"""Keras archives that come out the same byte for byte, whenever and wherever they are written."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""Earliest time that a zip archive can hold."""


def save_model(model: Any, path: Path) -> Path:
    """Save a Keras model as a `.keras` archive without dates, process-wide counters or object addresses."""
    with tempfile.TemporaryDirectory(prefix="bitfront-model-") as place:
        raw = Path(place) / "model.keras"
        model.save(raw)
        with zipfile.ZipFile(raw) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    metadata = json.loads(members["metadata.json"])
    metadata.pop("date_saved", None)
    config = json.loads(members["config.json"])
    config.get("config", {})["name"] = path.stem
    # Keras numbers shared objects by memory address and names compile-time objects by a counter
    config.pop("compile_config", None)
    _renumber(config, {})
    members["metadata.json"] = _dump(metadata)
    members["config.json"] = _dump(config)
    members["model.weights.h5"] = _weights(members["model.weights.h5"], path.stem)
    with zipfile.ZipFile(path, "w") as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.external_attr = 0o644 << 16
            info.create_system = 3
            archive.writestr(info, members[name], zipfile.ZIP_DEFLATED, 6)
    return path


def _weights(stored: bytes, name: str) -> bytes:
    """Return the weight file written afresh, with the model's counted name (`sequential_7`) replaced."""
    import h5py

    fresh = io.BytesIO()
    with h5py.File(io.BytesIO(stored)) as old, h5py.File(fresh, "w") as new:

        def copy(key: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                made = new.create_dataset(key, data=item[()], track_times=False)
            else:
                made = new.require_group(key)
            for attribute, value in sorted(item.attrs.items()):
                # once, at creation: h5py replaces an attribute under a random temporary name, which stays in
                # the file
                made.attrs.create(attribute, name if (key, attribute) == ("vars", "name") else value)

        old.visititems(copy)
    return fresh.getvalue()


def _dump(value: Any) -> bytes:
    return json.dumps(value, sort_keys=False, separators=(",", ":")).encode()


def _renumber(value: Any, seen: dict[int, int]) -> None:
    """Replace object addresses by their order of appearance."""
    if isinstance(value, dict):
        if isinstance(value.get("shared_object_id"), int):
            value["shared_object_id"] = seen.setdefault(value["shared_object_id"], len(seen))
        for child in value.values():
            _renumber(child, seen)
    elif isinstance(value, list):
        for child in value:
            _renumber(child, seen)
