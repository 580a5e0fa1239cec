"""The command as a newcomer uses it: help that says what there is, one sentence for what cannot be."""

import subprocess
import sys
from pathlib import Path

import pytest

from explorer import __version__
from explorer.cli import main


def said(capsys, *arguments: str) -> tuple[int, str, str]:
    try:
        code = main(list(arguments))
    except SystemExit as end:
        code = end.code
    out = capsys.readouterr()
    return code, out.out, out.err


@pytest.mark.parametrize("command", ["serve", "train", "export"])
def test_every_command_explains_itself(capsys, command):
    code, out, _ = said(capsys, command, "--help")
    assert code == 0 and "--device" in out and "auto" in out


def test_the_help_names_every_command_with_an_example(capsys):
    code, out, _ = said(capsys, "--help")
    assert code == 0
    for command in ("serve", "train", "export"):
        assert f"sampler-explorer {command}" in out


def test_the_version_is_the_packages(capsys):
    assert said(capsys, "--version")[1].strip().endswith(__version__)


def test_export_writes_one_small_page(capsys, tmp_path):
    file = tmp_path / "run.html"
    code, out, _ = said(
        capsys,
        "export",
        "spirals",
        str(file),
        "--sampler",
        "euler",
        "--steps",
        "8",
        "--n",
        "200",
        "--path",
        "vp",
    )
    assert code == 0 and "run.html" in out
    text = file.read_text()
    assert (
        len(text) < 5_000_000
        and "Two spirals" in text
        and "http://" not in text.replace("http://www.w3.org", "")
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["export", "two_moon", "x.html"], "did you mean 'two_moons'"),
        (["export", "two_moons", "/nowhere/x.html", "--n", "16", "--steps", "2"], "choose a folder"),
        (["export", "two_moons", "x.html", "--steps", "1000"], "from 1 to 200"),
        (["serve", "--device", "cuda"], "needs a CUDA device"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_no_traceback(capsys, arguments, sentence):
    import torch

    if "cuda" in arguments and torch.cuda.is_available():
        return
    code, _, err = said(capsys, *arguments)
    assert code == 2 and sentence in err and "Traceback" not in err and err.count("\n") == 1


def test_no_command_at_all_shows_what_there_is():
    out = subprocess.run([sys.executable, "-m", "explorer.cli"], capture_output=True, text=True)
    assert out.returncode == 2 and "serve" in out.stderr


def test_export_offers_the_controls_of_the_lab_that_is_named(capsys, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(Path(__file__).parent / "app")
    from draws import LAB

    from explorer.labs import LABS

    monkeypatch.setitem(LABS, LAB.name, LAB)
    file = tmp_path / "draws.html"
    code, _, _ = said(capsys, "export", "rings", str(file), "--lab", "draws", "--level", "0.05", "--n", "50")
    assert code == 0 and "Draws" in file.read_text()
    assert said(capsys, "export", "rings", str(file), "--lab", "draws", "--sampler", "heun")[0] == 2
    code, _, err = said(capsys, "export", "rings", str(file), "--lab", "drawz")
    assert code == 2 and "did you mean 'draws'" in err and "Traceback" not in err
