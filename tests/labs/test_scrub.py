"""The Scrub lab without a screen: state in, events and record out."""

import itertools
import math

import numpy as np
import pytest
import torch

import explorer as ex
from explorer.labs import LABS
from explorer.labs.menus import EXACT
from explorer.labs.scene import Begin, Block, Charts, Done, Kind, Status
from explorer.labs.scrub import ScrubState
from explorer.labs.scrub.state import POINTS_BUDGET
from explorer.labs.shelf import Shelf

LAB = LABS["scrub"]


def small(**changes) -> ScrubState:
    return ScrubState(**({"n": 64, "steps": 5} | changes))


def shown(state: ScrubState, shelf: Shelf | None = None, **options) -> list:
    return list(LAB.events(state, shelf or Shelf(), **options))


def record_of(state: ScrubState, shelf: Shelf | None = None):
    return shown(state, shelf)[-1].record


def blocks(events: list, kind: Kind, slot: int = 1) -> np.ndarray:
    return np.concatenate(
        [e.array for e in events if isinstance(e, Block) and e.kind is kind and e.slot == slot]
    )


def test_a_run_streams_a_frame_at_a_time_and_ends_with_its_record():
    events = shown(small())
    assert isinstance(events[0], Begin) and isinstance(events[-1], Done)
    assert blocks(events, Kind.STATE).shape == (6, 64, 2)
    assert blocks(events, Kind.DENOISED).shape == (6, 64, 2)
    run = events[-1].record.panes[0].run
    np.testing.assert_allclose(blocks(events, Kind.STATE), run.states.numpy())
    assert [e.kind for e in events if isinstance(e, Status)][-1] == "done"


def test_the_first_frame_comes_before_the_run_is_a_tenth_done():
    # The first frame needs one step; nothing else may stand before it.
    calls = 0
    target = ex.target("two_moons")
    field = target.field("linear")

    class Counting(type(field)):
        def __call__(self, x, t):
            nonlocal calls
            calls += 1
            return field(x, t)

    counting = object.__new__(Counting)
    counting.__dict__.update(field.__dict__)
    shelf = Shelf()
    state = LAB.built(
        vars(small(steps=50)) | {"model": shelf.put_field(counting), "target": "two_moons"}, shelf
    )
    for event in LAB.events(state, shelf):
        if isinstance(event, Block) and event.kind is Kind.STATE:
            break
    assert calls <= 2


@pytest.mark.parametrize("target", list(ex.TARGETS))
@pytest.mark.parametrize("path", list(ex.PATHS))
def test_every_target_runs_on_every_path(target, path):
    state = small(target=target, path=path, n=32, steps=8)
    run = record_of(state).panes[0].run
    assert run.ended.kind == "done"
    assert bool(torch.isfinite(run.states).all())


@pytest.mark.parametrize("sampler", [s for s in ex.SAMPLERS if not s.startswith("diffusers/")])
def test_every_sampler_of_ours_brings_the_moons_nearer(sampler):
    pane = record_of(small(sampler=sampler, n=512, steps=20)).panes[0]
    assert pane.distance[-1] < 0.5 * pane.distance[0]


def test_compare_starts_from_the_same_noise_and_counts_each_run():
    record = record_of(small(compare=True, sampler_2="euler", steps_2=9))
    first, other = record.panes
    assert torch.equal(first.run.states[0], other.run.states[0])
    assert int(first.run.evals[-1]) == 9 and int(other.run.evals[-1]) == 9
    assert first.error < other.error, "Heun beats Euler at the same number of evals"


def test_compare_with_another_path_starts_from_the_same_noise_scaled():
    record = record_of(small(compare=True, sampler_2="same", path_2="ve"))
    linear, exploding = record.panes
    torch.testing.assert_close(linear.run.states[0] * 80.0, exploding.run.states[0])


def test_distances_are_those_of_the_public_metric():
    record = record_of(small(n=512))
    reference = record.plan.reference[:512]
    expected = ex.sliced_w2(record.panes[0].run.states[-1], reference)
    assert math.isclose(record.panes[0].distance[-1], float(expected), rel_tol=1e-5)


