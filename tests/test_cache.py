"""Trained weights are kept by content, come back as they were or not at all, and never fill the disk."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from small_study import results, run, write

from bitfront.search import Evaluator, load_problem, load_study
from bitfront.search.evaluator.cache import TrainingCache, content_digest, entry_key

HISTORY = [{"epoch": 1, "loss": 0.25, "metric": 0.5}]


def weights(seed: int, size: int = 100) -> dict:
    rng = np.random.default_rng(seed)
    return {"dense": {"weight": rng.normal(size=size).astype("float32"), "bias": np.zeros(3, "float32")}}


def same(one, other) -> bool:
    return all(np.array_equal(one[n][r], other[n][r]) for n in one for r in one[n])


def test_an_entry_comes_back_as_it_was(tmp_path):
    cache = TrainingCache(tmp_path, 1 << 20)
    assert cache.get("ab" * 32) is None
    cache.put("ab" * 32, weights(1), HISTORY)
    found, history = cache.get("ab" * 32)
    assert same(found, weights(1))
    assert history == HISTORY


@pytest.mark.parametrize("place", [0, 40, -1])
def test_a_damaged_entry_is_not_found_and_goes(tmp_path, place):
    """One changed byte, in the checksum or behind it, or a missing end."""
    cache = TrainingCache(tmp_path, 1 << 20)
    cache.put("ab" * 32, weights(1), HISTORY)
    [path] = tmp_path.glob("??/*")
    raw = bytearray(path.read_bytes())
    raw[place] ^= 1
    path.write_bytes(raw[:-1] if place == -1 else raw)
    assert cache.get("ab" * 32) is None
    assert not path.exists()


def test_the_entries_unused_for_longest_go_when_the_limit_is_reached(tmp_path):
    cache = TrainingCache(tmp_path, 20_000)
    for number in range(12):
        key = f"{number:064x}"
        cache.put(key, weights(number, 1000), HISTORY)
        if cache.get(key) is not None:
            os.utime(tmp_path / key[:2] / key, (number, number))
    sizes = [path.stat().st_size for path in tmp_path.glob("??/*")]
    assert 0 < sum(sizes) <= 20_000
    assert cache.get(f"{11:064x}") is not None
    assert cache.get(f"{0:064x}") is None


BUSY = """
import sys
from pathlib import Path
import numpy as np
from bitfront.search.evaluator.cache import TrainingCache

cache = TrainingCache(Path(sys.argv[1]), 60_000)
for number in np.random.default_rng(int(sys.argv[2])).integers(0, 20, 80):
    weights = {"dense": {"weight": np.full(1000, number, "float32")}}
    found = cache.get(f"{number:064x}")
    assert found is None or np.array_equal(found[0]["dense"]["weight"], weights["dense"]["weight"])
    cache.put(f"{number:064x}", weights, [])
"""


def test_processes_that_write_at_once_never_read_half_an_entry(tmp_path):
    """Three processes put, get and evict the same entries; every one that is found is whole."""
    crowd = [subprocess.Popen([sys.executable, "-c", BUSY, str(tmp_path), str(seed)]) for seed in range(3)]
    assert [one.wait(timeout=120) for one in crowd] == [0] * 3
    assert not list(tmp_path.glob("??/.*"))


def test_a_place_that_cannot_be_written_keeps_nothing_and_fails_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    cache = TrainingCache(tmp_path / "file", 1 << 20)
    cache.put("ab" * 32, weights(1), HISTORY)
    assert cache.get("ab" * 32) is None


def test_what_shapes_a_training_shapes_its_key(tmp_path):
    """Another recipe, seed or types give another entry; limits, objectives and sampler give the same."""

    def content(*overrides: str) -> str:
        problem = load_problem(load_study(tmp_path / "study.yaml", overrides), tmp_path)
        return content_digest(problem, Evaluator(problem).graph)

    write(tmp_path)
    usual = content()
    assert content("sampler=tpe", "constraints={lut: 5%}", "objectives=[metric, dsp]") == usual
    assert (
        len({usual, content("training.epochs=2"), content("training.learning_rate=0.1"), content("seed=2")})
        == 4
    )
    keys = {entry_key(usual, "c", {"a": "fixed<8,3>"}), entry_key(usual, "c", {"a": "fixed<8,4>"})}
    assert len(keys | {entry_key(usual, "d", {"a": "fixed<8,3>"})}) == 3


def test_a_study_begun_anew_trains_nothing_twice(tmp_path):
    """After --fresh the same candidates get the same scores from the cache; a damaged entry is trained
    again.
    """
    file = write(tmp_path)
    before = run(file, trials=14)
    entries = list((tmp_path / "studies" / ".cache").glob("??/*"))
    stamps = {path: path.stat().st_mtime_ns for path in entries}
    entries[0].write_bytes(b"damaged")
    after = run(file, trials=14, fresh=True)

    assert len(entries) == sum(bool(e.history) for e in before.values()) > 3
    assert results(after) == results(before)
    assert sum(path.stat().st_mtime_ns != stamps[path] for path in entries) == len(entries)
    assert {n: e.history for n, e in after.items()} == {n: e.history for n, e in before.items()}
