"""The Students lab: what it computes from one noise, what it makes live, and what it refuses."""

import math

import numpy as np
import pytest
import torch

import explorer as ex
from explorer.labs import LABS
from explorer.labs.controls import Chips, chosen_in
from explorer.labs.scene import Amend, Begin, Block, Charts, Done, Kind, Launched, Moved, Status
from explorer.labs.shelf import Shelf
from explorer.labs.students import StudentsState
from explorer.labs.students.diverge import descent, fitted
from explorer.labs.students.lesson import lesson_key
from explorer.labs.things import state_of
from explorer.labs.url import link_of, opened
from explorer.maths.networks import FlowMLP
from explorer.maths.students.kinds import EndpointMap, FullMap, PointMap

LAB = LABS["students"]
SMALL = {"n": 48, "steps": 4, "students": "pairs,lagrangian_map"}


def state(shelf=None, **choices):
    return LAB.built(vars(LAB.initial()) | SMALL | choices, shelf or Shelf())


def picture(given, shelf=None):
    """The events up to the first Done: what takes longer comes after it."""
    events = []
    for event in LAB.events(given, shelf or Shelf()):
        events.append(event)
        if isinstance(event, Done):
            break
    return events


def of(events, kind):
    return [event for event in events if isinstance(event, kind)]


def layer(events, slot, kind=Kind.STATE):
    parts = [event for event in of(events, Block) if (event.kind, event.slot) == (kind, slot)]
    total = np.full((parts[0].total, *parts[0].array.shape[1:]), np.nan, dtype=np.float32)
    for part in parts:
        total[part.first : part.first + len(part.array)] = part.array
    return total


def chart(events, name):
    (found,) = [each for each in of(events, Charts)[-1].charts["charts"] if each["id"] == name]
    return found


def small_student(kind=FullMap, dims=2, seed=3):
    shape = (dims,)
    return kind(FlowMLP(dims, width=8, depth=1, seed=seed), shape, "mine")


def test_all_panes_start_from_the_very_same_noise_and_keep_their_own_ticks():
    events = picture(state(calls=2))
    first = [layer(events, slot)[0] for slot in (1, 2, 3)]
    assert np.array_equal(first[0], first[1]) and np.array_equal(first[0], first[2])
    ticks = [layer(events, slot, Kind.TICKS).ravel() for slot in (1, 2, 3)]
    assert np.allclose(ticks[0], [1, 0.75, 0.5, 0.25, 0])
    assert np.allclose(ticks[1], [1, 0])  # pairs know the whole way alone
    assert np.allclose(ticks[2], [1, 0.5, 0])


def test_the_figures_are_those_of_the_public_functions():
    given = state(calls=2)
    record = of(picture(given), Done)[-1].record
    teacher = ex.record(ex.load("two_moons/linear"), "heun", steps=4, n=48, seed=42)
    student = ex.load("two_moons/lagrangian_map")
    noise = teacher.states[0].float()
    half = student(noise, 1.0, 0.5)
    end = student(half, 0.5, 0.0)
    apart = (end.double() - teacher.states[-1].double()).norm(dim=1)
    assert torch.allclose(record.panes[2].distances, apart, atol=2e-4)
    assert record.panes[2].scores.rmse == pytest.approx(float(apart.square().mean().sqrt()), abs=2e-4)
    assert [pane.scores.evals for pane in record.panes] == [7, 1, 2]


def test_arrows_have_one_scale_for_all_panes_and_the_histogram_holds_every_pair():
    events = picture(state())
    (pairs,) = [event.changes["pairs"] for event in of(events, Amend)]
    record = of(events, Done)[-1].record
    known = torch.cat([pane.distances for pane in record.panes[1:]])
    assert pairs["lo"] == 0 and pairs["over"] == bool(known.max() > pairs["hi"])
    for line in chart(events, "pairs")["lines"]:
        assert sum(line["y"][::2]) == 48


def test_where_noise_is_drawn_anew_states_are_no_curves():
    shelf = Shelf()
    key = shelf.put_student(small_student(EndpointMap))
    (begin,) = of(picture(state(shelf, students=key, calls=3), shelf), Begin)
    assert begin.spec["panes"][1]["curves"] is False
    (begin,) = of(picture(state(shelf, students=key, calls=1), shelf), Begin)
    assert begin.spec["panes"][1]["curves"] is True  # from noise to the data in one call nothing is drawn


