import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from explorer.stage.blocks import HEAD, MAGIC, pack, unpack

BOX = (-2.0, -1.0, 2.0, 3.0)
shapes = st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(2, 4))
arrays = shapes.flatmap(
    lambda shape: hnp.arrays("f4", shape, elements=st.floats(-1e6, 1e6, width=32) | st.just(np.nan))
)


@given(arrays, st.integers(0, 5), st.integers(0, 5))
def test_float_blocks_return_exactly(array, first, after):
    data = pack("state", 7, first, first + len(array) + after, array)
    (block,) = unpack(data)
    assert (block.run, block.first, block.total, block.kind) == (7, first, first + len(array) + after, 0)
    np.testing.assert_array_equal(block.values, array)


@given(arrays)
def test_quantised_blocks_return_within_half_a_step_and_keep_what_is_missing(array):
    (block,) = unpack(pack("state", 1, 0, len(array), array, box=BOX, quantise=True))
    lo = np.array([BOX[0], BOX[1]])[np.arange(array.shape[2]) % 2]
    hi = np.array([BOX[2], BOX[3]])[np.arange(array.shape[2]) % 2]
    np.testing.assert_array_equal(np.isnan(block.values), np.isnan(array))
    inside = np.clip(array, lo, hi)
    assert np.nanmax(np.abs(block.values - inside), initial=0) <= 4 / 65534 / 2 + 1e-6


@pytest.mark.parametrize(("kind", "number"), [("colour", 4), ("heat", 7)])
def test_colours_and_maps_stay_floats_with_their_own_gaps(kind, number):
    values = np.array([[[1e-7], [np.nan], [12.5]]], "f4")
    data = pack(kind, 2, 1, 3, values, box=BOX, quantise=True)
    (block,) = unpack(data)
    assert (block.kind, block.dtype) == (number, 4)
    np.testing.assert_array_equal(block.values, values)


def test_the_head_stands_where_the_contract_says():
    data = pack("velocity", 3, 2, 9, np.zeros((4, 5, 2), "f4"), box=BOX)
    assert HEAD.size == 48 and len(data) == 48 + 4 * 5 * 2 * 4
    assert HEAD.unpack_from(data) == (MAGIC, 3, 2, 4, 9, 5, 2, 2, 4, *BOX)


def test_blocks_are_padded_to_eight_and_stand_one_after_another():
    images = np.arange(2 * 3 * 5, dtype="u1").reshape(2, 3, 5)
    data = pack("images", 1, 0, 2, images) + pack("ticks", 1, 0, 2, np.ones((2, 1, 1)))
    assert len(data) % 8 == 0
    first, second = unpack(data)
    np.testing.assert_array_equal(first.values, images)
    assert second.kind == 9


@pytest.mark.parametrize(
    ("kind", "array", "options", "words"),
    [
        ("cloud", np.zeros((1, 1, 2)), {}, "`kind` must be one of"),
        ("state", np.zeros((1, 2)), {}, "[count, n, dims]"),
        ("state", np.zeros((0, 1, 2)), {}, "no empty axis"),
        ("state", np.zeros((1, 3, 1)), {}, "2 or more dims"),
        ("state", np.zeros((1, 3, 2), complex), {}, "real numbers"),
        ("images", np.zeros((1, 3, 4)), {}, "must be uint8"),
        ("ticks", np.zeros((1, 2, 1)), {}, "[count, 1, 1]"),
        ("colour", np.zeros((1, 3, 2)), {}, "colour must be one number each"),
        ("heat", np.zeros((1, 6, 3)), {}, "heat must be one number each"),
        ("state", np.zeros((1, 3, 2)), {"quantise": True}, "`box` must be"),
        ("state", np.zeros((1, 3, 2)), {"quantise": True, "box": (1, 0, 0, 1)}, "lo below hi"),
        ("state", np.zeros((5, 3, 2)), {}, "must lie in 0 .. 4"),
    ],
)
def test_what_cannot_be_packed_is_refused_with_a_sentence(kind, array, options, words):
    with pytest.raises(ValueError) as refused:
        pack(kind, 1, 0, 4, array, **options)
    assert words in str(refused.value)


@pytest.mark.parametrize("cut", [10, 60])
def test_bytes_cut_short_are_refused(cut):
    with pytest.raises(ValueError, match="left"):
        list(unpack(pack("state", 1, 0, 1, np.zeros((1, 9, 2)))[:cut]))


def test_bytes_of_another_kind_are_refused():
    with pytest.raises(ValueError, match="must begin with"):
        list(unpack(bytes(64)))
