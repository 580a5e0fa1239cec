"""The live component over a model made by hand: streaming, groups, refusals, and leaving no trace."""

import base64
import json

import moons
import numpy as np
import pytest

from explorer.stage import Feed, pack
from explorer.stage.feed import new_run_id

pytestmark = pytest.mark.browser

COUNT = "() => globalThis[Symbol.for('explorer.stage.v1')]?.size ?? 0"


def coded(data):
    return base64.b64encode(data).decode()


def opened(page, name, feed, **traits):
    texts = feed.texts()
    page.evaluate(
        "([id, traits, frames]) => open_stage(id, traits, frames)",
        [name, {**texts, "theme": "light", **traits}, coded(feed.snapshot())],
    )
    pause(page)


def pause(page):
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def put(page, name, trait, value):
    page.evaluate(
        "([id, trait, value]) => put(id, trait, value)",
        [name, trait, coded(value) if isinstance(value, bytes) else value],
    )
    pause(page)


def data(page, name):
    return page.evaluate("(id) => ({ ...document.querySelector(`#${id} .exs`).dataset })", name)


def say(page, name):
    sentence = page.locator(f"#{name} .exs-say")
    return sentence.inner_text() if sentence.is_visible() else ""


def told(page, name, trait):
    return page.evaluate(
        "([id, trait]) => models[id].told.filter(([name]) => name === trait).map(([, value]) => value)",
        [name, trait],
    )


def press(page, name, key):
    page.locator(f"#{name} .exs-slider").focus()
    page.keyboard.press(key)
    pause(page)


def test_it_says_it_is_ready_once_for_each_render(bench):
    page = bench()
    opened(page, "a", moons.feed(n=20), ready=3)
    assert told(page, "a", "ready") == [4]


def test_two_stages_of_a_page_share_the_cursor_within_one_tick(bench):
    page = bench(600, 430)
    opened(page, "a", moons.feed(n=20, steps=20))
    opened(page, "b", moons.feed(n=20, steps=100))
    opened(page, "c", moons.feed(n=20, steps=7), group="other")
    press(page, "a", "Home")
    for _ in range(3):
        press(page, "a", ".")
    assert (data(page, "a")["share"], data(page, "b")["share"]) == ("0.8500", "0.8500")
    assert data(page, "c")["share"] == "0.0000"
    assert page.locator("#b .exs-now span").inner_text() == "step 15 of 100"
    page.wait_for_timeout(250)
    assert told(page, "b", "cursor") == [], "a stage that is told moves but does not tell"
    assert told(page, "a", "cursor")[-1] == 0.85


def test_the_document_hears_of_the_cursor_once_a_frame(bench):
    page = bench()
    page.evaluate(
        "() => { globalThis.heard = []; document.addEventListener('explorer:cursor', (e) => heard.push(e.detail)); }"
    )
    opened(page, "a", moons.feed(n=20), group="")
    press(page, "a", "ArrowLeft")
    (heard,) = page.evaluate("heard")
    assert heard == {"share": pytest.approx(0.05), "group": ""}


def test_python_hears_of_the_cursor_after_the_hand_rests(bench):
    page = bench()
    opened(page, "a", moons.feed(n=20))
    page.locator("#a .exs-slider").focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    assert told(page, "a", "cursor") == []
    page.wait_for_timeout(300)
    assert told(page, "a", "cursor") == [0.25]
    put(page, "a", "cursor", 0.7)
    assert data(page, "a")["share"] == "0.7000"
    assert told(page, "a", "cursor") == [0.25]


def test_a_stream_is_followed_until_the_hand_touches_the_cursor(bench):
    page = bench()
    feed, run = Feed(), new_run_id()
    x, _, _ = moons.states(40, 20)
    feed.begin(moons.spec(run))
    feed.status = {"kind": "running", "text": "", "done": 0, "of": 21}
    feed.add("ticks", run, 0, 21, moons.shares(20).reshape(-1, 1, 1))
    opened(page, "a", feed)
    assert say(page, "a") == "Waiting for the first frame."
    for k in range(10):
        put(page, "a", "chunk", pack("state", run, k, 21, x[k : k + 1]))
    assert (data(page, "a")["got"], data(page, "a")["share"]) == ("10", "0.5500")
    press(page, "a", "ArrowLeft")
    for k in range(10, 21):
        put(page, "a", "chunk", pack("state", run, k, 21, x[k : k + 1]))
    assert (data(page, "a")["got"], data(page, "a")["share"]) == ("21", "0.6000")


