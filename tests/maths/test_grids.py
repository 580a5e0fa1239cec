"""Time grids: what every one of them keeps, and what is said of one that cannot be."""

import inspect
import math
from itertools import pairwise

import pytest

from explorer.maths.paths import PATHS, as_path
from explorer.maths.samplers.grids import GRID_LABELS, GRIDS, times_of

BARE = inspect.unwrap(times_of)
"""Past the annotations, as a user without the test's flag comes."""


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("steps", [1, 2, 7, 100])
@pytest.mark.parametrize("latest", [1.0, 0.999, 0.4])
def test_times_fall_strictly_from_the_latest_time_to_exactly_zero(grid, path, steps, latest):
    times = times_of(grid, as_path(path), steps, latest)
    assert len(times) == steps + 1
    assert times[0] == latest
    assert times[-1] == 0.0
    assert all(a > b for a, b in pairwise(times))
    assert all(type(t) is float for t in times)


def test_every_grid_has_a_label():
    assert set(GRID_LABELS) == set(GRIDS)


@pytest.mark.parametrize("path", PATHS)
def test_karras_ratios_are_equal_steps_of_their_seventh_root(path):
    way = as_path(path)
    roots = [(way.sigma(t) / way.alpha(t)) ** (1 / 7) for t in times_of("karras", way, 12)[1:-1]]
    gaps = [a - b for a, b in pairwise(roots)]
    assert max(gaps) - min(gaps) < 1e-6
    assert roots[-1] ** 7 == pytest.approx(0.002, rel=1e-6)


def test_karras_on_the_exploding_path_is_the_papers_own():
    times = times_of("default", as_path("ve"), 18)
    assert [80 * t for t in times[:3]] == pytest.approx([80.0, 57.586, 40.786], abs=1e-3)


def test_log_snr_steps_are_equal():
    way = as_path("linear")
    logs = [math.log(way.sigma(t) / way.alpha(t)) for t in times_of("log_snr", way, 9)[1:-1]]
    gaps = [a - b for a, b in pairwise(logs)]
    assert max(gaps) - min(gaps) < 1e-9


def test_trailing_times_are_levels_of_a_thousand():
    assert all(round(1000 * t) == pytest.approx(1000 * t) for t in times_of("trailing", as_path("vp"), 7))


def test_times_may_be_given_with_or_without_their_ends():
    way, inner = as_path("linear"), [0.8, 0.3]
    for grid in (inner, [1.0, *inner], [*inner, 0.0], (1.0, *inner, 0.0)):
        assert times_of(grid, way, 5) == [1.0, 0.8, 0.3, 0.0]


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        ([], "1 to 10000"),
        ([0.5, 0.5], "fall strictly"),
        ([0.2, 0.7], "fall strictly"),
        ([1.2, 0.5], "at most 1 to 0"),
        ([0.5, -0.1], "fall strictly"),
        ([float("nan")], "finite"),
        (["noon"], "falling times"),
        (7, "falling times"),
        ("karas", "did you mean 'karras'"),
    ],
)
def test_a_grid_that_cannot_be_is_refused_in_one_sentence(grid, words):
    with pytest.raises(ValueError, match=words):
        BARE(grid, as_path("linear"), 5)


@pytest.mark.parametrize("steps", [0, -1, 10_001, 2.5, True, "9"])
def test_a_number_of_steps_out_of_range_is_refused(steps):
    with pytest.raises(ValueError, match="`steps` must be a whole number from 1 to 10000"):
        BARE("uniform", as_path("linear"), steps)


def test_more_steps_than_levels_are_refused():
    with pytest.raises(ValueError, match="no 1500 different times"):
        times_of("trailing", as_path("linear"), 1500)
