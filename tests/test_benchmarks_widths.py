"""Uniform widths against the front: what the table and the figure say of given points."""

from __future__ import annotations

from bitfront.experiments.benchmarks.widths import Point, draw, main, table


def point(seed, kind, width, test, lut, val=None):
    """A candidate's point whose validation metric is its test metric unless given."""
    return Point(seed, kind, width, test if val is None else val, test, test / 0.9, lut, 100.0)


POINTS = [
    *(point(s, "ptq", w, 0.7 + w / 100 + s / 1000, 100.0 * w) for s in (1, 2, 3) for w in (4, 8)),
    *(point(s, "qat", w, 0.8 + w / 100 + s / 1000, 100.0 * w) for s in (1, 2, 3) for w in (4, 8)),
    *(point(s, "front", 4.5, 0.85, 390.0) for s in (1, 2)),
    point(3, "front", 5.0, 0.95, 500.0, val=0.96),
    point(3, "front", 6.0, 0.99, 600.0, val=0.90),
]


def test_a_row_has_the_medians_and_the_fronts_best_by_validation_within_the_luts():
    rows = table(POINTS).splitlines()[2:]
    assert rows[0] == (
        "| 4 | 400 | 0.7420 (0.7410-0.7430) | 0.8420 (0.8410-0.8430) | 0.8500 (0.8500-0.8500) |"
    )
    # the third seed's front is chosen by validation: 0.95, though another member tests better
    assert rows[1].endswith("| 0.8500 (0.8500-0.9500) |")


def test_the_figure_is_written_in_every_form_that_is_asked_for(tmp_path):
    draw(POINTS, "study", [tmp_path / "w.png", tmp_path / "w.pdf"])
    assert (tmp_path / "w.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "w.pdf").read_bytes().startswith(b"%PDF")


def test_an_unknown_study_and_no_seeds_are_refused_in_one_sentence(tmp_path, capsys):
    assert main(["nothing", "--out", str(tmp_path)]) == 2
    assert "There is no ready study 'nothing'" in capsys.readouterr().err
    assert main(["gw_transformer", "--seeds", "0"]) == 2
    assert "must be 1 or more" in capsys.readouterr().err
