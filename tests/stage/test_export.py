import base64
import json
import re

import moons
import numpy as np
import pytest

from explorer.stage import Feed, to_html, unpack

EVIL = '</script><script>alert(1)</script><img src=x onerror=alert(2)>"&\u2028'


def opened(page):
    traits = re.search(r'id="traits">(.*?)</script>', page, re.S).group(1)
    data = re.search(r'id="frames">(.*?)</script>', page, re.S).group(1)
    return json.loads(traits), list(unpack(base64.b64decode(data)))


def test_a_page_holds_the_run_within_a_hundredth_of_a_pixel():
    feed = moons.feed(n=300)
    traits, blocks = opened(to_html(feed, cursor=0.4, theme="dark", title="A run"))
    spec = json.loads(traits["spec"])
    assert (spec["rest"], spec["can_launch"], spec["layer_chips"], traits["theme"]) == (
        0.4,
        False,
        True,
        "dark",
    )
    state = next(block for block in blocks if block.kind == 0)
    assert state.dtype == 2
    np.testing.assert_allclose(state.values, moons.states(300)[0], atol=2e-4)


def test_no_text_can_leave_its_place():
    feed = moons.feed(n=10)
    feed.amend(title=EVIL, subtitle=EVIL)
    page = to_html(feed, title=EVIL)
    assert "alert(1)</script>" not in page and "<img" not in page
    assert page.count("<script") == 3 and page.count("</script>") == 3
    traits, _ = opened(page)
    assert json.loads(traits["spec"])["title"] == EVIL


def test_the_module_stands_in_the_page_without_its_export():
    page = to_html(moons.feed(n=10))
    assert "export default" not in page and "function render(" in page
    assert not re.search(r"""(src|href)=["']?https?:""", page)


def test_too_many_particles_are_thinned_and_said():
    page = to_html(moons.feed(n=8000, steps=4))
    _, blocks = opened(page)
    assert {block.values.shape[1] for block in blocks if block.kind in (0, 1, 3)} == {2000}
    assert "This page holds 2,000 of 8,000 particles." in page


def test_a_page_stays_under_5_mb_and_says_what_it_left_out():
    feed = moons.feed(n=6000, steps=300)
    page = to_html(feed)
    traits, blocks = opened(page)
    assert len(page.encode()) < 5_000_000
    frames = {block.total for block in blocks if block.kind == 0}.pop()
    assert "2,000 of 6,000 particles, no clean prediction" in page
    ticks = next(block for block in blocks if block.kind == 9).values.ravel()
    assert ticks[0] == 1 and ticks[-1] == 0 and len(ticks) == frames
    rows = json.loads(traits["charts"])["numbers"]["rows"]
    assert {len(values) for row in rows for values in row["values"].values()} == {frames}


def test_frames_are_left_out_when_all_else_is_not_enough():
    feed = moons.feed(n=2000, steps=600)
    page = to_html(feed)
    _, blocks = opened(page)
    state = next(block for block in blocks if block.kind == 0)
    assert f"{state.total} of 601 frames" in page and state.total == 301
    np.testing.assert_allclose(state.values[1], moons.states(2000, 600)[0][2], atol=2e-4)


def test_frames_that_never_came_are_cut_off():
    feed = Feed()
    feed.begin(moons.spec(1, 20))
    x, _, _ = moons.states(50, 20)
    feed.add("ticks", 1, 0, 21, moons.shares(20).reshape(-1, 1, 1))
    feed.add("state", 1, 0, 21, x[:7])
    _, blocks = opened(to_html(feed))
    assert {block.total for block in blocks} == {7}


def test_colours_stay_with_their_paths_when_particles_are_left_out():
    x = np.broadcast_to(np.arange(3000)[None, :, None] / 1000, (3, 3000, 2))
    feed, _ = moons.lines_feed(x, 1e-6 * np.arange(3 * 2500).reshape(3, 2500))
    _, blocks = opened(to_html(feed))
    (colour,) = [block for block in blocks if block.kind == 4]
    assert colour.values.shape == (3, 2000, 1) and colour.dtype == 4
    np.testing.assert_allclose(colour.values[2, :, 0], 1e-6 * (5000 + np.arange(2000)), rtol=1e-6)


def test_only_the_frames_of_a_map_that_came_are_there():
    feed, (run,) = moons.lines_feed(np.zeros((9, 2, 2)), heat={"nx": 3, "ny": 2})
    for frame in (1, 6):
        feed.add("heat", run, frame, 9, np.full((1, 6, 1), float(frame)))
    _, blocks = opened(to_html(feed))
    found = {block.first: block.values for block in blocks if block.kind == 7}
    assert sorted(found) == [1, 6]
    assert (found[6] == 6).all() and found[6].shape == (1, 6, 1)


def test_a_map_shows_at_the_same_moments_when_frames_are_left_out():
    steps, rng = 600, np.random.default_rng(0)
    feed, (run,) = moons.lines_feed(rng.normal(size=(steps + 1, 2000, 2)), heat={"nx": 3, "ny": 2})
    came = (0, 101, 102, 205, 599)
    for frame in came:
        feed.add("heat", run, frame, steps + 1, np.full((1, 6, 1), float(frame)))
    page = to_html(feed)
    assert "301 of 601 frames" in page
    _, blocks = opened(page)
    ticks = next(block for block in blocks if block.kind == 9).values.ravel()
    maps = {block.first: block.values.flat[0] for block in blocks if block.kind == 7}
    for frame, share in enumerate(ticks):
        original = round((1 - share) * steps)
        shown = max((at for at in maps if at <= frame), default=None)
        assert maps[shown] == max(at for at in came if at <= original)


def test_tables_under_tabs_lose_the_same_frames_as_the_run():
    feed = moons.feed(n=2000, steps=600)
    table = feed.charts["numbers"]
    feed.charts = {"charts": [], "numbers": [{**table, "tab": "one"}, {**table, "tab": "two"}]}
    traits, _ = opened(to_html(feed))
    tables = json.loads(traits["charts"])["numbers"]
    assert [each["tab"] for each in tables] == ["one", "two"]
    assert {len(values) for each in tables for row in each["rows"] for values in row["values"].values()} == {
        301
    }


def test_wild_points_do_not_coarsen_the_others():
    feed = Feed()
    feed.begin(moons.spec(1, 1))
    x = np.zeros((2, 4, 2), "f4")
    x[1] = [[1e30, 0], [np.nan, 0], [0.5, 0.25], [-1, 2]]
    feed.add("state", 1, 0, 2, x)
    _, blocks = opened(to_html(feed))
    np.testing.assert_allclose(blocks[0].values[1, 2:], x[1, 2:], atol=1e-3)
    assert np.isnan(blocks[0].values[1, 1, 0]) and blocks[0].values[1, 0, 0] > 20


def test_there_must_be_something_to_export():
    with pytest.raises(ValueError, match="at least one frame"):
        to_html(Feed())
    with pytest.raises(ValueError, match=r"noise share in \[0, 1\]"):
        to_html(moons.feed(n=5), cursor=2.0)
    with pytest.raises(ValueError, match="auto, light or dark"):
        to_html(moons.feed(n=5), theme="blue")