def test_a_student_that_begins_late_follows_the_teacher_until_then():
    events = picture(state(switch=2, calls=1))
    teacher, late = layer(events, 1), layer(events, 3)
    assert np.allclose(late[:3], teacher[:3], atol=1e-5)
    assert np.allclose(layer(events, 3, Kind.TICKS).ravel(), [1, 0.75, 0.5, 0])
    assert np.allclose(layer(events, 2, Kind.TICKS).ravel(), [1, 0])  # pairs cannot begin late
    notes = [pane["note"] for pane in of(events, Begin)[0].spec["panes"]]
    assert "cannot begin late" in notes[1] and "teacher to step 2" in notes[2]


def test_quality_comes_after_the_picture_and_says_what_surprises(monkeypatch):
    from explorer.labs.students import studies

    monkeypatch.setattr(studies, "EVALS", (1, 2))
    monkeypatch.setattr(studies, "N", 64)
    monkeypatch.setattr(studies, "SEEDS", (0, 1))
    monkeypatch.setattr(studies, "STEPS", 2)
    monkeypatch.setattr(studies, "SHOP", studies.SHOP.__class__())
    events = list(LAB.events(state(), Shelf()))
    assert len(of(events, Done)) == 2
    quality = chart(events, "quality")
    lines = {line["label"]: line["y"] for line in quality["lines"]}
    assert len(lines["Teacher"]) == 2 and len(lines["Pairs"]) == 1 and len(lines["Lagrangian"]) == 2
    assert lines["Teacher"][0] > quality["levels"][0]["y"]  # untouched noise
    assert "worse than untouched noise" in quality["caption"]
    table = of(events, Done)[-1].record.studies[studies.QUALITY]
    seconds = {row.label: [cell.mean("seconds") for cell in row.cells if cell.scores] for row in table.rows}
    for line in quality["lines"]:
        assert line["axes"]["seconds"] == pytest.approx(seconds[line["label"]], rel=1e-5)
    assert {line["label"] for line in chart(events, "switch w2")["lines"]} == {"Lagrangian"}
    again = list(LAB.events(state(seed=7), Shelf()))
    assert len(of(again, Done)) == 1  # neither noise nor seed of the picture changes what was studied


def test_the_map_of_any_two_times_is_drawn_where_a_student_can_be_asked():
    events = picture(state(view="any_step", calls=4))
    heat = layer(events, 3, Kind.HEAT).reshape(16, 16)
    assert np.isfinite(heat[-1]).all()  # from pure noise to every earlier time
    assert np.isnan(heat[0, 1:]).all() and np.isfinite(heat[0, 0])
    heat = layer(events, 2, Kind.HEAT).reshape(16, 16)
    assert np.isfinite(heat).sum() == 1 and np.isfinite(heat[-1, 0])  # pairs: from noise to data
    marks = layer(events, 3)[0]
    assert np.allclose(marks, [[0.75, 1], [0.5, 0.75], [0.25, 0.5], [0, 0.25]])
    assert heat[-1, 0] == pytest.approx(0.03, abs=0.03)  # the sheet's distance of pairs to the flow


def test_a_student_is_made_live_kept_when_stopped_and_gone_on_with():
    shelf = Shelf()
    given = state(shelf, view="train", updates=200, method="lagrangian_map", train=True)
    looks = iter(range(1000))
    stopped = list(LAB.events(given, shelf, stop=lambda: next(looks) >= 1))
    (moved,) = of(stopped, Moved)
    key = moved.changes["students"].split(",")[-1]
    assert moved.changes["train"] is False and key.startswith("own:")
    lesson = shelf.unfinished(lesson_key(given))
    assert 0 < lesson.last.step < 200 and not lesson.has_ended
    student = shelf.student(key)
    assert student(torch.zeros(1, 2), 1.0, 0.0).isfinite().all()
    rested = LAB.built(vars(given) | moved.changes, shelf)
    assert key in LAB.options(vars(rested), "students", shelf)
    whole = list(LAB.events(LAB.changed(rested, "train", True, shelf), shelf))
    steps = [int(e.text.split()[1]) for e in of(whole, Status) if e.text.startswith("update")]
    assert steps == sorted(steps) and steps[0] > 1
    assert lesson.has_ended and lesson.last.step == 200
    assert "200 of 200 updates" in of(whole, Done)[-1].footer
    assert chart(whole, "loss")["lines"] and chart(whole, "judged")["lines"][0]["y"]


