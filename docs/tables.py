"""Write the tables of README.md from the registries: ``python docs/tables.py``."""

import re
from pathlib import Path

import explorer as ex
from explorer.maths.students import KINDS, STUDENTS

README = Path(__file__).parent.parent / "README.md"
OPEN = "<!-- tables: written by `python docs/tables.py` from the registries; a test holds them equal -->"
CLOSE = "<!-- /tables -->"


def tables() -> str:
    """Samplers, paths, targets and ways to make students as Markdown."""
    return "\n\n".join((_samplers(), _paths(), _targets(), _students()))


def _samplers() -> str:
    rows = ["| sampler | key | order | evals a step | random | source |", "|---|---|---|---|---|---|"]
    for name, sampler in ex.SAMPLERS.items():
        if not name.startswith("diffusers/"):
            evals = sampler.evals_per_step or "adaptive"
            random = "yes" if sampler.is_random else ""
            rows.append(
                f"| {sampler.label} | `{name}` | {sampler.order} | {evals} | {random} | {sampler.source} |"
            )
    return "\n".join(rows)


def _paths() -> str:
    rows = ["| path | key | weights | source |", "|---|---|---|---|"]
    rows += [f"| {p.label} | `{name}` | {p.formula} | {p.source} |" for name, p in ex.PATHS.items()]
    return "\n".join(rows)


def _targets() -> str:
    rows = ["| target | key | classes | source |", "|---|---|---|---|"]
    rows += [
        f"| {t.label} | `{name}` | {len(t.labels) or ''} | {t.source} |" for name, t in ex.TARGETS.items()
    ]
    return "\n".join(rows)


def _students() -> str:
    rows = ["| student | key | kind of map | evals | source |", "|---|---|---|---|---|"]
    for name, method in STUDENTS.items():
        kind = KINDS[method.kind]
        evals = {"point": "1", "stochastic": f"{method().main} a step"}.get(method.kind, "1 a step")
        rows.append(f"| {method.label} | `{name}` | {kind.label} | {evals} | {method.source} |")
    return "\n".join(rows)


def written(text: str) -> str:
    """``text`` with the tables between their marks."""
    pattern = re.compile(re.escape(OPEN) + ".*?" + re.escape(CLOSE), re.DOTALL)
    return pattern.sub(lambda _: f"{OPEN}\n\n{tables()}\n\n{CLOSE}", text)


if __name__ == "__main__":
    README.write_text(written(README.read_text()))
