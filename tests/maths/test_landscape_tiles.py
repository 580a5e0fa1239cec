"""Planes by workers: the same losses, whoever makes them; a lost worker's tiles are made again, none twice or never."""

import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from landscapes import drawn, mlp, squares

from explorer.maths.landscape import landscape, refine


@pytest.fixture
def problem():
    return squares, mlp(3, 6, 2), (drawn(20, 3, seed=5), drawn(20, 2, seed=6))


class Clerk:
    """A client that works at once, writes down what it is asked, and loses the workers of some of the calls."""

    def __init__(self, lost=()):
        self.lost, self.calls, self.made, self.futures = set(lost), 0, [], []

    def submit(self, function, task, places):
        future = Future()
        self.futures.append(future)
        self.calls += 1
        if self.calls in self.lost:
            future.set_exception(ConnectionError("the worker is gone"))
        else:
            self.made += places
            future.set_result(function(task, places))
        return future


def test_tiles_have_the_losses_of_the_loop(problem):
    here = landscape(*problem, points=9, tolerance=0.0)
    with ThreadPoolExecutor(2) as pool:
        there = landscape(*problem, points=9, tolerance=0.0, client=pool)
    assert there.by == "tiles" and there.note == ""
    torch.testing.assert_close(there.loss, here.loss, rtol=1e-12, atol=0)


def test_every_place_is_asked_once_and_what_is_lost_once_more(problem):
    here = landscape(*problem, points=9, tolerance=0.0)
    clerk = Clerk(lost=(2, 7))
    there = landscape(*problem, points=9, tolerance=0.0, client=clerk)
    torch.testing.assert_close(there.loss, here.loss, rtol=1e-12, atol=0)
    places = {(float(a), float(b)) for a in here.x for b in here.y}
    assert len(clerk.made) == len(set(clerk.made)) == 80
    assert set(clerk.made) | {(0.0, 0.0)} == places and there.evals == 81
    assert "2 tiles were asked again" in there.note


def test_a_tile_that_is_lost_again_and_again_is_told(problem):
    with pytest.raises(ConnectionError):
        landscape(*problem, points=5, client=Clerk(lost=range(1, 1000)))


def test_what_the_loss_raises_comes_back_as_it_is_and_is_not_tried_again(problem):
    loss, net, batch = problem
    calls = []

    def fails(module, b):
        calls.append(1)
        if len(calls) > 12:
            raise KeyError("a place it does not like")
        return loss(module, b).mean()

    clerk = Clerk()
    with pytest.raises(KeyError, match="does not like"):
        landscape(fails, net, batch, points=9, client=clerk)
    assert all(future.done() for future in clerk.futures)


def test_whoever_stops_pulling_cancels_what_waits(problem):
    class Waits(Clerk):
        def submit(self, function, task, places):
            if self.calls < 2:
                return super().submit(function, task, places)
            self.futures.append(Future())
            return self.futures[-1]

    clerk = Waits()
    frames = refine(*problem, points=9, client=clerk)
    next(frames), next(frames)
    frames.close()
    assert all(future.cancelled() for future in clerk.futures[2:]) and len(clerk.futures) > 2


def test_a_client_submits(problem):
    with pytest.raises(ValueError, match="`client` must have submit"):
        landscape(*problem, client="tcp://somewhere")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_worker_that_is_killed_loses_nothing(problem, tmp_path: Path):
    """On a cluster of two processes; the first that is asked for a tile is killed in its midst, as by the system."""
    distributed = pytest.importorskip("distributed")
    loss, net, batch = problem
    mark, home = str(tmp_path / "killed"), os.getpid()

    def deadly(module, b):
        if os.getpid() != home:
            try:
                os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), 9)
        return (module(b[0]) - b[1]).square().flatten(1).sum(1)

    here = landscape(loss, net, batch, points=9, tolerance=0.0)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, local_directory=str(tmp_path)
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        there = landscape(deadly, net, batch, points=9, tolerance=0.0, client=client)
    assert Path(mark).exists(), "else nobody was killed"
    assert there.by == "tiles" and there.evals == 81 and there.holes == 0
    torch.testing.assert_close(there.loss, here.loss, rtol=1e-12, atol=0)