def test_training_waits_in_a_lane_of_its_own_and_no_link_starts_it():
    resting = state(view="train")
    assert not LAB.is_batch(resting) and LAB.is_batch(LAB.changed(resting, "train", True, Shelf()))
    training = LAB.changed(resting, "train", True, Shelf())
    assert "train=1" not in link_of(LAB, training)
    found = opened(LAB, "v=1&lab=students&view=train&train=1", Shelf())
    assert found.state.train is False and "by hand" in found.notes[0]
    assert LAB.changed(training, "seed", 5, Shelf()).train is False


def test_pictures_of_training_are_nobody_elses():
    mine, yours = Shelf(), Shelf()
    assert LAB.key(state(view="train"), mine) != LAB.key(state(view="train"), yours)
    assert LAB.key(state(), mine) == LAB.key(state(), yours)


@pytest.mark.parametrize("averaged", [False, True])
def test_each_fall_ends_in_a_minimum_that_was_found(averaged):
    fit = fitted(state(view="divergences", divergence="jensen_shannon"), averaged)
    for start in ((-2.5, 0.4), (2.6, 0.5), (0.0, 2.0)):
        mean, log_std = descent(fit, *start)[-1, 0]
        gaps = [math.hypot(mean - each.bumps.means[0], 2**log_std - each.bumps.stds[0]) for each in fit.fits]
        assert min(gaps) < 0.1, (start, mean, 2**log_std)


def test_the_divergences_keep_the_modes_that_the_sheet_says():
    record = of(picture(state(view="divergences", divergence="hellinger")), Done)[0].record
    clean, noisy = (fit.best.bumps for fit in record.fits)
    assert (clean.means[0], clean.stds[0]) == pytest.approx((-2.0, 0.501), abs=2e-3)
    assert (noisy.means[0], noisy.stds[0]) == pytest.approx((-0.801, 1.827), abs=2e-3)
    events = picture(state(view="divergences", divergence="hellinger"))
    heat = layer(events, 1, Kind.HEAT)
    assert heat.shape == (1, 15 * 33, 1) and np.isfinite(heat).all()
    assert len(of(events, Launched)) == sum(len(fit.fits) for fit in record.fits)


def test_a_click_is_walked_as_the_pane_is():
    given = state(calls=2)
    launched = list(LAB.launch(given, [0.3, -0.2], 0.6, 2, 101, Shelf()))
    ticks = layer(launched, 101, Kind.TICKS).ravel()
    assert np.allclose(ticks, [0.5, 0])
    student = ex.load("two_moons/lagrangian_map")
    end = student(torch.tensor([[0.3, -0.2]]), 0.5, 0.0)
    assert np.allclose(layer(launched, 101)[-1], end.numpy(), atol=1e-5)
    with pytest.raises(ValueError, match="no particle can begin there"):
        list(LAB.launch(given, [0.3, -0.2], 0.6, 1, 102, Shelf()))


def test_things_in_code_become_panes():
    shelf = Shelf()
    mine = small_student()
    found = state_of(LAB, shelf, [mine, "two_moons/lagrangian_map"], {})
    assert found.target == "two_moons" and chosen_in(found.students)[0].startswith("own:")
    teacher = ex.load("two_moons/linear")
    found = state_of(LAB, shelf, [teacher], {"target": "two_moons", "students": [mine], "n": 32})
    assert shelf.field(found.model) is teacher and shelf.student(found.students) is mine
    assert state_of(LAB, shelf, ["two_moons/reflow"], {}).students == "reflow"
    with pytest.raises(ValueError, match="linear path, and this field is on 'vp'"):
        state_of(LAB, shelf, [ex.load("two_moons/vp")], {"target": "two_moons"})


def test_a_student_of_other_samples_is_refused_with_both_named():
    shelf = Shelf()
    key = shelf.put_student(small_student(PointMap, dims=3), "Mine")
    with pytest.raises(ValueError, match=r"Mine: .* shape \[3\], and those of Two moons have shape \[2\]"):
        list(LAB.events(state(shelf, students=key), shelf))


