"""The house holds: public names, cheap import, one list of dependencies, no way to a pickle or a CDN."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import explorer as ex

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "explorer").rglob("*.py"))


def test_exactly_the_listed_names_are_public_and_all_of_them_load():
    expected = {
        "LABS", "NetworkField", "PATHS", "RadiusControl", "SAMPLERS", "STUDENTS", "TARGETS", "Trajectory",
        "any_step", "classifier", "compare", "curvature", "decay_now", "descend", "distill", "drawn",
        "figure", "lab", "landscape", "load", "log_likelihood", "mixture", "problem", "radius", "record", "river",
        "scrub", "sliced_w2", "spectrum", "step_radius", "student", "switch_curve", "switched", "target",
        "tracks", "trajectory", "w2", "walk", "weak_fit",
    }  # fmt: skip
    assert set(ex.__all__) == expected
    assert all(getattr(ex, name) is not None for name in expected)


def test_an_unknown_name_says_what_there_is():
    with pytest.raises(AttributeError, match="it has LABS"):
        _ = ex.nothing


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, explorer; print([m for m in ('torch', 'panel', 'plotly', 'diffusers') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_help_needs_no_torch():
    code = (
        "import sys; from explorer.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: print('torch' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip().endswith("False")


def test_the_conda_environment_installs_the_project_itself():
    text = (ROOT / "environment.yml").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = re.findall(r"^\s*- (.+)$", text, re.MULTILINE)
    python = f"python{project['requires-python']}"
    # Dependencies come from pyproject through pip, so that there is one list; conda gives the interpreter.
    assert listed == ["conda-forge", python, "pip", "pip:", "-e .[dev]"]


def test_the_version_is_written_once_in_two_places():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == ex.__version__


FORBIDDEN = {
    r"import pickle|pickle\.loads?|torch\.load\(": "no pickle",
    r"weights_only\s*=\s*False": "no unsafe load",
    r"(?<![\w.])eval\(": "no eval of text",
    r"shell\s*=\s*True": "no shell",
    r"trust_remote_code": "no remote code",
    r"0\.0\.0\.0": "no address but the one that was asked for",
    r"https?://(cdn|unpkg|esm\.sh|fonts\.g)": "no CDN",
    r"func\.jvp\(|func import .*jvp|jacfwd": "forward derivatives go through explorer.maths.forward, thread by thread",
}
REASONS = {
    ("explorer/app/server.py", r"0\.0\.0\.0"): "what `--host` may name; the default is 127.0.0.1",
    ("explorer/maths/forward.py", r"func\.jvp\(|func import .*jvp|jacfwd"): "the one place",
}
"""(file, pattern) -> why it may stand there."""


@pytest.mark.parametrize("pattern", FORBIDDEN)
def test_what_must_not_stand_in_the_package_does_not(pattern):
    files = [*SOURCES, *sorted((ROOT / "explorer").rglob("*.js"))]
    found = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file in files
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if re.search(pattern, line) and (str(file.relative_to(ROOT)), pattern) not in REASONS
    ]
    assert not found, f"{FORBIDDEN[pattern]}: {found}"


def test_rooms_are_small():
    long = {str(f.relative_to(ROOT)): n for f in SOURCES if (n := len(f.read_text().splitlines())) > 300}
    assert not long


def test_notebooks_carry_only_the_outputs_that_are_checked():
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        content = json.loads(notebook.read_text())
        cells = content["cells"]
        assert len(cells) <= 10, notebook.name
        assert "widgets" not in content["metadata"], notebook.name
        for cell in cells:
            if cell["cell_type"] == "code" and "# NBVAL_CHECK_OUTPUT" not in "".join(cell["source"]):
                assert cell["outputs"] == [] and cell["execution_count"] is None, notebook.name


def test_every_file_of_the_package_goes_into_the_wheel():
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["*"]
    listed = subprocess.run(
        ["git", "ls-files", "explorer"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    others = [Path(name) for name in listed.stdout.split() if not name.endswith(".py")]
    assert others
    left_out = [str(file) for file in others if not any(file.match(pattern) for pattern in patterns)]
    assert not left_out
