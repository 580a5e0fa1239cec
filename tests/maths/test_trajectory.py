"""The record of a run: what it holds, and what becomes of it on disk."""

import json
import random

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from explorer.maths.fields import Prediction
from explorer.maths.frames import Frame
from explorer.maths.paths import PATHS, Linear, as_path
from explorer.maths.samplers import record, walk
from explorer.maths.trajectory import DONE, Trajectory, collect, digest, trajectory
from tests.oracles import NormalField


def small_run(seed=0, sampler="heun", n=6, **options):
    return record(NormalField("vp"), sampler, steps=4, n=n, seed=seed, **options)


def rewritten(file, change):
    """The file with its header changed, and a digest that fits: what a hostile hand can do."""
    with safe_open(file, framework="pt") as archive:
        header = json.loads(archive.metadata()["trajectory"])
        tensors = {name: archive.get_tensor(name) for name in archive.keys()}  # noqa: SIM118 # not a dict
    header.pop("sha256")
    change(header, tensors)
    header["sha256"] = digest(tensors, header)
    save_file(tensors, file, {"trajectory": json.dumps(header)})
    return file


def test_a_run_holds_every_frame_the_first_one_included():
    found = small_run()
    frames = list(walk(NormalField("vp"), "heun", steps=4, n=6))
    assert found.steps == 4
    assert found.times.tolist() == [frame.t for frame in frames]
    assert found.evals.tolist() == [0, 2, 4, 6, 7]
    assert torch.equal(found.states, torch.stack([frame.x for frame in frames]))
    assert torch.equal(found.denoised, torch.stack([frame.denoised for frame in frames]))
    assert torch.equal(found.velocities, torch.stack([frame.velocity for frame in frames[:-1]]))
    assert (found.path, found.sampler, found.grid, found.seed) == ("vp", "heun", "default", 0)
    assert found.ended.text == "done"
    assert found.seconds > 0.0


@pytest.mark.parametrize("path", PATHS)
def test_shares_are_the_common_axis(path):
    found = record(NormalField(path), "euler", steps=4, n=2)
    truth = [as_path(path).share(t) for t in found.times.tolist()]
    assert found.shares.tolist() == pytest.approx(truth)
    assert found.shares[-1] == 0.0


def test_more_frames_than_were_expected_are_kept():
    frames = list(walk(NormalField("linear"), "euler", steps=9, n=3))
    assert torch.equal(collect(frames, expected=2).states, torch.stack([frame.x for frame in frames]))


def test_a_run_that_was_stopped_says_so_and_keeps_what_came():
    frames = walk(NormalField("linear"), "euler", steps=9, n=3)
    found = collect(next(frames) for _ in range(4))
    assert found.ended.kind == "cancelled"
    assert found.ended.text == "cancelled at step 3, t = 0.667"
    assert len(found.states) == 4


def test_a_run_of_no_frames_is_refused():
    with pytest.raises(ValueError, match="at least one frame; got none"):
        collect([])


def test_a_single_frame_is_a_run():
    x = torch.ones(2, 2)
    assert collect([Frame(0, 0.0, x, None, 0, ended=DONE)]).velocities.shape == (0, 2, 2)
    first = Frame(0, 1.0, x, Prediction(Linear(), x, 1.0, x, "velocity"), 0)
    assert collect([first]).velocities.shape == (1, 2, 2)


