"""The README tells the truth: its tables are the registries, its links lead somewhere, its code runs."""

import re
import runpy
from pathlib import Path

import torch

import explorer as ex

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_tables_are_the_registries():
    tables = runpy.run_path(str(ROOT / "docs" / "tables.py"))
    assert tables["written"](README) == README, "run `python docs/tables.py`"


def test_every_link_and_picture_is_there():
    for document in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"), ROOT / "CONTRIBUTING.md"):
        for link in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
            if not link.startswith("http"):
                assert (document.parent / link).exists(), f"{document.name}: {link}"


def test_the_notebook_lines_run_as_they_stand(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = "\n".join(block.split("```")[0] for block in README.split("```python\n")[1:])

    class Module(torch.nn.Module):
        def forward(self, x, t):
            return x * t[:, None]

    views, lab = [], ex.lab
    monkeypatch.setattr(ex, "lab", lambda *given, **more: views.append(lab(*given, **more)) or views[-1])
    scope = {"module": Module()}
    exec(code, scope)
    for (
        view
    ) in views:  # a loss that is asked in another thread borrows torch's own randomness, and gives it back
        view.close()
        view.wait(120)
    assert len(views) == 4
    assert 0 < (tmp_path / "run.html").stat().st_size < 5_000_000
    assert scope["run"].ended.kind == "done"
    scope["view"].close()


def test_the_two_commands_come_first():
    first = README.index("make app"), README.index("make test")
    assert max(first) < README.index("pip install .")
    assert ex.__version__