def test_a_corrupt_file_is_named_and_refused(tmp_path, monkeypatch):
    from dataclasses import replace

    from explorer.models import zoo

    class Broken(zoo.Entry):
        @property
        def file(self):
            return tmp_path / "two_moons-pairs.safetensors"

    (tmp_path / "two_moons-pairs.safetensors").write_bytes(b"\x20\0\0\0\0\0\0\0{not a file}")
    entry = zoo.STUDENT_CATALOGUE["two_moons/pairs"]
    broken = Broken(**{name: getattr(entry, name) for name in entry.__dataclass_fields__})
    monkeypatch.setitem(zoo.STUDENT_CATALOGUE, "two_moons/pairs", broken)
    zoo.student_from_catalogue.cache_clear()
    try:
        with pytest.raises(ValueError, match="two_moons-pairs"):
            list(LAB.events(state(students="pairs"), Shelf()))
    finally:
        zoo.student_from_catalogue.cache_clear()
    assert replace(entry).name == "two_moons/pairs"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("students", "pairs,pairs", "different names"),
        ("students", "pairs,reflow,reflow_2,rf_plus_plus", "0 to 3"),
        ("students", "pear", "pairs"),
        ("students", "own:0123456789abcdef", "must be one of"),
        ("students", 3, "known names"),
        ("calls", 0, "from 1 to 16"),
        ("calls", math.nan, "from 1 to 16"),
        ("train", "yes", "true or false"),
        ("model", "two_moons/vp", "must be one of"),
        ("view", "scrub", "must be one of"),
        ("steps", 10**9, "from 1 to 64"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(name, value, words):
    with pytest.raises(ValueError, match=words):
        LAB.changed(LAB.initial(), name, value, Shelf())


def test_too_much_is_refused():
    with pytest.raises(ValueError, match="times what one pane may cost"):
        state(n=4000, steps=64, sampler="heun")


@pytest.mark.parametrize("target", [name for name in ex.TARGETS if name != "digits"])
def test_every_target_has_a_state_and_only_students_of_its_own(target):
    found = LAB.changed(LAB.initial(), "target", target, Shelf())
    chips = LAB.controls["students"]
    assert isinstance(chips, Chips)
    assert set(found.chosen) <= set(chips.options(vars(found)))
    assert found.model == "exact" or found.model.startswith(f"{target}/")


def test_a_link_brings_the_state_back_and_a_stale_one_opens():
    given = state(view="any_step", students="lagrangian_map,pairs", calls=3)
    assert "students=lagrangian_map,pairs" in link_of(LAB, given)
    assert opened(LAB, link_of(LAB, given), Shelf()).state == given
    stale = opened(LAB, "v=1&lab=students&students=pairs,gone&calls=99&switch=nan&seed=own:x", Shelf())
    assert stale.state.students == StudentsState.students and len(stale.notes) >= 3
    strange = opened(LAB, "v=1&lab=students&students=pairs,own:0123456789abcdef", Shelf())
    assert "another visitor" in strange.notes[0] and strange.state == LAB.initial()


def test_at_most_seven_controls_are_in_sight_in_each_view():
    for view in ("compare", "any_step", "train", "divergences"):
        values = vars(state(view=view))
        seen = [name for name, c in LAB.controls.items() if not c.more and c.shown(values)]
        assert len(seen) <= 7, view


def test_the_recipe_runs_and_gives_the_end_points_of_the_page(capsys):
    given = state(calls=2, students="lagrangian_map")
    said = {}
    exec(LAB.recipe(given), said)
    record = of(picture(given), Done)[0].record
    assert torch.allclose(said["run"].states[-1].float(), record.panes[0].run.states[-1], atol=1e-4)
    assert torch.allclose(said["run_1"].states[-1].float(), record.panes[1].run.states[-1], atol=1e-4)


def test_idle_weights_are_said_under_the_losses():
    from explorer.labs.figures.students_train import _idle_words
    from explorer.maths.students.course import DistillProgress

    told = {"ratio spread": 0.014, "weight spread": 0.014}
    student = small_student(PointMap)
    last = DistillProgress(
        "f_distill", 9, 10, 0.1, {}, 1.0, 1.0, student, 0, torch.zeros(1, 2), 0.1, 0, told=told
    )
    assert "Weights are idle" in _idle_words(last)
    assert _idle_words(None) == ""


def test_a_training_that_diverges_says_at_which_step_and_begins_anew(monkeypatch):
    from explorer.maths.students.methods.pairs import RegressionOnPairs

    plain = RegressionOnPairs.losses

    def blown(self, learner):
        parts = plain(self, learner)
        return {name: part * (float("nan") if learner.step >= 5 else 1.0) for name, part in parts.items()}

    monkeypatch.setattr(RegressionOnPairs, "losses", blown)
    shelf = Shelf()
    given = state(shelf, view="train", updates=200, train=True)
    events = list(LAB.events(given, shelf))
    last = of(events, Status)[-1]
    assert last.kind == "diverged" and "diverged at step 6" in last.text
    assert of(events, Moved)[-1].changes["train"] is False
    assert shelf.unfinished(lesson_key(given)) is None
