"""A map as the subject: contour lines, full colours, a finer map for the same run, and the surface that turns."""

import json

import moons
import numpy as np
import pytest
from inks import GROUNDS, STEPS, canvas, level_paths, place, viridis
from test_stage_live import data, opened, pause, press, put, say
from test_stage_map import at_point, centres

pytestmark = pytest.mark.browser


def said(nx, ny, **more):
    return {"nx": nx, "ny": ny, "label": "loss", "lo": 0, "hi": 4, "map": "viridis", "strong": True, **more}


def show(page, values, layers='["map"]', theme="light", paths=None, **more):
    ny, nx = values.shape
    feed, (run,) = moons.lines_feed(level_paths(0.0) if paths is None else paths, heat=said(nx, ny, **more))
    feed.add("heat", run, 0, STEPS + 1, values.astype("f4").reshape(1, -1, 1))
    opened(page, "a", feed, layers=layers, theme=theme)
    return feed, run


def nodes(n):
    lo_x, lo_y, hi_x, hi_y = moons.BOX
    return np.meshgrid(np.linspace(lo_x, hi_x, n), np.linspace(lo_y, hi_y, n))


def pixel_centres(picture):
    scale, shift_x, shift_y = place(picture.shape)
    x = (np.arange(picture.shape[1]) + 0.5 - shift_x) / scale
    y = (shift_y - np.arange(picture.shape[0]) - 0.5) / scale
    return np.meshgrid(x, y)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_strong_map_has_its_full_colours(bench, theme):
    page = bench()
    show(page, np.full((6, 8), 3.0), theme=theme)
    assert at_point(page, 0.7, 0.7) == pytest.approx(viridis(0.75, theme), abs=10)


def darker(page, plain):
    """How much darker each pixel is with contour lines than without."""
    return plain - canvas(page).sum(2)


@pytest.mark.parametrize("log", [False, True])
def test_contour_lines_of_a_cone_are_circles_of_their_radius(bench, log):
    page = bench()
    cone = np.hypot(*nodes(81))
    ends = {"lo": 0.1, "hi": 10, "log": True} if log else {"lo": 0, "hi": 4}
    show(page, cone, nodes=True, **ends)
    plain = canvas(page).sum(2)
    feed, run = moons.lines_feed(level_paths(0.0), heat=said(81, 81, nodes=True, contours=3, **ends))
    page.evaluate("cleanups.a(); document.querySelector('#a').remove()")
    feed.add("heat", run[0], 0, STEPS + 1, cone.astype("f4").reshape(1, -1, 1))
    opened(page, "a", feed, layers='["map"]', theme="light")
    picture = canvas(page)
    x, y = pixel_centres(picture)
    radius = np.hypot(x, y)[darker(page, plain) > 25]
    # Evenly in the scale: at 1, 2 and 3, or at 10^-0.5, 1 and 10^0.5 (which reaches beyond the box's edge).
    expected = [10**-0.5, 1, 10**0.5] if log else [1, 2, 3]
    miss = np.abs(radius[:, None] - np.array(expected)).min(1)
    scale = place(picture.shape)[0]
    assert len(radius) > 300 and np.quantile(miss, 0.98) < 1.6 / scale
    for level in expected[:2]:
        near = np.abs(radius - level) < 1.6 / scale
        assert near.sum() > 2 * np.pi * level * scale * 0.7, "all the way round"


def test_numbers_at_nodes_reach_the_edge_of_the_box(bench):
    page = bench()
    x, _ = nodes(5)
    show(page, x + 3.2, nodes=True, hi=6.4)
    picture = canvas(page)
    scale, shift_x, shift_y = place(picture.shape)
    for at in (-3.15, -1.6, 0.9, 3.1):
        pixel = picture[int(shift_y - 0.7 * scale), int(at * scale + shift_x)]
        assert pixel == pytest.approx(viridis((at + 3.2) / 6.4, "light"), abs=12)
    outside = picture[int(shift_y - 0.7 * scale), int(3.27 * scale + shift_x)]
    assert outside == pytest.approx(GROUNDS["light"], abs=14)