@pytest.mark.parametrize("sampler", ["heun", "rk45", "taylor2"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_saved_is_what_is_loaded(tmp_path, sampler, dtype):
    run = small_run(seed=7, sampler=sampler, dtype=dtype)
    again = Trajectory.load(run.save(tmp_path / "run.safetensors"))
    for name in ("times", "states", "denoised", "velocities", "evals"):
        assert torch.equal(getattr(run, name), getattr(again, name))
        assert getattr(run, name).dtype == getattr(again, name).dtype
    assert set(run.notes) == set(again.notes)
    assert all(torch.equal(run.notes[name], again.notes[name]) for name in run.notes)
    for name in ("path", "sampler", "grid", "seed", "ended", "seconds"):
        assert getattr(run, name) == getattr(again, name)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(
        ValueError, match=r"there is no file 'gone.safetensors'; give the path of a saved run"
    ):
        Trajectory.load(tmp_path / "gone.safetensors")


@pytest.mark.parametrize("kept", [0, 1, 7, 8, 100, 0.5, 0.99, -1])
def test_a_torn_file_is_refused_by_name(tmp_path, kept):
    file = small_run().save(tmp_path / "torn.safetensors")
    whole = file.read_bytes()
    file.write_bytes(whole[: int(kept * len(whole)) if isinstance(kept, float) else kept])
    with pytest.raises(ValueError, match=r"'torn.safetensors'"):
        Trajectory.load(file)


def test_no_flipped_bit_passes(tmp_path):
    run = small_run()
    file = run.save(tmp_path / "flipped.safetensors")
    whole, dice = file.read_bytes(), random.Random(1)
    for _ in range(300):
        place, bit = dice.randrange(len(whole)), 1 << dice.randrange(8)
        file.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
        with pytest.raises(ValueError, match=r"flipped.safetensors"):
            Trajectory.load(file)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda h, t: h.update(version=99), "saved by a newer version"),
        (lambda h, t: h.update(version="x"), "version"),
        (lambda h, t: h.pop("seed"), "seed"),
        (lambda h, t: h.update(path="nowhere"), "`path` must be one of the known names"),
        (lambda h, t: h.update(path=["vp"]), "its `path` is a list"),
        (lambda h, t: h.update(ended={"kind": "done"}), "missing"),
        (
            lambda h, t: h.update(ended={"kind": "done", "step": 0, "t": 0.0, "text": "", "more": 1}),
            "unexpected",
        ),
        (lambda h, t: h.update(seconds="long"), "its `seconds` is a str"),
        (lambda h, t: t.pop("states"), "holds no run"),
        (lambda h, t: t.update(states=torch.zeros(3, 1, 2)), "do not fit together"),
        (lambda h, t: t.update(states=torch.zeros(5), denoised=torch.zeros(5)), "do not fit together"),
        (lambda h, t: t.update(times=torch.zeros(4)), "do not fit together"),
        (lambda h, t: t.update(times=torch.zeros(())), "do not fit together|0-d"),
        (lambda h, t: t.update(velocities=torch.zeros(())), "do not fit together"),
    ],
)
def test_a_hostile_file_with_a_digest_that_fits_is_refused_in_one_sentence(tmp_path, change, words):
    file = rewritten(small_run().save(tmp_path / "hostile.safetensors"), change)
    with pytest.raises(ValueError, match=words) as fault:
        Trajectory.load(file)
    assert "'hostile.safetensors'" in str(fault.value)
    assert "\n" not in str(fault.value)


def test_a_safetensors_file_of_another_kind_is_refused(tmp_path):
    file = tmp_path / "weights.safetensors"
    save_file({"weight": torch.zeros(3)}, file)
    with pytest.raises(ValueError, match="holds no run of this project; save one with"):
        Trajectory.load(file)


def test_a_pickle_is_never_opened(tmp_path):
    file = tmp_path / "run.safetensors"
    torch.save({"states": torch.zeros(3)}, file)
    with pytest.raises(ValueError, match="cannot be read as a saved run"):
        Trajectory.load(file)


@pytest.mark.parametrize("path", PATHS)
def test_a_run_from_elsewhere_shows_the_clean_end_of_a_straight_move(path):
    """States that keep one x_0 and one eps along the path: differences are exact where the path is straight."""
    way = as_path(path)
    clean, noise = torch.tensor([[[1.0, 2.0]]]).double(), torch.tensor([[[0.5, -1.0]]]).double()
    times = torch.linspace(1.0, 0.1, 2000).double()
    levels = [way.at(t) for t in times.tolist()]
    states = torch.cat([level.alpha * clean + level.sigma * noise for level in levels])
    found = trajectory(times, states.reshape(-1, 1, 2), path)
    assert (found.denoised[:-1] - clean[0]).abs().max() < (0.06 if path == "ve" else 0.02)
    assert torch.equal(found.denoised[-1], found.states[-1])


@pytest.mark.parametrize(
    ("times", "states", "words"),
    [
        (torch.tensor([0.5, 1.0]), torch.zeros(2, 1, 2), "falling"),
        (torch.tensor([1.0]), torch.zeros(1, 1, 2), "at least two"),
        (torch.tensor([2.0, 0.0]), torch.zeros(2, 1, 2), r"lie in \[0, 1\]; got 0 to 2"),
        (torch.tensor([1.0, 0.0]), torch.zeros(2, 2), r"`states` must be \[2, n, \*shape\]"),
        (torch.tensor([1.0, 0.0]), torch.zeros(3, 1, 2), r"`states` must be \[2"),
        (torch.tensor([1.0, 0.0]), torch.full((2, 1, 2), torch.nan), "finite"),
        (torch.tensor([1.0, torch.nan]), torch.zeros(2, 1, 2), "falling"),
    ],
)
def test_a_run_from_elsewhere_that_cannot_be_is_refused(times, states, words):
    with pytest.raises(ValueError, match=words):
        trajectory(times, states)
