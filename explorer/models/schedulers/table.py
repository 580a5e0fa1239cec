"""The registry as the table in docs/schedulers.md."""

from explorer.models.schedulers.registry import LEFT_OUT, SCHEDULERS


def markdown() -> str:
    """Two tables: the schedulers with their traits, and the ones left out with the reasons."""
    lines = ["| key | class | family | order | evals | departs |", "|---|---|---|---|---|---|"]
    for key, entry in SCHEDULERS.items():
        evals = f"{entry.evals_per_step} a step" + (", random" if entry.is_random else "")
        cells = [f"`{key}`", f"`{entry.class_name}`", entry.family, str(entry.order), evals, entry.departs]
        lines.append(f"| {' | '.join(cells)} |".replace("|  |", "| |"))
    lines += ["", "| left out | reason |", "|---|---|"]
    return "\n".join([*lines, *(f"| `{name}` | {reason} |" for name, reason in LEFT_OUT.items())]) + "\n"
