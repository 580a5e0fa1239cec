"""A run made by hand: noise goes to two moons along straight lines, so every place in it is known."""

import numpy as np

from explorer.stage import Feed
from explorer.stage.feed import new_run_id

BOX = (-3.2, -3.0, 3.2, 3.0)


def moons(n: int, rng: np.random.Generator) -> np.ndarray:
    """Give [n, 2] points on two moons, spread to about unit variance."""
    angle = np.pi * rng.random(n)
    upper = rng.random(n) < 0.5
    x = np.where(upper, np.cos(angle) - 0.5, 0.5 - np.cos(angle))
    y = np.where(upper, np.sin(angle) - 0.25, 0.25 - np.sin(angle))
    return 1.5 * np.stack([x, y], 1) + 0.08 * rng.standard_normal((n, 2))


def shares(steps: int) -> np.ndarray:
    """Give the ticks [steps + 1], from noise to data."""
    return np.linspace(1, 0, steps + 1)


def states(n: int = 2000, steps: int = 20, seed: int = 0, bend: float = 0.9) -> tuple[np.ndarray, ...]:
    """Give states, clean predictions [steps + 1, n, 2] and the data [n, 2]."""
    rng = np.random.default_rng(seed)
    data, noise = moons(n, rng), rng.standard_normal((n, 2))
    c = shares(steps)[:, None, None]
    swirl = np.stack([-noise[:, 1], noise[:, 0]], 1)
    x = (1 - c) * data + c * noise + bend * np.sin(np.pi * c) * c * 0.5 * swirl
    return x.astype("f4"), ((1 - c) * data + c * 0.35 * data).astype("f4"), data.astype("f4")


def spec(run: int, steps: int = 20, **changes: object) -> dict:
    """Give the spec of one pane."""
    return {
        "version": 1,
        "title": "Two moons",
        "subtitle": f"straight lines, {steps} steps",
        "box": list(BOX),
        "panes": [
            {"label": "Heun", "note": f"{steps} steps, {2 * steps - 1} evals", "run": run, "role": "state"}
        ],
        "can_launch": True,
        "paths": 60,
        **changes,
    }


def charts(runs: dict[int, str], steps: int = 20) -> dict:
    """Give two charts and three numbers for the runs (id to role)."""
    c = shares(steps)
    falls = 0.35 * c**0.6 + 0.05
    return {
        "charts": [
            {
                "id": "distance",
                "title": "Distance to the target",
                "subtitle": "sliced W2; dashed: two draws of the data",
                "hint": "How far the cloud is from the data, seen along many lines at once.",
                "x": "share",
                "x_label": "noise share",
                "y_label": "sliced W2",
                "y": [0, 1],
                "lines": [
                    {
                        "run": run,
                        "label": role,
                        "role": role,
                        "x": c.tolist(),
                        "y": (falls * (1 + 0.4 * i)).tolist(),
                        "ticks": True,
                    }
                    for i, (run, role) in enumerate(runs.items())
                ],
                "levels": [{"y": 0.05, "label": "two draws", "dashed": True}],
            },
            {
                "id": "schedule",
                "title": "Noise schedule",
                "subtitle": "share of data and of noise in the state",
                "x": "share",
                "y": [0, 1],
                "lines": [
                    {"run": 0, "label": "sigma noise", "role": "launched", "x": [1, 0], "y": [1, 0]},
                    {"run": 0, "label": "alpha data", "role": "state", "x": [1, 0], "y": [0, 1]},
                ],
            },
        ],
        "numbers": {
            "title": "At this time",
            "rows": [
                {
                    "label": "sliced W2 to target",
                    "hint": "Wasserstein distance along random lines.",
                    "values": {str(r): falls.tolist() for r in runs},
                },
                {
                    "label": "evals so far",
                    "values": {str(r): [2 * k for k in range(steps)] + [2 * steps - 1] for r in runs},
                    "of": {str(r): 2 * steps - 1 for r in runs},
                },
                {
                    "label": "signal-to-noise",
                    "values": {str(r): [None, *((1 - c[1:-1]) / c[1:-1]).tolist(), None] for r in runs},
                },
            ],
        },
    }


def add_run(
    feed: Feed,
    run: int,
    n: int = 2000,
    steps: int = 20,
    seed: int = 0,
    bend: float = 0.9,
    target: bool = True,
) -> None:
    """Add one whole run with its ticks and clean predictions, and the target."""
    x, clean, data = states(n, steps, seed, bend)
    feed.add("ticks", run, 0, steps + 1, shares(steps).reshape(-1, 1, 1))
    feed.add("state", run, 0, steps + 1, x)
    feed.add("denoised", run, 0, steps + 1, clean)
    if target:
        feed.add("target", 0, 0, 1, data[None])


def feed(n: int = 2000, steps: int = 20, **changes: object) -> Feed:
    """Give a feed with one finished run."""
    made, run = Feed(), new_run_id()
    made.begin(spec(run, steps, **changes))
    add_run(made, run, n, steps)
    made.charts = charts({run: "state"}, steps)
    made.status = {"kind": "done", "text": ""}
    return made


def lines_feed(
    places: np.ndarray, numbers: np.ndarray | None = None, panes: int = 1, **changes: object
) -> tuple[Feed, list[int]]:
    """Give a feed whose runs are the paths `places` [T, n, 2], each with its `numbers` [T, m]."""
    made, runs = Feed(), [new_run_id() for _ in range(panes)]
    steps = len(places) - 1
    drawn = [{"label": f"run {i}", "run": run, "role": "state"} for i, run in enumerate(runs)]
    made.begin(spec(runs[0], steps, panes=drawn, can_launch=False, **changes))
    for run in runs:
        made.add("ticks", run, 0, steps + 1, shares(steps).reshape(-1, 1, 1))
        made.add("state", run, 0, steps + 1, places.astype("f4"))
        if numbers is not None:
            made.add("colour", run, 0, steps + 1, numbers[..., None].astype("f4"))
    made.status = {"kind": "done", "text": ""}
    return made, runs
