"""The legend of colours: what it says, where it stands, and that it is in a saved picture."""

import base64

import moons
import numpy as np
import pytest
from inks import GROUNDS, STEPS, canvas, level_paths, viridis
from test_stage_live import opened, pause, put

pytestmark = pytest.mark.browser

COLOUR = {"label": "curvature × length", "lo": 0, "hi": 12, "map": "viridis", "hint": "Bend times length."}
HEAT = {
    "nx": 4,
    "ny": 3,
    "label": "asymmetry",
    "lo": 0.001,
    "hi": 2,
    "log": True,
    "map": "viridis",
    "hint": "J.",
}
LAYERS = ["map", "particles", "paths"]


def coloured(panes=1, top=10.0, colour=COLOUR, heat=None, **changes):
    feed, runs = moons.lines_feed(
        moons.states(40, STEPS)[0],
        np.linspace(0, top, 21 * 40).reshape(21, 40),
        panes,
        colour=colour,
        heat=heat,
        **changes,
    )
    for run in runs if heat else ():
        feed.add("heat", run, 0, STEPS + 1, np.full((1, 12, 1), 0.5))
    return feed


def words(page, name="a"):
    scales = page.locator(f"#{name} .exs-scale").all()
    return [[word.inner_text() for word in scale.locator("span, b").all()] for scale in scales]


@pytest.mark.parametrize(
    ("top", "colour", "said"),
    [
        (12.0, {}, ["curvature × length", "0", "12"]),
        (13.0, {}, ["curvature × length", "0", "≥ 12"]),
        (1.0, {"map": "diverging", "lo": -2, "hi": 2}, ["curvature × length", "−2", "0", "2"]),
        (1.0, {"log": True, "lo": 0.001, "hi": 2}, ["curvature × length", "≤ 0.001", "0.1", "2"]),
        (1.0, {"lo": 0.25, "hi": 1.0, "label": "bend"}, ["bend", "≤ 0.25", "1"]),
    ],
)
def test_it_says_what_and_how_much(bench, top, colour, said):
    page = bench()
    opened(page, "a", coloured(top=top, colour={**COLOUR, **colour}))
    assert words(page) == [said]


def test_it_comes_and_goes_with_what_it_stands_for(bench):
    page = bench()
    opened(page, "a", coloured(heat=HEAT), layers='["map", "paths"]')
    assert [scale[0] for scale in words(page)] == ["curvature × length", "asymmetry"]
    put(page, "a", "layers", '["map"]')
    assert [scale[0] for scale in words(page)] == ["asymmetry"]
    put(page, "a", "layers", '["particles"]')
    assert words(page) == []
    opened(page, "b", coloured(colour=None))
    assert words(page, "b") == []


@pytest.mark.parametrize(("heat", "chips"), [(None, []), (HEAT, ["map"])])
def test_a_picture_without_time_offers_no_layer_but_its_map(bench, heat, chips):
    """It has no particles, paths or density to show: their chips would do nothing."""
    page = bench()
    opened(page, "a", coloured(heat=heat, still=True, layer_chips=True))
    assert page.locator(".exs-chip").all_inner_texts() == chips


def test_only_the_named_layers_have_chips(bench):
    page = bench()
    for chips, shown in ((True, ["particles", "paths", "density"]), (["paths", "map"], ["paths"])):
        opened(page, "a", coloured(layer_chips=chips))
        assert page.locator(".exs-chip").all_inner_texts() == shown
        page.evaluate("cleanups.a(); document.querySelector('#a').remove()")


def test_scales_that_are_amended_show_at_once(bench):
    page = bench()
    feed = coloured(colour=None)
    opened(page, "a", feed)
    before = canvas(page)
    feed.amend(colour=COLOUR)
    put(page, "a", "spec", feed.texts()["spec"])
    assert words(page) == [["curvature × length", "0", "12"]]
    assert (canvas(page) != before).any()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_its_ends_are_those_of_the_map_and_stand_out(bench, theme):
    page = bench()
    opened(page, "a", coloured(), theme=theme)
    ramp = page.locator("#a .exs-ramp").evaluate("(node) => getComputedStyle(node).backgroundImage")
    stops = [[float(part) for part in text.split(")")[0].split(",")] for text in ramp.split("rgb(")[1:]]
    for part, stop in zip((0, 0.5, 1), (stops[0], stops[8], stops[-1]), strict=True):
        assert stop == pytest.approx(viridis(part, theme), abs=8)

    def light(colour):
        part = np.asarray(colour) / 255
        return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4) @ [
            0.2126,
            0.7152,
            0.0722,
        ]

    for stop in stops:
        low, high = sorted((light(stop), light(GROUNDS[theme])))
        assert (high + 0.05) / (low + 0.05) > 1.7


def test_the_definition_shows_on_hover_and_on_focus(bench):
    page = bench()
    opened(page, "a", coloured())
    name = page.locator("#a .exs-scale-name")
    name.hover()
    assert page.locator("#a .exs-tip").inner_text() == "Bend times length."
    page.mouse.move(5, 5)
    assert page.locator("#a .exs-tip").is_hidden()
    name.focus()
    assert page.locator("#a .exs-tip").is_visible()


