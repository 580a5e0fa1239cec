"""Runs in a cell: storms, cancel, the end; modules that misbehave; what is taken away."""

import json
import re
import subprocess
import sys
import threading
import time

import ipywidgets
import pytest
import torch
from cells import blocks, status

import explorer as ex
from explorer.labs import LABS
from explorer.stage import unpack
from explorer.widgets import scrub


def boom(x, t):
    raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")


BAD = {
    "raises": (boom, "failed", "your model raised RuntimeError: mat1 and mat2 shapes cannot be multiplied"),
    "gives NaN": (lambda x, t: x * float("nan"), "diverged", "diverged at step 1"),
    "gives another shape": (lambda x, t: x[:3], "failed", "shaped like x, [32, 2]; got [3, 2]"),
    "gives no tensor": (lambda x, t: 3, "failed", "tensor shaped like x; got int"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_module_that_misbehaves_is_one_sentence_and_the_controls_live(cell, case, caplog):
    module, kind, words = BAD[case]
    view = cell(ex.NetworkField(module), n=32, steps=4).wait(20)
    assert status(view) == kind
    assert words in view.status and "\n" not in view.status and "Traceback" not in view.status
    assert not view._is_running
    view.choose("target", "two_moons")
    view.choose("model", "exact")
    assert view.wait(20).run.ended.kind == "done"
    assert status(view) == "done" and view.fault is None
    assert not caplog.records, "a cell has no use for a log"


def test_a_failed_run_has_no_record_and_says_why(cell, tmp_path):
    view = cell(ex.NetworkField(boom), n=32, steps=4)
    with pytest.raises(ValueError, match="no finished run: your model raised"):
        _ = view.record
    assert isinstance(view.fault, RuntimeError)
    with pytest.raises(ValueError, match="at least one frame"):
        view.export(tmp_path / "run.html")


def test_a_diverged_run_keeps_what_was_computed(cell, tmp_path):
    def late(x, t):
        return x / 0 if float(t[0]) < 0.5 else -x

    view = cell(ex.NetworkField(late), n=32, steps=10).wait(20)
    assert view.status.startswith("diverged at step 6")
    assert len(view.run.times) > 3
    assert view.export(tmp_path / "run.html").is_file()


# --- storms, cancel, end ---


def test_the_last_that_was_asked_is_the_last_that_is_shown(cell):
    view = cell()
    slider = view._rail.input("steps")
    for index, (_, stop) in enumerate(slider.options[:60]):
        slider.value = stop
        if index % 7 == 0:
            time.sleep(0.02)
    asked = slider.value
    assert view.run.steps == view.state.steps == asked
    (pane,) = view.wait()._feed.spec["panes"]
    runs = {block.run for block in blocks(view)}
    assert runs == {pane["run"]}
    assert pane["note"].startswith(f"{asked} steps")
    assert f"{asked} steps" in view._line


def gated(started, go, pause=0.002):
    def field(x, t):
        started.set()
        go.wait(10)
        time.sleep(pause)
        return -x

    return {"thing": ex.NetworkField(field), "n": 16, "steps": 200}


def test_cancel_keeps_what_was_computed(cell):
    started, go = threading.Event(), threading.Event()
    view = cell(**gated(started, go))
    assert started.wait(10)
    view._foot.asked = "cancel 1"
    go.set()
    assert 0 < len(view.run.times) < 100
    assert status(view) == "cancelled" and "cancelled at step" in view._line


def test_a_new_choice_ends_the_old_run_within_a_step(cell):
    started, go = threading.Event(), threading.Event()
    view = cell(**gated(started, go, pause=0.05))  # the whole of it takes 20 s
    go.set()
    assert started.wait(10)
    begun = time.monotonic()
    view.choose("steps", 2)
    assert view.run.steps == 2
    assert time.monotonic() - begun < 5


def test_a_run_that_cannot_begin_leaves_no_record_of_the_one_before(cell):
    def nowhere():
        raise ValueError("a name leads nowhere")
        yield

    view = cell().wait()
    view._live.make = lambda: lambda stop: nowhere()
    view.choose("steps", 3)
    with pytest.raises(ValueError, match="no finished run: a name leads nowhere"):
        _ = view.record


def test_closing_leaves_no_thread_and_no_widget():
    started, go = threading.Event(), threading.Event()
    go.set()
    before = {thread.name for thread in threading.enumerate()}
    widgets = len(ipywidgets.Widget.widgets) if hasattr(ipywidgets.Widget, "widgets") else 0
    view = scrub(**gated(started, go))
    assert started.wait(10)
    view.close()
    until = time.monotonic() + 5
    while {thread.name for thread in threading.enumerate()} - before and time.monotonic() < until:
        time.sleep(0.01)
    assert {thread.name for thread in threading.enumerate()} <= before
    after = len(ipywidgets.Widget.widgets) if hasattr(ipywidgets.Widget, "widgets") else 0
    assert after == widgets


def test_an_idle_cell_has_no_thread(cell):
    before = threading.active_count()
    view = cell().wait()
    until = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.01)
    assert threading.active_count() == before
    assert view.status == "done"


def test_waiting_too_short_says_so(cell):
    started, go = threading.Event(), threading.Event()
    view = cell(**gated(started, go))
    with pytest.raises(TimeoutError, match=r"not finished within 0\.05 s"):
        view.wait(0.05)
    go.set()


# --- what is taken away ---


def test_the_exported_page_is_small_whole_and_asks_for_nothing(cell, tmp_path):
    view = cell("two_moons", n=3000, steps=40, compare=True)
    file = view.export(tmp_path / "run.html")
    page = file.read_text()
    assert file.stat().st_size < 5_000_000
    assert "Two moons" in page and "http://" not in page.replace("http://www.w3.org", "")
    assert "2,000 of 3,000 particles" in page
    assert [path.name for path in tmp_path.iterdir()] == ["run.html"], "written atomically, no litter"


def test_the_page_opens_at_the_cursor_with_the_layers_that_were_chosen(cell, tmp_path):
    view = cell().wait()
    view._stage.cursor = 0.25
    view._stage.layers = '["particles"]'
    page = view.export(tmp_path / "run.html").read_text()
    traits = json.loads(re.search(r'id="traits">(.*?)</script>', page)[1])
    spec = json.loads(traits["spec"])
    assert spec["rest"] == 0.25 and json.loads(traits["layers"]) == ["particles"]
    assert spec["layer_chips"] == list(LABS["scrub"].layers), "the lab's, and no others"


def test_the_browser_is_given_the_page(cell):
    view = cell().wait()
    given = []
    view._foot.observe(lambda change: given.append((change["new"], view._foot.file)), "file_name")
    view._foot.asked = "export 1"
    ((name, data),) = given
    assert name == "1 two_moons_exact_heun_4_steps.html" and data.startswith(b"<!doctype html>")


def test_a_file_that_cannot_be_written_is_said(cell, tmp_path):
    with pytest.raises(ValueError, match=r"cannot write 'run\.html'"):
        cell().export(tmp_path / "nowhere" / "run.html")


def test_its_name_does_not_change_from_run_to_run(cell):
    view = cell("two_moons")
    assert repr(view) == "Scrub(two_moons, exact, heun, 4 steps)"
    bundle = view._repr_mimebundle_()
    assert bundle["text/plain"].startswith(repr(view)) and "run this cell again" in bundle["text/plain"]
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_what_the_browser_gets_is_what_was_computed(cell):
    view = cell().wait()
    view._stage.ready = 1
    blocks = [block for block in unpack(view._stage.frames) if block.kind == 0]
    shown = torch.cat([torch.from_numpy(block.values.copy()) for block in blocks])
    assert torch.equal(shown, view.run.states)
    assert json.loads(view._stage.spec)["height"] == 600


def test_a_script_that_ends_while_a_run_goes_on_ends_cleanly():
    """Red without the runner's farewell at exit: a thread still inside torch aborted the process, status 134."""
    code = "import explorer as ex; ex.scrub('two_moons', n=4000, steps=200); ex.scrub('digits')"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
