"""The front and its volume are what counting by hand gives, ties and equal rows included."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bitfront.search.trials.dominance import hypervolume, is_nondominated


@st.composite
def tables(draw, most: int = 9):
    """Rows of few different values, so that many tie in a column or are equal; some lie on the reference."""
    columns = draw(st.integers(1, 4))
    values = st.integers(0, draw(st.sampled_from([1, 4, 8])))
    rows = draw(st.lists(st.lists(values, min_size=columns, max_size=columns), max_size=most))
    return np.array(rows, np.float64).reshape(len(rows), columns)


def beats(one, other) -> bool:
    return bool((one <= other).all() and (one < other).any())


@given(tables())
@settings(deadline=None, max_examples=400)
def test_the_front_is_what_comparing_every_pair_leaves(table):
    """Of rows that are equal all are on it, or none."""
    expected = [not any(beats(other, row) for other in table) for row in table]

    assert is_nondominated(table).tolist() == expected


@given(tables())
@settings(deadline=None, max_examples=400)
def test_the_volume_is_the_number_of_unit_cubes_that_a_row_dominates(table):
    """Exactly: all values are whole."""
    reference = np.full(table.shape[1], 8.0)
    corners = np.array(list(product(range(8), repeat=table.shape[1])))
    cubes = (table[:, None, :] <= corners[None]).all(axis=2).any(axis=0).sum() if len(table) else 0

    assert hypervolume(table, reference) == cubes


@pytest.mark.parametrize("columns", [2, 3, 4])
def test_the_volume_of_many_rows_agrees_with_random_points(columns):
    """The share of random points that a front dominates, within five standard errors; order and repetition
    don't matter.
    """
    rng = np.random.default_rng(columns)
    table = rng.random((40, columns)) ** 0.5
    points = rng.random((200_000, columns))
    inside = np.zeros(len(points), bool)
    for row in table:
        inside |= (row <= points).all(axis=1)
    share = inside.mean()
    volume = hypervolume(table, np.ones(columns))

    assert abs(volume - share) < 5 * np.sqrt(share * (1 - share) / len(points))
    again = np.vstack([table, table[:7]])[rng.permutation(47)]
    assert hypervolume(again, np.ones(columns)) == pytest.approx(volume, rel=1e-12)


def test_rows_beyond_the_reference_are_refused_and_no_rows_have_no_volume():
    with pytest.raises(ValueError, match="exceeds the reference"):
        hypervolume(np.array([[0.5, 1.5]]), np.ones(2))
    assert hypervolume(np.zeros((0, 3)), np.ones(3)) == 0.0
    assert is_nondominated(np.zeros((0, 2))).tolist() == []