OVERLAPS = """() => {
  const words = ".exs-title, .exs-note, .exs-legend li, .exs-fact, .exs-draw, .exs-scale-name, .exs-ramp";
  const numbers = ".exs-scale-numbers span, .exs-scale-numbers b";
  const boxes = [...document.querySelectorAll(`${words}, ${numbers}`)]
    .map((node) => [node.textContent || node.className, node.getBoundingClientRect()])
    .filter(([, box]) => box.width > 0 && box.height > 0);
  const along = (a, b) => a.left < b.right - 1 && b.left < a.right - 1;
  const meet = (a, b) => along(a, b) && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  const met = ([text, a], i) => boxes.slice(i + 1).filter(([, b]) => meet(a, b)).map(([other]) => `${text} / ${other}`);
  return boxes.flatMap(met);
}"""
CLIPPED = """() => {
  const words = ".exs-words, .exs-title, .exs-note, .exs-legend, .exs-scale-name, .exs-fact, .exs-readout";
  return [...document.querySelectorAll(`${words}, .exs-tab, .exs-numbers th, .exs-numbers td`)]
    .filter((node) => getComputedStyle(node).display !== "inline" && node.scrollWidth > node.clientWidth + 1)
    .map((node) => node.textContent);
}"""
OUTSIDE = """() => [...document.querySelectorAll(".exs-pane")].flatMap((pane) => {
  const frame = pane.getBoundingClientRect();
  return [...pane.querySelectorAll(".exs-head *, .exs-corner *")].filter((node) => {
    const box = node.getBoundingClientRect();
    return box.width && (box.left < frame.left || box.right > frame.right + 0.5 || box.bottom > frame.bottom - 16);
  }).map((node) => node.textContent);
})"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("draws", [False, True])
@pytest.mark.parametrize("size", [(1440, 900), (1024, 700), (780, 700)])
def test_three_panes_have_room_for_their_words(bench, size, theme, draws):
    feed = coloured(3, top=20.0)
    spec = feed.spec
    names = ("MLP", "MLP, reflow once", "MLP, reflow twice")
    axes = {"axes": ["along the chord", "off the chord"], "show_axes": True, "note": "64 steps, 127 evals"}
    panes = [{**pane, **axes, "label": name} for pane, name in zip(spec["panes"], names, strict=True)]
    feed.amend(panes=panes, can_draw=draws)
    runs = {pane["run"]: role for pane, role in zip(panes, ("state", "second", "third"), strict=True)}
    feed.charts = moons.charts(runs, STEPS)
    page = bench(*size)
    page.set_viewport_size({"width": size[0], "height": size[1]})
    opened(page, "a", feed, theme=theme)
    canvases = [node.bounding_box() for node in page.locator(".exs-canvas").all()]
    assert len(canvases) == 3 and page.locator(".exs-scale").count() == 1
    assert page.evaluate(OVERLAPS) == []
    assert page.evaluate(CLIPPED) == []
    assert page.evaluate(OUTSIDE) == []
    heads = [node.bounding_box()["y"] for node in page.locator(".exs-legend").all()]
    assert len(set(heads)) == 1, "pictures side by side stand equally high"
    frame = canvases[1]
    page.mouse.move(frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2)
    pause(page)
    assert "along the chord" in page.locator(".exs-readout").first.inner_text()
    assert page.evaluate(CLIPPED) == [] and page.evaluate(OUTSIDE) == []


def test_axes_are_named_where_the_pane_asks_for_it(bench):
    page = bench()
    feed = coloured(colour=None)
    opened(page, "a", feed, layers="[]", theme="light")
    before = canvas(page)
    (pane,) = feed.spec["panes"]
    feed.amend(panes=[{**pane, "axes": ["along the chord", "off the chord"], "show_axes": True}])
    put(page, "a", "spec", feed.texts()["spec"])
    rows, columns = np.nonzero((canvas(page) != before).any(axis=2))
    height, width = before.shape[:2]
    foot, head = rows > height - 20, rows < 80
    assert (foot | head).all(), "words stand at the ends of the axes and nowhere else"
    assert columns[foot].min() > width - 130 and columns[head].max() < 110


def test_a_saved_picture_has_it(export):
    page = export(coloured(top=20.0), theme="light")
    frame = page.locator(".exs-canvas").bounding_box()
    ramp = page.locator(".exs-ramp").bounding_box()
    page.get_by_role("button", name="save").click()
    with page.expect_download() as picture:
        page.get_by_role("menuitem", name="Save picture (PNG)").click()
    coded = base64.b64encode(picture.value.path().read_bytes()).decode()
    left, top = ramp["x"] - frame["x"], ramp["y"] - frame["y"]
    places = [[left + part * ramp["width"], top + 4] for part in (0.02, 0.5, 0.98)]
    found = page.evaluate(
        """async ([coded, places]) => {
          const image = new Image();
          image.src = `data:image/png;base64,${coded}`;
          await image.decode();
          const canvas = document.createElement("canvas");
          Object.assign(canvas, { width: image.width, height: image.height });
          const context = canvas.getContext("2d");
          context.drawImage(image, 0, 0);
          return places.map(([x, y]) => [...context.getImageData(Math.round(x), Math.round(y), 1, 1).data].slice(0, 3));
        }""",
        [coded, places],
    )
    for colour, part in zip(found, (0.02, 0.5, 0.98), strict=True):
        assert colour == pytest.approx(viridis(part, "light"), abs=10)


def test_an_exported_page_has_the_colours_and_the_map(export):
    feed = coloured(heat=HEAT)
    page = export(feed, theme="light")
    assert [scale.inner_text() for scale in page.locator(".exs-scale-name").all()] == [
        "curvature × length",
        "asymmetry",
    ]
    assert page.get_by_role("button", name="map").get_attribute("aria-pressed") == "true"


def test_a_scale_without_numbers_makes_no_difference(bench):
    page = bench()
    feed, _ = moons.lines_feed(level_paths(0.0, 1.0))
    opened(page, "a", feed, theme="light")
    before = canvas(page)
    feed.amend(colour=COLOUR, heat=HEAT)
    put(page, "a", "spec", feed.texts()["spec"])
    assert (canvas(page) == before).all()
    assert page.locator("#a .exs-scale").count() == 0
