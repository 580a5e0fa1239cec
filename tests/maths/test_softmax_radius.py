"""The softmax radius against closed forms, 30-digit zeros, and the Taylor series that it is the radius of."""

import math
from itertools import pairwise

import mpmath
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer.maths.softmax.ghosts import newton
from explorer.maths.softmax.radius import radius
from explorer.maths.softmax.series import radius_from_taylor, taylor_coefficients
from explorer.maths.softmax.winding import zeros_inside

INF, NAN = math.inf, math.nan


def rows(*values):
    return torch.tensor(values, dtype=torch.float64)


def random_rows(n, k, seed, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    logits, speeds = (torch.randn(n, k, generator=generator, dtype=torch.float64) for _ in range(2))
    return scale * logits, speeds


def assert_ordered(rho):
    """Every bound is below the next better one, to rounding."""
    ladder = [rho.bound, rho.dominance, rho.certified, rho.exact]
    for low, high in pairwise(ladder):
        assert bool((low <= high * (1 + 1e-12)).all()), (low / high).max()


@pytest.mark.parametrize(
    ("gap", "speed"), [(0.0, 1.0), (2.0, -3.0), (-40.0, 0.01), (300.0, 7.0), (1e-9, 1e5)]
)
def test_two_classes_have_the_exact_radius(gap, speed):
    rho = radius(rows([gap, 0.0]), rows([speed, 0.0]))
    expected = math.hypot(gap, math.pi) / abs(speed)
    for found in (rho.exact, rho.certified, rho.dominance):
        assert float(found) == pytest.approx(expected, rel=1e-9)
    assert float(rho.bound) == pytest.approx(math.pi / abs(speed), rel=1e-15)
    assert bool(rho.is_certain.all()) and rho.batch == float(rho.exact)


@pytest.mark.parametrize("k", [2, 3, 5, 10, 40])
def test_even_speeds_have_roots_of_unity_for_zeros(k):
    rho = radius(torch.zeros(1, k, dtype=torch.float64), 0.7 * torch.arange(k, dtype=torch.float64)[None])
    assert float(rho.exact) == pytest.approx(2 * math.pi / (k * 0.7), rel=1e-12)
    assert float(rho.exact / rho.bound) == pytest.approx(2 * (k - 1) / k, rel=1e-12)


@pytest.mark.parametrize("k", [3, 100, 50_000])
def test_one_of_many_equal_logits_moves(k):
    speeds = torch.zeros(1, k, dtype=torch.float64)
    speeds[0, k // 2] = 2.0
    rho = radius(torch.zeros_like(speeds), speeds)
    assert float(rho.exact) == pytest.approx(math.hypot(math.log(k - 1), math.pi) / 2.0, rel=1e-12)
    assert float(rho.exact / rho.bound) == pytest.approx(
        3.59 if k == 50_000 else float(rho.exact) * 2 / math.pi, abs=5e-3
    )


@pytest.mark.parametrize("m", [2, 3, 4, 6, 8])
def test_zeros_that_coincide_are_found_to_all_digits(m):
    """(1 + e^t)^m has an m-fold zero at i pi."""
    logits = rows([math.lgamma(m + 1) - math.lgamma(j + 1) - math.lgamma(m - j + 1) for j in range(m + 1)])
    rho = radius(logits, torch.arange(m + 1, dtype=torch.float64)[None])
    assert float(rho.exact) == pytest.approx(math.pi, rel=1e-9)
    assert int(rho.ghosts.multiplicity) == m
    assert bool(rho.is_certain.all())


def test_the_two_leading_classes_alone_are_no_bound():
    """The formula of the paper for the label and its rival gives 32.97 here; a class far behind holds the radius."""
    logits, speeds = rows([0.0, -1.0, -30.0]), rows([0.0, 0.1, 100.0])
    rho = radius(logits, speeds)
    assert math.hypot(1.0, math.pi) / 0.1 == pytest.approx(32.97, abs=0.01)
    assert float(rho.exact) == pytest.approx(0.3048, abs=5e-5)
    assert_ordered(rho)


@pytest.mark.parametrize(("classes", "predicted"), [(100, 2.15), (400, 2.45)])
def test_many_classes_of_random_speed_meet_the_random_energy_model(classes, predicted):
    generator = torch.Generator().manual_seed(classes)
    speeds = torch.randn(24, classes, generator=generator, dtype=torch.float64)
    rho = radius(torch.zeros_like(speeds), speeds)
    assert math.sqrt(math.log(classes)) == pytest.approx(predicted, abs=0.01)
    assert float(rho.exact.median()) == pytest.approx(predicted, rel=0.08)
    assert_ordered(rho)


@settings(max_examples=40, deadline=None)
@given(
    k=st.integers(2, 12),
    seed=st.integers(0, 2**31),
    scale=st.sampled_from([0.0, 0.1, 1.0, 4.0, 30.0, 300.0]),
    heavy=st.booleans(),
)
def test_bounds_stay_below_the_certified_exact_radius(k, seed, scale, heavy):
    """2,560 samples: calm and confident, with even and with heavy-tailed speeds."""
    logits, speeds = random_rows(64, k, seed, scale)
    rho = radius(logits, speeds**5 if heavy else speeds)
    assert bool(rho.is_certain.all())
    assert_ordered(rho)
    assert rho.batch == float(rho.exact.min())
    assert radius(logits, rho.speeds).batch == pytest.approx(
        rho.batch, rel=1e-12
    )  # solves few, finds the same


def test_zeros_are_zeros_to_thirty_digits():
    logits, speeds = random_rows(40, 10, seed=5, scale=2.0)
    rho = radius(logits, speeds)
    with mpmath.workdps(30):
        for i in range(len(logits)):
            z, a = logits[i].tolist(), speeds[i].tolist()
            start = complex(rho.ghosts.zero[i]) / float(rho.spread[i])
            root = mpmath.findroot(
                lambda t, z=z, a=a: sum(mpmath.exp(x + y * t) for x, y in zip(z, a, strict=True)), start
            )
            assert abs(abs(root) - float(rho.exact[i])) < 1e-9 * abs(root)


@pytest.mark.parametrize(("k", "scale", "seed"), [(3, 1.0, 1), (10, 1.0, 2), (10, 3.0, 3), (30, 1.0, 4)])
def test_the_taylor_series_ends_at_the_ghosts(k, scale, seed):
    """The recurrence knows no zeros. Where two orders agree it has settled, on the same radius."""
    logits, speeds = random_rows(300, k, seed, scale)
    exact = radius(logits, speeds).exact
    early, late = (radius_from_taylor(logits, speeds, orders, unit=exact) for orders in (150, 170))
    settled = (early / late - 1).abs() < 1e-10
    assert float(settled.double().mean()) > 0.6
    torch.testing.assert_close(late[settled], exact[settled], rtol=1e-9, atol=0.0)


def test_taylor_coefficients_are_those_of_the_loss():
    logits, speeds = rows([0.3, -1.0, 2.0, 0.1]), rows([1.0, -0.5, 0.2, 2.0])
    found = taylor_coefficients(logits, speeds, 12)[0].tolist()
    with mpmath.workdps(40):
        z, a = ([mpmath.mpf(x) for x in row[0].tolist()] for row in (logits, speeds))
        known = mpmath.taylor(
            lambda t: mpmath.log(sum(mpmath.exp(x + y * t) for x, y in zip(z, a, strict=True))), 0, 12
        )
    assert found == pytest.approx([float(x) for x in known], rel=1e-11, abs=1e-14)


def test_curvature_is_the_sum_over_the_ghosts():
    """kappa = -sum t_j^-2 over all zeros; those of 1 + w e^t lie at -ln w + i pi (2 m + 1)."""
    lean = 1.5
    t = [complex(lean, math.pi * (2 * m + 1)) for m in range(-200_000, 200_000)]
    kappa = 2.0 * float(taylor_coefficients(rows([lean, 0.0]), rows([0.0, 1.0]), 2)[0, 2])
    assert -sum(1 / x**2 for x in t).real == pytest.approx(kappa, abs=1e-6)


@pytest.mark.parametrize("k", [3, 6])
def test_curvature_is_the_sum_over_a_lattice_of_ghosts(k):
    """Equal weights, even speeds h: zeros at 2 pi i j / (k h) but where k divides j; kappa = h^2 (k^2 - 1) / 12."""
    h, far = 0.7, 400_000
    t = [2j * math.pi * j / (k * h) for j in range(1, far) if j % k]
    kappa = 2.0 * float(
        taylor_coefficients(
            torch.zeros(1, k, dtype=torch.float64), h * torch.arange(k, dtype=torch.float64)[None], 2
        )[0, 2]
    )
    assert kappa == pytest.approx(h**2 * (k**2 - 1) / 12, rel=1e-12)
    assert -2 * sum(1 / x**2 for x in t).real == pytest.approx(kappa, rel=1e-5)


def test_invariances():
    logits, speeds = random_rows(50, 6, seed=7, scale=2.0)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(0))
    rho = radius(logits, speeds)
    same = [
        (logits + 1e4, speeds), (logits, speeds - 300.0), (logits, -speeds), (logits[:, order], speeds[:, order]),
        (logits.T.contiguous().T, speeds),
    ]  # fmt: skip
    for z, a in same:
        other = radius(z, a)
        torch.testing.assert_close(other.exact, rho.exact, rtol=1e-8, atol=0.0)
        torch.testing.assert_close(other.certified, rho.certified, rtol=1e-3, atol=0.0)
        torch.testing.assert_close(other.bound, rho.bound, rtol=1e-10, atol=0.0)
    torch.testing.assert_close(radius(logits, -8.0 * speeds).exact, rho.exact / 8.0, rtol=1e-12, atol=0.0)


def test_classes_of_one_speed_are_one_class():
    logits, speeds = rows([0.2, -0.4, 1.0, 0.5]), rows([1.0, 3.0, 1.0, -1.0])
    joint = math.log(math.exp(0.2) + math.exp(1.0))
    merged = radius(rows([joint, -0.4, 0.5]), rows([1.0, 3.0, -1.0]))
    rho = radius(logits, speeds)
    for name, digits in (("bound", 1e-12), ("dominance", 1e-9), ("certified", 1e-3), ("exact", 1e-12)):
        assert float(getattr(rho, name)) == pytest.approx(float(getattr(merged, name)), rel=digits), name
    assert float(radius(rows([0.0, 0.0, 0.0]), rows([0.0, 0.0, 1.0])).certified) == pytest.approx(
        math.hypot(math.log(2), math.pi), rel=1e-9
    )


def test_a_class_at_minus_infinity_is_not_there_even_with_a_speed_of_nan():
    whole = radius(rows([1.0, 0.0, -1.0]), rows([0.0, 2.0, 1.0]))
    for gone in (NAN, INF, 1e30):
        rho = radius(rows([1.0, -INF, 0.0, -1.0]), rows([0.0, gone, 2.0, 1.0]))
        assert float(rho.exact) == pytest.approx(float(whole.exact), rel=1e-12)
        assert float(rho.certified) == pytest.approx(float(whole.certified), rel=1e-3)
        assert float(rho.bound) == float(whole.bound)


LADDER = ("bound", "dominance", "certified", "exact")


@pytest.mark.parametrize(
    ("logits", "speeds", "expected"),
    [
        ([0.0, 1.0], [2.0, 2.0], INF),
        ([0.0, -INF], [2.0, 5.0], INF),
        ([3.0], [2.0], INF),
        ([-INF, -INF], [0.0, 1.0], NAN),
        ([0.0, NAN], [0.0, 1.0], NAN),
        ([0.0, INF], [0.0, 1.0], NAN),
        ([0.0, 1.0], [0.0, NAN], NAN),
        ([0.0, 1.0], [INF, NAN], NAN),
        ([0.0, 1.0], [INF, 1.0], 0.0),
        ([0.0, 1.0], [INF, INF], 0.0),
        ([0.0, 1.0], [-INF, 1.0], 0.0),
    ],
)
def test_rows_without_an_ordinary_radius(logits, speeds, expected):
    rho = radius(rows(logits), rows(speeds))
    for name in LADDER:
        found = float(getattr(rho, name))
        assert found == expected or (math.isnan(found) and math.isnan(expected)), name
    assert rho.batch == expected or (math.isnan(rho.batch) and math.isnan(expected))


def test_nan_rules_the_batch_and_nothing_binds_no_rows():
    logits, speeds = rows([0.0, 1.0], [0.0, NAN], [0.0, 1.0]), rows([1.0, 0.0], [1.0, 0.0], [INF, 0.0])
    assert math.isnan(radius(logits, speeds).batch)
    assert math.isnan(radius(logits[:2], speeds[:2]).batch)
    assert radius(logits[[0, 2]], speeds[[0, 2]]).batch == 0.0
    none = radius(logits[:0], speeds[:0])
    assert none.batch == INF and none.exact.shape == none.certified.shape == (0,)
    no_class = radius(torch.zeros(2, 0), torch.zeros(2, 0))
    assert bool(no_class.exact.isnan().all()) and math.isnan(no_class.batch)


def test_small_spreads_are_not_biased_by_an_epsilon():
    rho = radius(rows([0.0, 0.0]), rows([1e-12, 0.0]))
    assert float(rho.bound) == math.pi / 1e-12
    assert float(rho.exact) == pytest.approx(math.pi / 1e-12, rel=1e-12)


def test_half_precision_is_measured_in_double():
    logits, speeds = (x.bfloat16() for x in random_rows(20, 8, seed=1, scale=3.0))
    rho, same = radius(logits, speeds), radius(logits.double(), speeds.double())
    assert rho.exact.dtype == torch.float64
    assert torch.equal(rho.exact, same.exact) and torch.equal(rho.bound, same.bound)


def test_a_far_class_that_rounding_hides_at_the_start_still_counts():
    """2 + e^(T - 1000) = 0 at 1000 + ln 2 + i pi."""
    rho = radius(rows([0.0, 0.0, -1000.0]), rows([0.0, 1e-9, 1.0]))
    assert_ordered(rho)
    assert float(rho.exact) == pytest.approx(math.hypot(1000 + math.log(2), math.pi), rel=1e-6)
    assert float(rho.certified / rho.exact) > 0.99


def test_the_count_sees_every_zero_inside():
    """1 + e^T = 0 at odd multiples of i pi: 1, 2, 3 .. of them in the upper half disc."""
    rho = radius(rows([0.0, 0.0]), rows([0.5, -0.5]))
    for radii, count in ((3.1, 0), (3.2, 1), (9.4, 1), (9.5, 2), (100.0, 16)):
        assert int(zeros_inside(rho.terms, torch.tensor([radii], dtype=torch.float64))) == count


def test_newton_stands_on_zeros():
    logits, speeds = random_rows(30, 7, seed=3)
    parts = radius(logits, speeds).terms
    who = torch.arange(30).repeat(6)
    angles = torch.linspace(0.4, 2.7, 6, dtype=torch.float64).repeat_interleave(30)
    who, zeros = newton(
        parts, who, torch.polar(torch.full_like(angles, 6.0), angles), torch.full((30,), 99.0)
    )
    assert len(zeros) > 100
    values = (parts.weights[who] + parts.slopes[who] * zeros[:, None]).exp()
    assert float((values.sum(1).abs() / values.abs().sum(1)).max()) < 1e-9


def test_shapes_are_checked_in_words():
    with pytest.raises(ValueError, match=r"must both be \[n, k\]"):
        radius(torch.zeros(3, 2), torch.zeros(3, 3))
