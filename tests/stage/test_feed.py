import json
import threading

import numpy as np
import pytest

from explorer.stage import Feed, unpack
from explorer.stage.feed import new_run_id


def frames(data):
    return [(block.run, block.first) for block in unpack(data or b"")]


def add(feed, run, k, total=50):
    feed.add("state", run, k, total, np.full((1, 3, 2), k, "f4"))


def test_nothing_falls_between_snapshot_and_pieces():
    feed = Feed()
    feed.begin({"panes": [{"run": 1}]})
    total = 400
    writer = threading.Thread(target=lambda: [add(feed, 1, k, total) for k in range(total)])
    writer.start()
    seen, snapshots = [], 0
    while writer.is_alive() or len(seen) < total:
        if snapshots < 5 and len(seen) % 7 == 0:
            seen, snapshots = frames(feed.snapshot()), snapshots + 1
        else:
            seen += frames(feed.drain())
    assert seen == [(1, k) for k in range(total)]
    assert feed.drain() is None


def test_a_snapshot_holds_what_was_sent_and_counts_the_rest_as_sent():
    feed = Feed()
    feed.begin({})
    add(feed, 1, 0)
    assert frames(feed.drain()) == [(1, 0)]
    add(feed, 1, 1)
    assert frames(feed.snapshot()) == [(1, 0), (1, 1)]
    assert feed.drain() is None


def test_the_older_picture_stays_until_the_newer_is_drawable_and_no_longer():
    feed = Feed()
    feed.begin({"title": "one"})
    add(feed, 1, 0)
    feed.begin({"title": "two"})
    feed.add("ticks", 2, 0, 50, np.ones((50, 1, 1)))
    assert [run for run, _ in frames(feed.snapshot())] == [1, 2]
    feed.begin({"title": "three"})
    assert [run for run, _ in frames(feed.snapshot())] == [1]
    add(feed, 3, 0)
    assert [run for run, _ in frames(feed.snapshot())] == [3]
    assert feed.drain() is None


def test_pieces_go_on_after_the_older_generation_has_gone():
    feed = Feed()
    feed.begin({})
    add(feed, 1, 0)
    feed.drain()
    feed.begin({})
    feed.add("ticks", 2, 0, 50, np.ones((50, 1, 1)))
    add(feed, 2, 0)
    add(feed, 2, 1)
    assert frames(feed.drain()) == [(2, 0), (2, 0), (2, 1)]


def test_texts_are_news_once():
    feed = Feed()
    feed.begin({"title": "moons"})
    feed.charts = {"charts": [{"y": np.float32(1.5), "x": float("nan")}]}
    feed.status = {"kind": "running", "text": "", "done": 1, "of": 2}
    news = feed.news()
    assert set(news) == {"spec", "charts", "status"}
    assert json.loads(news["charts"])["charts"] == [{"y": 1.5, "x": None}]
    assert feed.news() == {}
    feed.amend(launched=[{"run": 5, "pane": 0}])
    assert json.loads(feed.news()["spec"]) == {"title": "moons", "launched": [{"run": 5, "pane": 0}]}


def test_a_run_over_32_mb_is_refused_with_what_to_do():
    feed = Feed()
    feed.begin({})
    with pytest.raises(ValueError, match=r"within 32 MB, run 1 would need 76 MB; show fewer"):
        feed.add("state", 1, 0, 1000, np.zeros((1, 10_000, 2)))
    feed.add("state", 1, 0, 100, np.zeros((1, 10_000, 2)))


def test_an_unknown_status_is_refused():
    with pytest.raises(ValueError, match="`status` must have a kind of"):
        Feed().status = {"kind": "asleep"}


def test_run_ids_never_return():
    assert len({new_run_id() for _ in range(100)}) == 100


def test_a_map_of_another_grain_takes_the_place_of_the_one_before():
    feed, run = Feed(), new_run_id()
    feed.begin({"panes": [{"run": run}]})
    feed.add("state", run, 0, 3, np.zeros((3, 1, 2)))
    for frame in (0, 1):
        feed.add("heat", run, frame, 3, np.zeros((1, 9, 1)))
    feed.drain()
    feed.add("heat", run, 0, 3, np.ones((1, 25, 1)))
    (fresh,) = unpack(feed.drain())
    assert fresh.values.shape == (1, 25, 1)
    assert [block.values.shape[1] for block in unpack(feed.snapshot()) if block.kind == 7] == [25]