def test_numbers_on_the_page_have_one_value_for_each_tick():
    events = shown(small())
    charts = [e for e in events if isinstance(e, Charts)][-1].charts
    for row in charts["numbers"]["rows"]:
        assert len(row["values"][1]) == 6, row["label"]
        assert row["hint"], row["label"]
    for chart in charts["charts"]:
        for line in chart["lines"]:
            assert len(line["x"]) == len(line["y"]) == 6


def test_signal_to_noise_on_the_linear_path_is_its_closed_form():
    events = shown(small(steps=4))
    rows = [e for e in events if isinstance(e, Charts)][-1].charts["numbers"]["rows"]
    values = next(row for row in rows if row["label"] == "signal-to-noise")["values"][1]
    np.testing.assert_allclose(values[:4], [0.0, (0.25 / 0.75) ** 2, 1.0, 9.0], rtol=1e-5)
    assert values[4] is None


def test_arrows_point_along_the_drawn_motion_on_the_exploding_path():
    # For one Gaussian N(0, I) the drawn flow on this path stands still: x / sqrt(1 + sigma^2) is constant.
    shelf = Shelf()
    target = ex.mixture(torch.ones(1), torch.zeros(1, 2), torch.eye(2)[None])
    values = vars(small(path="ve", precision="float64")) | {"target": shelf.put_target(target)}
    events = shown(LAB.built(values, shelf), shelf)
    assert float(np.abs(blocks(events, Kind.VELOCITY)).max()) < 1e-3


def test_a_launched_particle_follows_the_pane_from_where_it_was_put():
    state = small(steps=10)
    events = list(LAB.launch(state, [0.5, -0.25], 0.6, 0, 7, Shelf()))
    states = blocks(events, Kind.STATE, 7)
    ticks = blocks(events, Kind.TICKS, 7).ravel()
    np.testing.assert_allclose(states[0, 0], [0.5, -0.25], atol=1e-6)
    assert ticks[0] == pytest.approx(0.6, abs=1e-5) and ticks[-1] == 0.0
    assert len(states) == len(ticks) == 7


@pytest.mark.parametrize("place", [[math.nan, 0.0], [1.0], [1.0, 2.0, 3.0]])
def test_a_launch_from_nowhere_is_refused(place):
    with pytest.raises(ValueError, match="two finite numbers"):
        list(LAB.launch(small(), place, 0.5, 0, 7, Shelf()))


def test_stop_keeps_what_was_computed():
    looks = itertools.count()
    record = shown(small(steps=50), stop=lambda: next(looks) >= 9)[-1].record
    run = record.panes[0].run
    assert run.ended.kind == "cancelled" and "cancelled at step" in run.ended.text
    assert len(run.times) == 10 and record.panes[0].distance[-1] is not None


@pytest.mark.parametrize("sampler", ["heun", "rk45", "diffusers/euler"])
def test_every_layer_of_a_run_that_was_stopped_counts_the_same_frames(sampler):
    looks = itertools.count()
    events = shown(small(steps=20, sampler=sampler, path="ve"), stop=lambda: next(looks) >= 3)
    totals = {e.total for e in events if isinstance(e, Block) and e.slot == 1}
    assert len(totals) == 1


def test_a_model_that_turns_to_nan_ends_as_diverged_with_its_step():
    shelf = Shelf()
    field = ex.NetworkField(lambda x, t: torch.where(t[:, None] < 0.5, torch.nan, 0.1) * x, shape=(2,))
    values = vars(small(steps=10, sampler="euler")) | {"model": shelf.put_field(field)}
    events = shown(LAB.built(values, shelf), shelf)
    status = [e for e in events if isinstance(e, Status)][-1]
    assert status.kind == "diverged" and status.text.startswith("diverged at step 7, t = ")
    assert len(events[-1].record.panes[0].run.states) == 7


@pytest.mark.parametrize(
    ("name", "value"),
    [("steps", 1e9), ("steps", -5), ("steps", math.nan), ("n", 3), ("seed", -1), ("sampler", "huen"),
     ("target", "../../etc/passwd"), ("compare", "yes"), ("eta", math.inf), ("n", True), ("path", None),
     ("model", ["exact"]), ("bogus", 1)],
)  # fmt: skip
def test_what_is_out_of_bounds_reaches_no_state(name, value):
    with pytest.raises(ValueError) as fault:
        LAB.changed(LAB.initial(), name, value, Shelf())
    assert name in str(fault.value) and "\n" not in str(fault.value) and len(str(fault.value)) < 2000


