"""What a cell shows, with no screen: a thing and choices in, a record out; and what is refused."""

import threading

import ipywidgets
import pytest
import torch
from cells import status

import explorer as ex
from explorer.widgets import scrub


def test_a_target_by_name_runs_at_once_and_gives_its_record(cell):
    view = cell("two_moons", sampler="euler", seed=3)
    assert isinstance(view, ipywidgets.Widget)
    assert (view.state.sampler, view.state.seed) == ("euler", 3)
    assert view.run.states.shape == (5, 64, 2)
    assert view.record.panes[0].run is view.run
    assert (status(view), view.status) == ("done", "done")


def test_the_run_is_the_one_that_the_recipe_gives(cell):
    view = cell("eight_gaussians", path="vp", sampler="ddim")
    line = next(line for line in view.recipe().splitlines() if line.startswith("run = "))
    run = eval(line.removeprefix("run = "), {"ex": ex})
    assert torch.equal(run.states, view.run.states)


def test_the_cell_returns_before_the_run_is_over(cell):
    gate = threading.Event()

    def slow(x, t):
        gate.wait(10)
        return -x

    view = cell(ex.NetworkField(slow), n=16, steps=2)
    assert status(view) == "empty" or view._is_running
    gate.set()
    assert view.wait(20).status == "done"


def test_a_target_object_keeps_all_its_paths(cell):
    target = ex.mixture(
        torch.tensor([0.5, 0.5]), torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), torch.eye(2).expand(2, 2, 2)
    )
    view = cell(target, n=32, steps=3).wait()
    view.choose("path", "vp")
    assert view.run.path == "vp"
    assert view.record.plan.target is target


def test_an_exact_field_is_shown_with_its_target_and_path(cell):
    view = cell(ex.target("rings").field("cosine"), n=32, steps=3)
    assert (view.state.target, view.state.model, view.state.path) == ("rings", "exact", "cosine")
    assert view.run.path == "cosine"


def test_a_module_of_ones_own_needs_no_target(cell):
    view = cell(ex.NetworkField(lambda x, t: -x, path="vp"), n=32, steps=3)
    assert view.state.target == "none"
    assert view.run.path == "vp"
    assert "no target" not in view.status


def test_a_module_of_ones_own_is_measured_against_the_target_that_is_named(cell):
    view = cell(ex.NetworkField(lambda x, t: -x), n=32, steps=3, target="two_moons")
    assert all(value is not None for value in view.record.panes[0].distance)


def test_pictures_are_drawn_as_pictures(cell):
    view = cell("digits", n=16, steps=2).wait()
    assert view._feed.spec["images"]["height"] == 8
    own = cell(ex.NetworkField(lambda x, t: -x, shape=(3, 8, 8)), steps=2)
    assert own.run.states.shape == (3, 64, 3, 8, 8)


def test_a_module_stays_where_it_lives_and_in_the_mode_in_which_it_was(cell):
    class Own(torch.nn.Module):
        def forward(self, x, t):
            seen.append((self.training, x.device.type))
            return -x

    seen = []
    module = Own().train()
    cell(ex.NetworkField(module), n=16, steps=2).wait()
    assert module.training and set(seen) == {(False, "cpu")}


def test_a_second_choice_alone_asks_for_the_comparison(cell):
    view = cell("two_moons", sampler_2="euler", steps_2=7)
    assert view.state.compare
    assert [pane.run.steps for pane in view.record.panes] == [4, 7]


def test_a_wrapped_diffusers_network_samples(cell):
    from diffusers import UNet2DModel

    with torch.random.fork_rng():
        unet = UNet2DModel(
            sample_size=8,
            in_channels=1,
            out_channels=1,
            block_out_channels=(8,),
            down_block_types=("DownBlock2D",),
            up_block_types=("UpBlock2D",),
            layers_per_block=1,
            norm_num_groups=4,
        )
    view = cell(ex.NetworkField(unet, predicts="noise", time=lambda t: 999 * t), n=16, steps=2, seed=1)
    assert view.run.states.shape == (3, 16, 1, 8, 8)


# --- classes of one's own ---


class Classes(torch.nn.Module):
    """Pulls to +1 or -1 by class."""

    def forward(self, x, t, class_labels=None):
        goal = 0.0 if class_labels is None else 2.0 * class_labels[:, None] - 1.0
        return (x - goal) / t[:, None].clamp(min=0.05)


def test_the_classes_of_ones_own_field_are_offered_and_kept_in_the_recipe(cell):
    field = ex.NetworkField(Classes(), labels=("left", "right"))
    view = cell(field, n=32, steps=4, label="right")
    assert float(view.run.states[-1].mean()) > 0.5
    assert "ex.record(field.given('right')," in view.recipe()
    assert [key for _, key in view._rail.input("label").options] == ["any", "left", "right"]
    view.choose("label", "left")
    assert float(view.run.states[-1].mean()) < -0.5
    assert view._rail.input("label").value == "left"
    view.choose("label", "any")
    assert "given" not in view.recipe()


# --- what is refused ---

RUN = ex.trajectory(torch.tensor([1.0, 0.0]), torch.zeros(2, 3, 2))
REFUSED = {
    "a target that is not there": (lambda: scrub("two_mons"), "did you mean 'two_moons'"),
    "a choice that is not there": (lambda: scrub("two_moons", stepz=3), "did you mean 'steps'"),
    "a sampler that is not there": (lambda: scrub("two_moons", sampler="hoin"), "did you mean 'heun'"),
    "too many steps": (
        lambda: scrub("two_moons", steps=10**9),
        "`steps` must be a whole number from 1 to 200",
    ),
    "steps that are no number": (lambda: scrub("two_moons", steps=float("nan")), "`steps` must be"),
    "a run over the budget": (
        lambda: scrub("two_moons", n=20_000, steps=200),
        "use fewer `steps` or samples",
    ),
    "a bare module": (lambda: scrub(torch.nn.Identity()), "ex.NetworkField(module"),
    "a thing of no use": (lambda: scrub(3), "got int"),
    "a target of another shape": (
        lambda: scrub(ex.NetworkField(lambda x, t: x), target="digits"),
        "the model's samples have shape [2]",
    ),
    "one number": (lambda: scrub(ex.NetworkField(lambda x, t: x, shape=(1,))), "a single number"),
    "a target twice": (lambda: scrub("two_moons", target="rings"), "`target` goes with a field"),
    "choices on a run": (lambda: scrub(RUN, n=20), "takes no choices; got `n`"),
    "a run beside a name": (
        lambda: scrub(RUN, "two_moons"),
        "only recorded runs are shown side by side; got str",
    ),
    "three runs": (lambda: scrub(RUN, RUN, RUN), "leave some out"),
    "runs of two shapes": (
        lambda: scrub(RUN, ex.trajectory(torch.tensor([1.0, 0.0]), torch.zeros(2, 3, 4))),
        "samples of one shape",
    ),
    "samples that are no points": (
        lambda: scrub(ex.trajectory(torch.tensor([1.0, 0.0]), torch.zeros(2, 3, 4, 4))),
        "are drawn as points",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_with_a_sentence_and_leaves_no_thread(case):
    ask, words = REFUSED[case]
    before = threading.active_count()
    with pytest.raises(ValueError) as fault:
        ask()
    assert words in str(fault.value)
    assert threading.active_count() == before