def test_a_piece_with_a_gap_before_it_is_kept_but_not_counted(bench):
    page = bench()
    feed, run = Feed(), new_run_id()
    x, _, _ = moons.states(40, 20)
    feed.begin(moons.spec(run))
    feed.add("state", run, 0, 21, x[:3])
    opened(page, "a", feed)
    put(page, "a", "chunk", pack("state", run, 5, 21, x[5:]))
    assert data(page, "a")["got"] == "3"
    put(page, "a", "chunk", pack("state", run, 3, 21, x[3:5]))
    assert data(page, "a")["got"] == "21"


def test_a_run_that_began_before_the_page_shows_all_its_frames(bench):
    page = bench()
    feed, run = Feed(), new_run_id()
    x, _, _ = moons.states(40, 20)
    feed.begin(moons.spec(run))
    feed.add("state", run, 0, 21, x[:15])
    feed.drain()
    page.evaluate("([id, traits]) => open_stage(id, traits)", ["a", feed.texts()])
    assert told(page, "a", "ready") == [1]
    put(page, "a", "frames", feed.snapshot())
    feed.add("state", run, 15, 21, x[15:])
    put(page, "a", "chunk", feed.drain())
    assert (data(page, "a")["got"], data(page, "a")["total"]) == ("21", "21")


def test_the_last_picture_stays_until_the_next_is_drawable(bench):
    page = bench()
    feed = moons.feed(n=20)
    old = feed.spec["panes"][0]["run"]
    opened(page, "a", feed)
    new = new_run_id()
    put(page, "a", "spec", json.dumps(moons.spec(new, title="Next")))
    assert data(page, "a")["run"] == str(old)
    assert page.locator(".exs-title").inner_text() == "Two moons"
    put(page, "a", "chunk", pack("state", new, 0, 2, moons.states(20, 1)[0]))
    assert data(page, "a")["run"] == str(new)
    assert page.locator(".exs-title").inner_text() == "Next"


@pytest.mark.parametrize("kind", ["empty", "running", "done", "cancelled", "diverged", "failed"])
def test_every_status_is_a_sentence_where_there_is_no_picture(bench, kind):
    page = bench()
    feed = Feed()
    feed.begin(moons.spec(1))
    feed.status = {"kind": kind, "text": ""}
    opened(page, "a", feed)
    assert say(page, "a").endswith(".")
    put(page, "a", "status", json.dumps({"kind": kind, "text": "The grid must fall."}))
    assert say(page, "a") == "The grid must fall."


def test_an_empty_stage_is_not_black(bench):
    page = bench()
    page.evaluate("open_stage('a', { theme: 'light' })")
    pause(page)
    assert say(page, "a").startswith("Nothing has run yet.")
    assert page.locator("#a .exs-slider").is_disabled()


