"""Runs that are over, shown as they were recorded."""

import pytest
import torch
from cells import blocks, status

import explorer as ex


def test_a_recorded_run_scrubs_with_no_controls(cell):
    run = ex.record(ex.target("two_moons").field("ve"), sampler="heun", steps=6, n=40, seed=5)
    view = cell(run).wait()
    assert (view.state, view._rail, status(view)) == (None, None, "done")
    assert view.run is run
    states = blocks(view)
    assert states[0].values.shape == (7, 40, 2)
    assert abs(states[0].values).max() < 6, (
        "the variance exploding path is drawn divided by sqrt(1 + sigma^2)"
    )
    assert "seed 5" in view._line and "11 evals" in view._line
    with pytest.raises(ValueError, match="no controls"):
        view.choose("steps", 3)


def test_two_recorded_runs_stand_side_by_side(cell, tmp_path):
    field = ex.target("two_moons").field("linear")
    one = ex.record(field, sampler="euler", steps=4, n=40, seed=5)
    two = ex.Trajectory.load(
        ex.record(field, sampler="heun", steps=6, n=40, seed=5).save(tmp_path / "run.safetensors")
    )
    view = cell(one, two).wait()
    assert [pane["label"] for pane in view._feed.spec["panes"]] == ["Euler", "Heun"]
    rows = {row["label"]: row for row in view._feed.charts["numbers"]["rows"]}
    assert sorted(len(values) for values in rows["evals so far"]["values"].values()) == [5, 7]
    assert view.export(tmp_path / "both.html").stat().st_size < 5e6


def test_a_run_made_elsewhere_shows_what_is_known_of_it(cell):
    times, states = torch.linspace(1, 0, 9), torch.randn(9, 30, 2, generator=torch.Generator().manual_seed(0))
    view = cell(ex.trajectory(times, states)).wait()
    labels = [row["label"] for row in view._feed.charts["numbers"]["rows"]]
    assert labels == ["time t", "signal-to-noise"], "no evals were counted"
    assert "evals" not in view._line


def test_a_run_of_pictures_and_a_large_one_are_drawn_as_far_as_they_can(cell):
    generator = torch.Generator().manual_seed(0)
    pictures = ex.trajectory(torch.linspace(1, 0, 4), torch.randn(4, 80, 3, 6, 5, generator=generator))
    view = cell(pictures).wait()
    assert view._feed.spec["images"] == {"height": 6, "width": 5, "columns": 8}
    many = ex.trajectory(torch.linspace(1, 0, 401), torch.randn(401, 5000, 2, generator=generator))
    view = cell(many).wait()
    assert "3,740 of 5,000 samples are drawn" in view._feed.spec["note"]
    assert status(view) == "done"


def test_a_run_that_diverged_says_so(cell):
    run = ex.record(ex.NetworkField(lambda x, t: x / 0), n=20, steps=5)
    view = cell(run).wait()
    assert status(view) == "diverged"
    assert view.status.startswith("diverged at step 1")
