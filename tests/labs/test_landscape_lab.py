"""The Landscape lab: what it draws is the loss itself; what it trains goes on; what it refuses."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

import explorer as ex
from explorer.labs import LABS
from explorer.labs.controls import Chips
from explorer.labs.landscape import LandscapeState
from explorer.labs.landscape.ground import FINE
from explorer.labs.landscape.room import at_steps, room_key
from explorer.labs.scene import Begin, Block, Charts, Done, Kind, Launched, Moved, Projector, Status
from explorer.labs.shelf import Shelf
from explorer.labs.things import state_of
from explorer.labs.url import link_of, opened
from explorer.maths.landscape.training import PROBES
from explorer.stage.feed import Feed

LAB = LABS["landscape"]
SMALL = {"problem": "classifier/linear", "n": 64}


def state(shelf=None, **choices):
    return LAB.built(vars(LAB.initial()) | SMALL | choices, shelf or Shelf())


def shown(given, shelf=None, stop=lambda: False):
    return list(LAB.events(given, shelf or Shelf(), stop=stop))


def of(events, kind):
    return [event for event in events if isinstance(event, kind)]


def record_of(events):
    return of(events, Done)[-1].record


def layer(events, slot, kind=Kind.STATE):
    return [event.array for event in of(events, Block) if (event.kind, event.slot) == (kind, slot)][-1]


def chart(events, name):
    (found,) = [each for each in of(events, Charts)[-1].charts["charts"] if each["id"] == name]
    return found


def line_of(drawn, label):
    return next(line for line in drawn["lines"] if line["label"] == label)


def table(events, label):
    tables = of(events, Charts)[-1].charts["numbers"]
    return next(row["values"][1] for each in tables for row in each["rows"] if row["label"] == label)


def loss_at(problem, place):
    """The mean loss with the parameters written in by hand."""
    twin = copy.deepcopy(problem.module)
    with torch.no_grad():
        nn.utils.vector_to_parameters(place.float(), twin.parameters())
        return float(problem.loss(twin, problem.batch).double().mean())


def vector_of(module):
    return nn.utils.parameters_to_vector(module.parameters()).detach()


@pytest.fixture(scope="module")
def plane():
    return shown(state(seed=3))


# --- the surface ---


def test_each_level_stands_in_the_place_of_the_one_before_and_the_last_is_near_enough(plane):
    begins, heats = of(plane, Begin), [b for b in of(plane, Block) if b.kind == Kind.HEAT]
    assert len({begin.places for begin in begins}) == 1 and len(begins) == len(heats) >= 2
    record = record_of(plane)
    assert [level.nodes for level in record.levels][:3] == [5, 11, 17]
    assert record.levels[0].evals == 25 and math.isnan(record.levels[0].error)
    assert record.levels[-1].error <= 0.005
    assert of(plane, Status)[-1].kind == "done"


def test_every_known_point_is_a_direct_evaluation_and_the_picture_passes_through_it(plane):
    record = record_of(plane)
    frame, problem = record.frame, record.subject.problem
    first, second = record.way.directions.vectors
    heat = layer(plane, 1, Kind.HEAT).reshape(FINE, FINE)
    low_x, low_y, high_x, high_y = of(plane, Begin)[-1].spec["box"]
    for i, j in ((0, 0), (3, 11), (16, 8), (8, 8)):
        a, b = float(frame.nodes[0][i]), float(frame.nodes[1][j])
        there = loss_at(problem, vector_of(problem.module) + a * first + b * second)
        assert float(frame.values[j, i]) == pytest.approx(there, rel=2e-5)
        column = (a - low_x) / (high_x - low_x) * FINE - 0.5
        row = (b - low_y) / (high_y - low_y) * FINE - 0.5
        assert column == pytest.approx(round(column), abs=1e-6)  # a point that is known is a cell's centre
        assert heat[round(row), round(column)] == pytest.approx(there, rel=1e-4)


def test_the_centre_is_marked_with_the_loss_of_the_network_itself(plane):
    problem = record_of(plane).subject.problem
    inputs, labels = problem.batch
    own = float(cross_entropy(problem.module(inputs), labels).detach())
    assert table(plane, "loss at the centre") == pytest.approx(own, rel=1e-5)
    (mark,) = [each for each in of(plane, Begin)[-1].spec["panes"][0]["shapes"] if each["kind"] == "mark"]
    assert (mark["x"], mark["y"], mark["label"]) == (0.0, 0.0, "network")


def test_what_the_issue_wants_printed_is_printed_on_the_figure(plane):
    spec = of(plane, Begin)[-1].spec
    said = f"{spec['subtitle']} {spec['note']}"
    for words in ("normalised by filter", "seed 3", "± 1", "batch 64", "float32", "of the range"):
        assert words in said
    assert spec["heat"]["contours"] and spec["heat"]["surface"] and spec["heat"]["log"]


def test_the_middle_rows_are_lines_of_their_own(plane):
    record = record_of(plane)
    line = ex.landscape(
        *record.subject.problem, [record.way.directions.vectors[0]], points=33, extent=1.0, tolerance=0.0
    )
    drawn = line_of(chart(plane, "rows"), "along 1")
    assert drawn["x"] == pytest.approx(line.x.tolist(), abs=1e-9)
    known = np.isin(line.x.numpy(), record.frame.nodes[0].numpy())
    assert known.sum() == record.levels[-1].nodes
    assert np.array(drawn["y"])[known] == pytest.approx(line.loss.numpy()[known], rel=1e-4)


def test_a_view_of_the_same_plane_begins_with_what_is_known_of_it():
    shelf = Shelf()
    key = shelf_problem(shelf)
    wide = record_of(shown(LAB.built(vars(LAB.initial()) | {"problem": key}, shelf), shelf))
    near = record_of(shown(LAB.built(vars(LAB.initial()) | {"problem": key, "extent": 0.5}, shelf), shelf))
    asked = near.frame.evals - wide.frame.evals
    assert 0 <= asked < near.levels[-1].nodes ** 2
    assert near.levels[0].evals < wide.frame.evals + 25  # of the first level most was there


def seeded(build):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        return build()


def shelf_problem(shelf, loss=None, **more):
    module = seeded(lambda: nn.Linear(3, 4))
    generator = torch.Generator().manual_seed(1)
    batch = (torch.randn(40, 3, generator=generator), torch.randint(0, 4, (40,), generator=generator))
    plain = loss or (lambda net, data: cross_entropy(net(data[0]), data[1], reduction="none"))
    found = state_of(LAB, shelf, (), {"module": module, "loss": plain, "batch": batch, **more})
    return found.problem


def test_the_barrier_is_that_of_the_straight_line_between_both_networks():
    events = shown(state(directions="stage", other="early"))
    record = record_of(events)
    one, other = (vector_of(ex.classifier("linear", stage)) for stage in ("final", "early"))
    along = [loss_at(record.subject.problem, torch.lerp(one, other, t)) for t in torch.linspace(0, 1, 51)]
    ends = torch.lerp(torch.tensor(along[0]), torch.tensor(along[-1]), torch.linspace(0, 1, 51)).tolist()
    highest = max(a - b for a, b in zip(along, ends, strict=True))
    assert record.barrier == pytest.approx(highest, abs=2e-3 * abs(along[-1] - along[0]))
    assert table(events, "barrier") == pytest.approx(record.barrier, rel=1e-4)


def test_a_student_lies_on_its_teachers_plane():
    events = shown(
        state(problem="two_moons/linear", n=32, log=False, directions="student", other="two_moons/reflow")
    )
    record = record_of(events)
    marks = {
        each["label"]: (each["x"], each["y"]) for each in of(events, Begin)[-1].spec["panes"][0]["shapes"]
    }
    assert marks["network"] == (0.0, 0.0) and marks["MLP, reflow once"] == (1.0, 0.0)
    student = ex.load("two_moons/reflow").module
    assert record.line is not None
    end = int((record.line.x - 1.0).abs().argmin())
    assert float(record.line.loss[end]) == pytest.approx(
        loss_at(record.subject.problem, vector_of(student)), rel=1e-4
    )


def test_the_arrow_of_plain_descent_is_the_gradient_times_its_rate():
    events = shown(state(directions="gradient"))
    record = record_of(events)
    module = copy.deepcopy(record.subject.problem.module)
    inputs, labels = record.subject.problem.batch
    cross_entropy(module(inputs), labels).backward()
    size = float(torch.cat([p.grad.reshape(-1) for p in module.parameters()]).norm())
    arrows = {
        a["label"]: a["to"] for a in of(events, Begin)[-1].spec["panes"][0]["shapes"] if a["kind"] == "arrow"
    }
    unit = float(record.way.directions.vectors[0].norm())
    from explorer.maths.landscape.training import OPTIMISERS

    assert arrows["SGD"][0] == pytest.approx(OPTIMISERS["sgd"].usual * size / unit, rel=1e-4)
    assert arrows["SGD"][1] == pytest.approx(0.0, abs=1e-6) and set(arrows) >= {"Adam", "Muon", "PolarGrad"}


def test_the_path_of_a_training_lies_on_its_plane_with_its_distance_from_it():
    events = shown(state(directions="path"))
    record = record_of(events)
    track = record.way.tracks.tracks[0]
    states = layer(events, 1)
    assert states.shape == (len(track.steps), 1, 3)
    fresh = ex.problem("classifier/linear", n=64, stage="fresh")
    inputs, labels = fresh.batch
    assert states[0, 0, 2] == pytest.approx(
        float(cross_entropy(fresh.module(inputs), labels).detach()), rel=1e-5
    )
    assert states[-1, 0, :2] == pytest.approx([0.0, 0.0], abs=1e-5)
    assert float(track.distance[-1]) == pytest.approx(0.0, abs=1e-4)
    # by Pythagoras: the whole distance from the end is that on the plane and that off it
    unit = float(record.way.directions.vectors[0].norm())
    far = float((vector_of(fresh.module) - record.way.directions.origin).double().norm())
    on_it = unit * math.hypot(*track.coordinates[0].tolist())
    assert math.hypot(on_it, float(track.distance[0])) == pytest.approx(far, rel=1e-4)
    rings = [s for s in of(events, Begin)[-1].spec["panes"][0]["shapes"] if s["kind"] == "circle"]
    assert rings[0]["r"] == pytest.approx(float(track.distance[0]) / unit, rel=1e-5)


def test_a_click_descends_from_the_place_itself():
    given = state()
    launched = list(LAB.launch(given, [0.4, -0.3], 0.5, 0, 105, Shelf()))
    where = layer(launched, 105)
    assert where[0, 0, :2] == pytest.approx([0.4, -0.3], abs=1e-5)
    assert where[-1, 0, 2] < where[0, 0, 2]
    with pytest.raises(ValueError, match="finite"):
        list(LAB.launch(given, [math.nan, 0.0], 0.5, 0, 106, Shelf()))


def test_what_is_stopped_keeps_the_picture_that_there_is():
    events = shown(state(seed=11, full=True), stop=lambda: True)
    assert of(events, Status)[-1].kind == "cancelled"
    assert record_of(events).levels[-1].nodes == 5


def test_regions_with_no_finite_loss_are_holes_and_counted():
    shelf = Shelf()

    begun = float(seeded(lambda: nn.Linear(3, 4)).bias[0].detach()) + 0.05

    def cliff(net, data):
        losses = cross_entropy(net(data[0]), data[1], reduction="none")
        return torch.where(net.bias[0] > begun, losses * math.nan, losses)

    key = shelf_problem(shelf, cliff)
    events = shown(LAB.built(vars(LAB.initial()) | {"problem": key, "directions": "none"}, shelf), shelf)
    record = record_of(events)
    heat = layer(events, 1, Kind.HEAT)
    assert record.frame.holes == int((~record.frame.values.isfinite()).sum()) > 0
    assert np.isnan(heat).any() and np.isfinite(heat).any()
    assert f"{record.frame.holes} holes" in of(events, Begin)[-1].spec["note"]


# --- the spectrum ---


def test_eigenvalues_are_those_of_the_dense_hessian_with_their_residuals():
    events = shown(state(view="spectrum", k=3, rate=0.5))
    record = record_of(events)
    problem = record.subject.problem
    inputs, labels = (part.double() if part.is_floating_point() else part for part in problem.batch)
    start = vector_of(problem.module).double()

    def loss(vector):
        weights, bias = vector[:640].reshape(10, 64), vector[640:]
        return cross_entropy(inputs @ weights.T + bias, labels)

    dense = torch.linalg.eigvalsh(torch.autograd.functional.hessian(loss, start)).flip(0)
    assert record.last.converged
    assert record.last.eigenvalues.tolist() == pytest.approx(dense[:3].tolist(), rel=1e-3)
    trace = float(dense.sum())
    assert record.trace.value == pytest.approx(trace, abs=4 * record.trace.error + 1e-3 * trace)
    assert record.density.trace == pytest.approx(trace, rel=0.15)
    ways = layer(events, 1)
    assert ways[-1, :, 1] == pytest.approx(dense[:3].tolist(), rel=1e-3)
    assert np.isnan(ways[0, 1:]).all()
    above = int((dense[:3] > 4.0).sum())
    words = table(events, "gradient descent")
    assert words.startswith("stable") if not above else f"along {above}" in words


@pytest.mark.parametrize(("words", "seed"), [("looking at all the others", 21), ("adding them up", 22)])
def test_density_and_trace_stop_within_one_product_and_leave_what_was_known(words, seed):
    shelf, heard = Shelf(), []
    given = state(shelf, view="spectrum", k=3, seed=seed)

    def told():
        return any(text.startswith(words) for text in heard)

    for event in LAB.events(given, shelf, stop=told):
        heard += [event.text] if isinstance(event, Status) else []
        last = event
    assert [text.startswith(words) for text in heard[-2:]] == [True, False], "one product, then the last word"
    assert heard[-1].startswith("cancelled") and last.record.trace is None
    assert (last.record.density is None) == (words == "looking at all the others")
    again = record_of(shown(given, shelf))
    assert again.density is not None and again.trace is not None


# --- the training room ---


def test_a_training_is_kept_when_stopped_and_gone_on_with_to_the_bit():
    shelf, other = Shelf(), Shelf()
    choices = {"view": "training", "optimisers": "sgd,adam", "steps": 400, "looks": 4, "train": True}
    given = state(shelf, **choices)
    looks = iter(range(10**6))
    stopped = shown(given, shelf, stop=lambda: next(looks) >= 1)
    room = shelf.unfinished(room_key(given))
    assert 0 < room.descent.step < 400 and of(stopped, Moved)[-1].changes["train"] is False
    rested = LAB.built(vars(given) | of(stopped, Moved)[-1].changes, shelf)
    assert not LAB.is_batch(rested)
    whole = shown(LAB.changed(rested, "train", True, shelf), shelf)
    assert room.has_ended and "400 of 400 steps" in of(whole, Done)[-1].footer
    straight = record_of(shown(state(other, **choices), other)).descent
    for run, same in zip(record_of(whole).descent.runs, straight.runs, strict=True):
        assert torch.equal(run.losses, same.losses)
    assert LAB.key(rested, shelf) != LAB.key(rested, other)


def test_every_optimiser_has_its_way_on_the_shared_plane_in_the_colour_of_its_chip():
    shelf = Shelf()
    events = shown(
        state(shelf, view="training", optimisers="muon,sgd,adam", steps=50, looks=3, train=True), shelf
    )
    record = record_of(events)
    begun = [i for i, event in enumerate(events) if isinstance(event, Begin)][-1]
    roles = {e.label: e.role for e in events if isinstance(e, Launched)}
    assert of(events, Begin)[-1].spec["panes"][0]["role"] == "launched" and roles == {
        "SGD": "second",
        "Adam": "third",
    }
    assert begun
    starts = [layer(events, slot)[0] for slot in (1, 11, 12)]
    assert np.allclose(starts[0], starts[1]) and np.allclose(starts[0], starts[2])
    for run, track, slot in zip(record.descent.runs, record.tracks.tracks, (1, 11, 12), strict=True):
        end = record.tracks.directions.at(track.coordinates[-1:])[0]
        off = float((run.last.place - end).norm())
        assert off == pytest.approx(float(track.distance[-1]), rel=1e-3, abs=1e-4)
        assert layer(events, slot)[-1, 0, 2] == pytest.approx(
            loss_at(record.descent.problem, run.last.place), rel=1e-4
        )
    for name in ("loss", "sharpness", "directional", "critical", "noise", "sam", "apart", "shadow"):
        assert [line for line in chart(events, name)["lines"] if any(y is not None for y in line["y"])], name


def test_the_limit_of_stability_is_two_over_the_rate():
    shelf = Shelf()
    events = shown(state(shelf, view="training", optimisers="sgd", steps=50, looks=3, train=True), shelf)
    run = record_of(events).descent.runs[0]
    limit = line_of(chart(events, "sharpness"), "SGD limit")
    assert limit["y"] == pytest.approx([2.0 / run.learning_rate] * len(limit["y"])) and limit["guide"]


def test_a_training_that_diverges_says_so_and_begins_from_the_same_start_again():
    shelf = Shelf()

    def steep(net, data):
        return 1e6 * net.weight.square().sum() + 0.0 * data[0].sum()

    key = shelf_problem(shelf, steep)
    choices = {
        "problem": key,
        "view": "training",
        "optimisers": "sgd",
        "pace": 20.0,
        "steps": 50,
        "train": True,
    }
    events = shown(LAB.built(vars(LAB.initial()) | choices, shelf), shelf)
    assert any("diverged at step" in status.text for status in of(events, Status))
    assert of(events, Moved)[-1].changes["train"] is False


def test_what_was_known_last_is_said_at_each_step():
    known, values = torch.tensor([0.0, 10.0, 20.0]), torch.tensor([1.0, math.nan, 3.0])
    found = at_steps(known, values, torch.tensor([0, 9, 10, 19, 20, 99]))
    assert found == [1.0, 1.0, 1.0, 1.0, 3.0, 3.0]
    assert math.isnan(at_steps(known[1:], values[1:], torch.tensor([5]))[0])


# --- the river ---


def test_a_branch_decays_from_the_step_of_the_cursor():
    shelf = Shelf()
    choices = {
        "view": "river",
        "optimisers": "momentum",
        "steps": 60,
        "rows": 16,
        "pace": 2.0,
        "decay_steps": 20,
    }
    given = state(shelf, **choices, train=True)
    record = record_of(shown(given, shelf))
    assert len(record.courses) == 1 and record.river.steps[-1] == 60
    rested = LAB.built(vars(given) | {"train": False}, shelf)
    beside = LAB.beside(rested, "decay", True, 0.5)  # the middle of 60 + 20 steps
    assert beside == {"decay_from": pytest.approx(40 / 60, abs=0.01)}
    assert LAB.beside(rested, "decay", True, None) == {} == LAB.beside(rested, "runner", "momentum", 0.5)
    moved = LAB.changed(LAB.built(vars(rested) | beside, shelf), "decay", True, shelf)
    events = shown(moved, shelf)
    main, branch = record_of(events).courses
    assert branch.first == pytest.approx(40, abs=1) and branch.steps[-1] == branch.first + 20
    room = shelf.unfinished(room_key(moved))
    (made,) = room.branches.values()
    rates = made.runs[0].rates
    assert torch.all(rates.diff() < 0) and float(rates[-1]) < 0.1 * float(rates[0])
    at = main.steps.tolist().index(branch.first) if branch.first in main.steps.tolist() else None
    if at is not None:
        assert branch.places[0].tolist() == pytest.approx(main.places[at].tolist(), abs=1e-6)
    assert "Decayed from step" in chart(events, "losses")["caption"]
    launched = list(LAB.launch(moved, [0.0, 0.0], 0.75, 0, 120, shelf))
    assert of(launched, Launched)[0].slot == 120 and len(room.branches) == 2


def test_the_map_of_a_valley_is_in_units_of_the_weights():
    shelf = Shelf()
    choices = {"view": "river", "optimisers": "momentum", "steps": 60, "rows": 16, "pace": 2.0}
    events = shown(state(shelf, **choices, train=True), shelf)
    record = record_of(events)
    spec = of(events, Begin)[-1].spec
    low_x, low_y, high_x, high_y = spec["box"]
    heat = layer(events, 1, Kind.HEAT).reshape(FINE, FINE)
    row, column = 20, 90
    x = low_x + (column + 0.5) / FINE * (high_x - low_x)
    y = low_y + (row + 0.5) / FINE * (high_y - low_y)
    end = record.descent.runs[0].last.place
    there = end + x * record.river.direction.float() + y * record.river.hills[0].float()
    reach = record.picture.high - record.picture.low
    assert heat[row, column] == pytest.approx(loss_at(record.descent.problem, there), abs=0.01 * reach)
    assert spec["fill"] and layer(events, 1)[-1, 0, :2] == pytest.approx([0.0, 0.0], abs=1e-5)


def test_the_valley_is_empty_before_anything_is_trained_and_a_newcomer_finds_what_makes_one():
    shelf = Shelf()
    events = shown(state(shelf, view="river"), shelf)
    assert "nothing trained" in of(events, Done)[-1].footer
    assert "Press Train" in chart(events, "loss")["empty"]
    found = LAB.changed(state(shelf), "view", "river", shelf)
    assert (found.rows, found.pace) == (32, 2.0)
    with pytest.raises(ValueError, match="nothing is trained yet"):
        list(LAB.launch(found, [0.0, 0.0], 0.5, 0, 101, shelf))


# --- one's own ---


def test_ones_own_module_comes_with_its_loss_and_batch_and_leaves_as_it_was():
    shelf = Shelf()
    module = seeded(lambda: nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1)).train())
    batch = (torch.randn(16, 3, generator=torch.Generator().manual_seed(0)), torch.zeros(16))
    before, rng = copy.deepcopy(module.state_dict()), torch.get_rng_state()
    other = copy.deepcopy(module)
    with torch.no_grad():
        other[0].weight.add_(1.0)

    def loss(net, data):
        return (net(data[0])[:, 0] - data[1]).square()

    things = {"module": module, "loss": loss, "batch": batch, "checkpoints": {"later": other}}
    found = state_of(LAB, shelf, (), things)
    assert (found.directions, found.other) == ("stage", "later")
    record = record_of(shown(found, shelf))
    assert record.barrier is not None and record.subject.rows == 16
    assert "later" in LAB.options(vars(found), "other", shelf)
    for view in ("spectrum", "training"):
        shown(
            LAB.built(
                vars(found) | {"view": view, "steps": 50, "looks": 2, "train": view == "training"}, shelf
            ),
            shelf,
        )
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    assert module.training and all(p.grad is None for p in module.parameters())
    assert torch.equal(rng, torch.get_rng_state())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "needs `module`"),
        ({"module": 3, "loss": len, "batch": 0}, "got int"),
        ({"loss": lambda m, b: m(b), "batch": torch.zeros(3, 2)}, "scalar tensor or one value"),
        ({"loss": lambda m, b: (m(b) * torch.rand(1)).sum(), "batch": torch.ones(3, 2)}, "same number twice"),
    ],
)
def test_what_is_no_problem_is_refused_in_a_sentence(given, words):
    with pytest.raises(ValueError, match=words):
        state_of(LAB, Shelf(), (), {"module": seeded(lambda: nn.Linear(2, 2))} | given)


# --- choices ---


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("problem", "two_moon", "two_moons"),
        ("directions", "student", "must be one of"),
        ("optimisers", "sgd,sgd", "different names"),
        ("optimisers", "", "1 to 7"),
        ("extent", 0.0, "from 0.01 to 10"),
        ("steps", 10**9, "from 50 to 2,000"),
        ("rate", math.inf, "from 0.0001 to 10"),
        ("train", "yes", "true or false"),
        ("level", "0.5", "must be one of"),
        ("k", 2.5, "whole number"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(name, value, words):
    with pytest.raises(ValueError, match=words):
        LAB.changed(state(), name, value, Shelf())


def test_at_most_seven_controls_are_in_sight_in_each_view():
    for view in ("surface", "spectrum", "training", "river"):
        for directions in ("filter", "student"):
            values = vars(LAB.built(vars(LAB.initial()) | {"view": view, "directions": directions}, Shelf()))
            seen = [name for name, c in LAB.controls.items() if not c.more and c.shown(values)]
            assert len(seen) <= 7, (view, seen)


def test_a_link_brings_the_state_back_and_starts_nothing():
    given = state(directions="gradient", extent=0.4, x=0.5, log=False)
    assert opened(LAB, link_of(LAB, given), Shelf()).state == given
    training = state(view="training", optimisers="adam,muon", train=True)
    assert "train=1" not in link_of(LAB, training)
    found = opened(LAB, "v=1&lab=landscape&view=training&train=1&decay=1&problem=gone", Shelf())
    assert (
        found.state.train is False and found.state.problem == LandscapeState.problem and len(found.notes) == 3
    )


def test_the_menus_hold_what_a_problem_has():
    flows = LAB.options(vars(LAB.initial()), "directions", Shelf())
    assert "student" in flows and "student" not in LAB.options(vars(state()), "directions", Shelf())
    assert isinstance(LAB.controls["optimisers"], Chips)
    student = LAB.built(vars(LAB.initial()) | {"directions": "student", "level": "0.5"}, Shelf())
    moved = LAB.changed(student, "problem", "modular", Shelf())
    assert (moved.directions, moved.level) == ("filter", "all")


# --- taken away ---


@pytest.mark.parametrize(
    "choices",
    [
        {"directions": "layer", "seed": 4},
        {"directions": "gradient"},
        {"directions": "stage", "other": "early"},
    ],
)
def test_the_recipe_runs_and_gives_the_losses_of_the_page(choices):
    given, said = state(**choices), {}
    exec(LAB.recipe(given), said)
    record = record_of(shown(given))
    assert torch.allclose(said["plane"].loss, record.frame.loss, rtol=1e-4)


def test_the_recipe_of_a_training_gives_its_losses(capsys):
    shelf = Shelf()
    given = state(shelf, view="training", optimisers="sgd,adam", steps=50, looks=2, train=True)
    said = {}
    exec(LAB.recipe(given), said)
    runs = record_of(shown(given, shelf)).descent.runs
    for run, same in zip(said["run"].runs, runs, strict=True):
        assert torch.equal(run.losses, same.losses)


def test_every_record_has_its_figures(plane):
    assert {"contours", "surface"} <= set(LAB.figures(record_of(plane)))
    contours = ex.figure(record_of(plane).frame)
    z = np.array(contours.data[0].z, dtype=float)
    assert np.allclose(10**z, record_of(plane).frame.loss.numpy(), rtol=1e-6)
    shelf = Shelf()
    whole = record_of(
        shown(state(shelf, view="training", optimisers="sgd,adam", steps=50, looks=3, train=True), shelf)
    )
    figures = LAB.figures(whole)
    assert {"loss", "sharpness", "paths", "distance", "contours"} <= set(figures)
    assert list(figures["loss"].data[0].y) == whole.descent.runs[0].losses.tolist()
    assert set(PROBES) >= {"sharpness", "noise"}


def test_a_run_beside_another_is_launched_once_for_the_same_places_with_its_colour_and_name():
    feed, ids = Feed(), iter(range(1, 99))
    projector = Projector(feed, lambda: next(ids))
    spec = {"version": 1, "panes": [{"run": 1}], "launched": []}
    for _ in range(2):  # the same places again: a finer map
        projector.show(Begin(spec, "here"))
        projector.show(Launched(11, 0, "second", "Adam"))
        projector.show(Launched(12, 0))
    assert feed.spec["launched"] == [
        {"run": 2, "pane": 0, "role": "second", "label": "Adam"},
        {"run": 3, "pane": 0},
    ]
    projector.show(Begin(spec, "there"))
    projector.show(Launched(11, 0, "third", "Muon"))
    assert [each["label"] for each in feed.spec["launched"]] == ["Muon"]


def test_previews_are_said_to_be_previews_until_the_whole_batch_is_asked():
    events = shown(LAB.built(vars(LAB.initial()) | {"log": False}, Shelf()), stop=lambda: True)
    note = of(events, Begin)[0].spec["note"]
    record = record_of(events)
    if record.frame.preview is not None:
        few, whole = record.frame.preview
        assert few < whole == 2048 and f"preview, {few:,} of {whole:,} samples" in note
        assert any(band["x"] for band in chart(events, "rows")["bands"])
    else:
        assert "first picture" in note