def test_a_picture_over_the_budget_is_refused_with_the_number():
    with pytest.raises(ValueError, match="points, and a picture holds") as fault:
        ScrubState(n=20_000, steps=200)
    assert f"{POINTS_BUDGET:,}" in str(fault.value)


def test_every_corner_of_the_sliders_is_refused_or_within_budget():
    controls = LAB.controls
    for n, steps in itertools.product((controls["n"].lo, controls["n"].hi), (1, 200)):
        try:
            state = ScrubState(n=int(n), steps=steps)
        except ValueError:
            continue
        assert state.n * (state.steps + 1) <= POINTS_BUDGET


def test_a_choice_settles_what_depends_on_it():
    shelf, state = Shelf(), LAB.initial()
    state = LAB.changed(state, "model", "two_moons/vp", shelf)
    assert state.path == "vp"
    state = LAB.changed(state, "target", "eight_gaussians", shelf)
    assert state.model == EXACT
    digits = LAB.changed(state, "target", "digits", shelf)
    assert digits.n == 64
    assert LAB.changed(digits, "target", "two_moons", shelf).n == 2000


def test_digits_show_pictures_beside_their_clean_prediction():
    events = shown(small(target="digits", n=16, steps=4))
    assert events[0].spec["images"] == {"height": 8, "width": 8, "columns": 4}
    images = blocks(events, Kind.IMAGES)
    assert images.dtype == np.uint8 and images.shape == (5, 16, 64)
    assert blocks(events, Kind.IMAGES_DENOISED).shape == (5, 16, 64)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"path": "vp", "sampler": "ddim", "grid": "karras"},
        {"label": ex.TARGETS["two_moons"].labels[0]},
        {"precision": "float64", "sampler": "taylor2"},
        {"compare": True, "sampler_2": "euler", "steps_2": 7, "path_2": "trig"},
        {"sampler": "diffusers/dpm++_2m", "path": "vp"},
        {"model": "two_moons/linear"},
    ],
)
def test_the_recipe_gives_the_very_states_of_the_page(changes):
    state, scope = small(**changes), {}
    exec(LAB.recipe(state).replace("ex.scrub(", "shown = ("), scope)
    expected = record_of(state).panes
    runs = scope["shown"] if isinstance(scope["shown"], tuple) else (scope["shown"],)
    assert len(runs) == len(expected)
    for run, pane in zip(runs, expected, strict=True):
        assert torch.equal(run.states, pane.run.states)


def test_a_state_is_hashable_and_keys_tell_states_apart():
    states = [small(), small(seed=1), small(compare=True), small(target="digits")]
    assert len({hash(s) for s in states}) == len({LAB.key(s, Shelf()) for s in states}) == 4
    assert LAB.key(small(), Shelf()) == LAB.key(small(), Shelf())


def test_another_visitors_drawing_is_named_as_such():
    mine, yours = Shelf(), Shelf()
    key = mine.put_points([[0.0, 0.0], [1.0, 0.5], [0.5, 1.0], [0.2, 0.8]])
    state = LAB.built(vars(small()) | {"target": key}, mine)
    assert record_of(state, mine).panes[0].run.ended.kind == "done"
    with pytest.raises(ValueError, match="cannot be shared"):
        record_of(state, yours)


def test_figures_of_a_record_come_with_titles_and_named_axes():
    figures = LAB.figures(record_of(small()))
    assert list(figures) == ["paths", "schedule"]
    for figure in figures.values():
        assert figure.layout.title.text and figure.layout.xaxis.title.text


def test_a_random_method_starts_with_its_own_share_of_noise():
    state = LAB.changed(LAB.initial(), "sampler", "euler_maruyama", Shelf())
    assert state.eta == 1.0
    assert LAB.changed(state, "sampler", "ddim", Shelf()).eta == 0.0
    record = record_of(small(compare=True, sampler_2="euler_maruyama"))
    assert record.panes[1].pane.sampler.eta == 1.0


def test_the_page_says_where_a_scheduler_departs_from_its_name():
    note = shown(small(sampler="diffusers/ddim", path="vp"))[0].spec["note"]
    assert "DDIM of diffusers" in note and "1000" in note
    assert shown(small())[0].spec["note"] == ""