def test_a_finer_map_takes_the_place_of_the_coarser_one_of_the_same_run(bench):
    page = bench()
    feed, run = show(page, np.full((3, 3), 1.0))
    before = at_point(page, 0.7, 0.7)
    fine = np.full((1, 49, 1), 3.0, "f4")
    feed.amend(heat=said(7, 7))
    put(page, "a", "spec", feed.texts()["spec"])
    assert at_point(page, 0.7, 0.7) == pytest.approx(before, abs=1), (
        "the old one stays until the new is there"
    )
    assert say(page, "a") == ""
    feed.add("heat", run, 0, STEPS + 1, fine)
    put(page, "a", "chunk", feed.drain())
    assert at_point(page, 0.7, 0.7) == pytest.approx(viridis(0.75, "light"), abs=10)
    assert say(page, "a") == ""
    put(page, "a", "frames", feed.snapshot())
    assert at_point(page, 0.7, 0.7) == pytest.approx(viridis(0.75, "light"), abs=10)


def turned(page):
    page.get_by_role("radio", name="surface").check()
    page.wait_for_timeout(350)
    return canvas(page)


def height_of(picture, colour):
    """The mean row of the pixels of a colour."""
    rows = np.nonzero(np.abs(picture - np.array(colour)).sum(2) < 60)[0]
    assert len(rows) > 20
    return rows.mean()


def test_the_surface_turns_by_drag_and_keys_and_the_map_comes_back(bench):
    page = bench()
    show(page, centres(24, 20)[0] / 1.6 + 2, surface=True)
    flat = canvas(page)
    first = turned(page)
    assert (first != flat).mean() > 0.2
    covered = (np.abs(first - np.array(GROUNDS["light"])).sum(2) > 60).mean()
    assert 0.1 < covered < 0.8
    frame = page.locator("#a .exs-canvas").bounding_box()
    page.mouse.move(frame["x"] + 400, frame["y"] + 250)
    page.mouse.down()
    page.mouse.move(frame["x"] + 480, frame["y"] + 250, steps=3)
    page.mouse.up()
    page.wait_for_timeout(350)
    dragged = canvas(page)
    assert (np.abs(dragged - first).sum(2) > 30).mean() > 0.1
    share = data(page, "a")["share"]
    page.locator("#a .exs-canvas").focus()
    page.keyboard.press("Home")
    page.wait_for_timeout(350)
    assert (np.abs(canvas(page) - first).sum(2) > 30).mean() < 0.001, "Home is where it began"
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(350)
    assert (np.abs(canvas(page) - first).sum(2) > 30).mean() > 0.02
    assert data(page, "a")["share"] == share, "these keys turn, and do not move time"
    page.get_by_role("radio", name="map").check()
    pause(page)
    assert (canvas(page) == flat).all()


def test_a_hill_stands_up_and_a_hollow_lies_low(bench):
    page = bench()
    x, y = nodes(41)
    show(page, 4 * np.exp(-(x**2) - y**2), nodes=True, surface=True)
    hill = turned(page)
    top = height_of(hill, viridis(1, "light"))
    page.evaluate("cleanups.a(); document.querySelector('#a').remove()")
    show(page, 4 - 4 * np.exp(-(x**2) - y**2), nodes=True, surface=True)
    page.wait_for_timeout(100)
    hollow = canvas(page)
    rows = np.nonzero(np.abs(hollow - np.array(viridis(0, "light"))).sum(2) < 120)[0]
    assert top < rows.mean() - 40


def test_a_state_lies_at_its_own_third_number(bench):
    page = bench()
    path = level_paths(0.0)
    rows = {}
    for height in (0.0, 4.0):
        lifted = np.concatenate([path, np.full_like(path[..., :1], height)], 2)
        show(
            page,
            np.zeros((21, 21)),
            layers='["map", "particles"]',
            paths=lifted,
            nodes=True,
            surface=True,
        )
        press(page, "a", "Home")
        picture = turned(page)
        rows[height] = height_of(picture, (0x00, 0x72, 0xB2))
        page.evaluate("cleanups.a(); document.querySelector('#a').remove()")
    assert rows[4.0] < rows[0.0] - 60


def test_the_choice_of_view_is_kept_for_the_page(bench):
    page = bench()
    feed, _ = show(page, np.ones((6, 8)), surface=True)
    turned(page)
    spec = json.loads(feed.texts()["spec"])
    del spec["heat"]["surface"]
    put(page, "a", "spec", json.dumps(spec))
    assert page.get_by_role("radiogroup", name="view").count() == 0
    put(page, "a", "spec", feed.texts()["spec"])
    assert page.get_by_role("radio", name="surface").is_checked()