BROKEN = {
    "magic": (lambda block: b"EXS2" + block[4:], "must begin with EXS1"),
    "dtype": (lambda block: block[:28] + b"\x07" + block[29:], "dtype must be 1, 2 or 4"),
    "short": (lambda block: block[:-24], "it promises"),
    "head": (lambda block: block[:20], "a head is 48 bytes"),
    "kind": (lambda block: block[:26] + b"\x63" + block[27:], "kind is unknown"),
    "empty": (lambda block: block[:12] + bytes(4) + block[16:48], "it is empty"),
    "place": (lambda block: block[:8] + b"\xff" + block[9:], "its frames end at"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_malformed_block_is_refused_with_a_sentence(bench, fault):
    page = bench()
    feed = moons.feed(n=20)
    run = feed.spec["panes"][0]["run"]
    opened(page, "a", feed)
    spoil, words = BROKEN[fault]
    put(page, "a", "chunk", spoil(pack("state", run, 0, 21, moons.states(20)[0])))
    assert words in say(page, "a")
    assert data(page, "a")["got"] == "21"
    press(page, "a", "Home")
    assert data(page, "a")["share"] == "1.0000"


def test_a_block_that_does_not_fit_its_run_is_refused(bench):
    page = bench()
    feed = moons.feed(n=20)
    run = feed.spec["panes"][0]["run"]
    opened(page, "a", feed)
    put(page, "a", "chunk", pack("state", run, 0, 21, np.zeros((1, 19, 2))))
    assert "20 \u00d7 2, this says 19 \u00d7 2" in say(page, "a")


def test_a_click_launches_where_it_may_and_only_there(bench):
    page = bench()
    feed = moons.feed(n=20)
    opened(page, "a", feed)
    frame = page.locator("#a .exs-canvas").bounding_box()
    page.mouse.click(frame["x"] + frame["width"] / 2, frame["y"] + 40 + (frame["height"] - 60) / 2)
    (picked,) = [json.loads(text) for text in told(page, "a", "picked")]
    assert (picked["what"], picked["share"], picked["pane"], picked["n"]) == ("launch", 0, 0, 1)
    assert picked["x"] == pytest.approx([0, 0], abs=0.03)
    feed.amend(can_launch=False)
    put(page, "a", "spec", feed.texts()["spec"])
    page.mouse.click(frame["x"] + 200, frame["y"] + 200)
    assert len(told(page, "a", "picked")) == 1


def test_a_launched_run_is_drawn_vermilion(bench):
    page = bench()
    feed = moons.feed(n=20)
    opened(page, "a", feed)
    count = """() => { 
      const c = document.querySelector('#a .exs-canvas');
      const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
      let n = 0;
      for (let i = 0; i < d.length; i += 4) if (d[i] === 0xd5 && d[i + 1] === 0x5e && d[i + 2] === 0) n++;
      return n;
    }"""
    assert page.evaluate(count) == 0
    launched = new_run_id()
    put(page, "a", "chunk", pack("state", launched, 0, 21, moons.states(1, 20, seed=5)[0]))
    feed.amend(launched=[{"run": launched, "pane": 0}])
    put(page, "a", "spec", feed.texts()["spec"])
    assert page.evaluate(count) > 60
    assert "launched" in page.locator("#a .exs-legend").inner_text()


def test_points_out_of_view_are_counted(bench):
    page = bench()
    feed, run = Feed(), new_run_id()
    feed.begin(moons.spec(run))
    feed.add("state", run, 0, 1, np.array([[[0, 0], [99, 0], [0, -99], [np.nan, 0]]], "f4"))
    opened(page, "a", feed)
    assert "3 outside" in page.locator("#a .exs-fact").inner_text()


def test_hidden_then_shown_draws(bench):
    page = bench()
    page.add_style_tag(content="#a { display: none }")
    opened(page, "a", moons.feed(n=200))
    assert data(page, "a")["drawn"] == "0"
    page.add_style_tag(content="#a { display: block }")
    page.wait_for_selector("#a .exs:not([data-drawn='0'])")
    assert page.evaluate("document.querySelector('#a .exs-canvas').width") > 300


def test_coming_and_going_leaves_nothing(bench):
    page = bench()
    page.evaluate("""() => {
      globalThis.live = 0;
      for (const target of [globalThis, document]) {
        const [add, remove] = [target.addEventListener.bind(target), target.removeEventListener.bind(target)];
        target.addEventListener = (...all) => { live++; add(...all); };
        target.removeEventListener = (...all) => { live--; remove(...all); };
      }
    }""")
    for i in range(20):
        opened(page, f"s{i}", moons.feed(n=20), group="class" if i % 2 else "")
    assert page.evaluate(COUNT) == 2
    assert page.evaluate("live") == 60
    page.evaluate("() => { for (const leave of Object.values(cleanups)) leave(); }")
    pause(page)
    assert page.evaluate(COUNT) == 0
    assert page.evaluate("live") == 0
    assert page.evaluate("Object.values(models).flatMap((m) => Object.values(m.acts)).flat().length") == 0
    assert page.evaluate("document.querySelectorAll('.exs').length") == 0


def test_the_theme_changes_live_and_follows_the_lab(bench):
    page = bench()
    opened(page, "a", moons.feed(n=20), theme="auto")
    page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    pause(page)
    assert data(page, "a")["theme"] == "dark"
    page.evaluate("document.body.dataset.jpThemeLight = 'true'")
    pause(page)
    assert data(page, "a")["theme"] == "light"
    put(page, "a", "theme", "dark")
    assert data(page, "a")["theme"] == "dark"


def test_keys_inside_the_stage_do_not_reach_the_lab(bench):
    page = bench()
    opened(page, "a", moons.feed(n=20))
    page.evaluate(
        """() => {
          globalThis.keys = [];
          document.addEventListener('keydown', (e) => keys.push(e.key), true);
          document.body.dataset.jpThemeLight = 'true';
        }"""
    )
    for key in ["ArrowLeft", "b", "Tab"]:
        press(page, "a", key)
    assert page.evaluate("keys") == ["Tab"]


def test_words_are_readable_in_both_themes(bench):
    page = bench()
    ratios = page.evaluate("""() => {
      const light = (hex) => {
        const c = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255);
        const [r, g, b] = c.map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      return globalThis.themes_for_tests.flatMap((theme) => ["page", "ground"].flatMap((back) =>
        [...["text", "muted", "warn"].map((name) => [name, theme[name]]), ...Object.entries(theme.inks)]
        .map(([name, ink]) => {
          const [a, b] = [light(theme[back]), light(ink)].sort((x, y) => y - x);
          return [name, back, (a + 0.05) / (b + 0.05)];
        })));
    }""")
    assert [row for row in ratios if row[2] < 4.5] == []
