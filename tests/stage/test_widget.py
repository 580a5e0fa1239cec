import json
import threading

import moons
import numpy as np

from explorer.stage import Feed, Stage, unpack


def test_ready_is_answered_with_every_frame_and_pieces_follow():
    feed = Feed()
    feed.begin(moons.spec(1))
    stage = Stage(feed)
    feed.add("state", 1, 0, 9, np.zeros((2, 3, 2)))
    stage.pump()
    assert stage.chunk == b"", "before the page is there a piece would be lost"
    stage.ready = 1
    assert [block.first for block in unpack(stage.frames)] == [0]
    feed.add("state", 1, 2, 9, np.ones((3, 3, 2)))
    stage.pump()
    assert [block.first for block in unpack(stage.chunk)] == [2]


def test_a_thread_is_pumped_until_it_ends():
    feed = Feed()
    feed.begin(moons.spec(1))
    stage = Stage(feed)
    stage.ready = 1
    sent = []
    stage.observe(lambda change: sent.extend(block.first for block in unpack(change["new"])), "chunk")
    done = threading.Event()
    stage.observe(lambda change: done.set() if "done" in change["new"] else None, "status")

    def work():
        for k in range(30):
            feed.add("state", 1, k, 30, np.full((1, 3, 2), k))
        feed.status = {"kind": "done", "text": ""}

    thread = threading.Thread(target=work)
    thread.start()
    stage.watch(thread, every=0.01)
    assert done.wait(5)
    stage.pump()
    assert sent == list(range(30))


def test_the_cell_has_a_height_and_chips_and_a_name_that_does_not_change():
    stage = Stage(moons.feed(n=5), height=480)
    spec = json.loads(stage.spec)
    assert (spec["height"], spec["layer_chips"], spec["title"]) == (480, True, "Two moons")
    assert repr(stage) == "Stage(Two moons: straight lines, 20 steps)"
    data, _ = stage._repr_mimebundle_()
    assert data["text/plain"].startswith(repr(stage)) and "run this cell again" in data["text/plain"]
