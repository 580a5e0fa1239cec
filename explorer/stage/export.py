"""One HTML file that still scrubs with no Python behind it and asks for nothing from anywhere.

It holds at most 2,000 particles as uint16 and stays under 5 MB; what it leaves out, it says.
"""

import base64
import html
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from explorer.stage.blocks import IMAGE_KINDS, KINDS, VALUE_KINDS, Box, pack, unpack
from explorer.stage.feed import Feed
from explorer.stage.script import script

PARTICLES = 2000
LIMIT = 5_000_000  # bytes of the whole file
_STATE, _DENOISED, _VELOCITY = KINDS["state"], KINDS["denoised"], KINDS["velocity"]
_TARGET, _TICKS, _COLOUR, _HEAT = KINDS["target"], KINDS["ticks"], KINDS["colour"], KINDS["heat"]
_THINNED = (_STATE, _DENOISED, _TARGET, _COLOUR)


@dataclass(frozen=True)
class _Parts:
    """What goes into the page: layers by (run, kind), each [total, n, dims], and what was left out."""

    layers: dict[tuple[int, int], np.ndarray]
    maps: dict[int, np.ndarray]  # by run, [total]: the frames at which its map is known
    spec: dict[str, Any]
    charts: dict[str, Any]
    particles: int  # of the largest cloud, before any was left out
    frames: int  # of the longest run, before any was left out
    left_out: tuple[str, ...] = ()


def to_html(
    feed: Feed,
    *,
    cursor: float | None = None,
    theme: str = "auto",
    title: str | None = None,
    layers: Sequence[str] | None = None,
    chips: Sequence[str] | None = None,
) -> str:
    """Give the page as text. `cursor` is the noise share it opens at, `theme` auto, light or dark.

    `layers` show at first; those of `chips` (None: all) can be switched, where the picture has them.

    Raises ValueError when there is nothing to show, or when even the least of it passes 5 MB.
    """
    _check(cursor, theme)
    parts = _fewer_particles(_collected(feed), PARTICLES)
    texts = {"status": feed.status, "theme": theme, "layers": layers, "cursor": cursor, "chips": chips}
    for lighten in (None, *_LIGHTER):
        parts = parts if lighten is None else lighten(parts)
        page = _page(parts, texts, title)
        if len(page.encode()) <= LIMIT:
            return page
    raise ValueError(
        f"an exported page must stay under {LIMIT / 1e6:.0f} MB, this one has {len(page) / 1e6:.1f} MB at "
        "its least; show fewer steps or smaller pictures and export again."
    )


def _check(cursor: float | None, theme: str) -> None:
    if cursor is not None and not 0.0 <= cursor <= 1.0:
        raise ValueError(f"`cursor` must be a noise share in [0, 1], got {cursor}.")
    if theme not in ("auto", "light", "dark"):
        raise ValueError(f"`theme` must be auto, light or dark, got {theme!r}.")


def _collected(feed: Feed) -> _Parts:
    """Lay the blocks of each layer into one array; frames that never came are cut off."""
    layers: dict[tuple[int, int], np.ndarray] = {}
    reached: dict[tuple[int, int], int] = {}
    maps: dict[int, np.ndarray] = {}
    for block in (block for data in feed.blocks() for block in unpack(data)):
        key = (block.run, block.kind)
        if key not in layers:
            shape = (block.total, *block.values.shape[1:])
            layers[key] = np.full(shape, np.nan if block.kind in VALUE_KINDS else 0, block.values.dtype)
        end = block.first + len(block.values)
        layers[key][block.first : end] = block.values
        reached[key] = max(reached.get(key, 0), end)
        if block.kind == _HEAT:
            maps.setdefault(block.run, np.zeros(block.total, bool))[block.first : end] = True
    if not any(kind == _STATE or kind in IMAGE_KINDS for _, kind in layers):
        raise ValueError(
            "an export needs at least one frame, none has come yet; wait for the run and try again."
        )
    for run in {run for run, kind in layers if kind != _TARGET}:
        counts = [
            reached[key] for key in layers if key[0] == run and key[1] in (_STATE, _TICKS, *IMAGE_KINDS)
        ]
        for key in [key for key in layers if key[0] == run and key[1] != _TARGET]:
            layers[key] = layers[key][: min(counts, default=reached[key])]
    clouds = [layer.shape[1] for (_, kind), layer in layers.items() if kind in (_STATE, _DENOISED)]
    frames = max(len(layer) for (_, kind), layer in layers.items() if kind != _TARGET)
    return _Parts(layers, maps, feed.spec, feed.charts, max(clouds, default=0), frames)


def _fewer_particles(parts: _Parts, most: int) -> _Parts:
    """Keep the first `most` particles of each cloud: the same ones in every run, so pairs stay pairs."""
    layers = {key: layer[:, :most] if key[1] in _THINNED else layer for key, layer in parts.layers.items()}
    if parts.particles <= most:
        return replace(parts, layers=layers)
    earlier = tuple(words for words in parts.left_out if "particles" not in words)
    return replace(parts, layers=layers, left_out=(*earlier, f"{most:,} of {parts.particles:,} particles"))


def _without(kind: int, words: str) -> Callable[[_Parts], _Parts]:
    def lighten(parts: _Parts) -> _Parts:
        layers = {key: layer for key, layer in parts.layers.items() if key[1] != kind}
        if len(layers) == len(parts.layers):
            return parts
        return replace(parts, layers=layers, left_out=(*parts.left_out, words))

    return lighten


def _half_the_frames(parts: _Parts) -> _Parts:
    """Keep every second frame, the first and the last among them, and the numbers that go with them."""
    totals = {run: len(layer) for (run, kind), layer in parts.layers.items() if kind != _TARGET}
    if max(totals.values(), default=0) <= 3:
        return parts
    kept = {run: sorted({*range(0, total, 2), total - 1}) for run, total in totals.items()}
    layers = {
        (run, kind): layer if kind == _TARGET else layer[kept[run]]
        for (run, kind), layer in _with_ticks(parts.layers).items()
    }
    maps = {}
    for run in (run for run, kind in parts.layers if kind == _HEAT):
        layers[run, _HEAT], maps[run] = _thinned_map(parts.layers[run, _HEAT], parts.maps[run], kept[run])
    earlier = tuple(words for words in parts.left_out if "frames" not in words)
    return replace(
        parts,
        layers=layers,
        maps=maps,
        charts=_thinned_numbers(parts.charts, kept),
        left_out=(*earlier, f"{max(len(frames) for frames in kept.values())} of {parts.frames} frames"),
    )


def _thinned_map(layer: np.ndarray, known: np.ndarray, kept: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Keep of a map what shows at each kept frame: the newest known since the kept frame before it."""
    newest = [
        max((k for k in range(before + 1, at + 1) if known[k]), default=-1)
        for before, at in zip([-1, *kept[:-1]], kept, strict=True)
    ]
    return layer[newest], np.array(newest) >= 0


def _with_ticks(layers: Mapping[tuple[int, int], np.ndarray]) -> dict[tuple[int, int], np.ndarray]:
    """Add even ticks where a run had none, for after thinning they are no longer even."""
    full = dict(layers)
    for (run, kind), layer in layers.items():
        if kind != _TARGET:
            full.setdefault((run, _TICKS), np.linspace(1, 0, len(layer), dtype="f4").reshape(-1, 1, 1))
    return full


def _thinned_numbers(charts: dict[str, Any], kept: Mapping[int, list[int]]) -> dict[str, Any]:
    numbers = charts.get("numbers")
    if isinstance(numbers, list):
        return {**charts, "numbers": [_thinned_table(table, kept) for table in numbers]}
    return {**charts, "numbers": _thinned_table(numbers, kept)} if numbers else charts


def _thinned_table(table: dict[str, Any], kept: Mapping[int, list[int]]) -> dict[str, Any]:
    thinned = []
    for row in table.get("rows", []):
        values = {
            run: [series[k] for k in kept[int(run)] if k < len(series)]
            if isinstance(series, list) and int(run) in kept
            else series
            for run, series in row.get("values", {}).items()
        }
        thinned.append({**row, "values": values})
    return {**table, "rows": thinned}


_LIGHTER: tuple[Callable[[_Parts], _Parts], ...] = (
    _without(_VELOCITY, "no field arrows"),
    _without(_DENOISED, "no clean prediction"),
    _half_the_frames,
    lambda parts: _fewer_particles(parts, 1000),
    _without(_HEAT, "no map"),
    _half_the_frames,
    _without(KINDS["images_denoised"], "no clean prediction"),
    _half_the_frames,
)


def _edges(values: np.ndarray, box: Box) -> Box:
    """Give the box to quantise on: all the points, but never more than four boxes around the view."""
    lo_x, lo_y, hi_x, hi_y = box
    reach = 4 * max(hi_x - lo_x, hi_y - lo_y)
    lows, highs = [], []
    for axis, (lo, hi) in enumerate(((lo_x, hi_x), (lo_y, hi_y))):
        points = values[..., axis::2]
        points = points[np.isfinite(points)]
        low, high = (points.min(), points.max()) if points.size else (lo, hi)
        lows.append(max(lo - reach, min(lo, float(low))))
        highs.append(min(hi + reach, max(hi, float(high))))
    return lows[0], lows[1], highs[0], highs[1]


def _packed(parts: _Parts) -> bytes:
    box = tuple(parts.spec.get("box") or (-1.0, -1.0, 1.0, 1.0))
    blocks = []
    for (run, kind), layer in parts.layers.items():
        exact = kind in (_TICKS, _VELOCITY, *VALUE_KINDS, *IMAGE_KINDS)
        edges = None if exact else _edges(layer, box)
        for first, part in _known_frames(layer, parts.maps[run]) if kind == _HEAT else [(0, layer)]:
            blocks.append(pack(kind, run, first, len(layer), part, box=edges, quantise=not exact))
    return b"".join(blocks)


def _known_frames(layer: np.ndarray, known: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the known frames of a layer one by one, each with its place: what lies between stays unknown."""
    for frame in np.flatnonzero(known[: len(layer)]):
        yield int(frame), layer[frame : frame + 1]


def _page(parts: _Parts, texts: Mapping[str, Any], title: str | None) -> str:
    spec = {**parts.spec, "can_launch": False, "can_draw": False}
    spec["layer_chips"] = True if texts["chips"] is None else list(texts["chips"])
    spec.pop("height", None)
    if texts["cursor"] is not None:
        spec["rest"] = texts["cursor"]
    traits = {
        "spec": json.dumps(spec),
        "charts": json.dumps(parts.charts),
        "status": json.dumps(texts["status"]),
        "theme": texts["theme"],
        "group": "",
    }
    if texts["layers"] is not None:
        traits["layers"] = json.dumps(list(texts["layers"]))
    named = title or " · ".join(filter(None, (spec.get("title"), spec.get("subtitle")))) or "A sampling run"
    note = f"This page holds {', '.join(parts.left_out)}." if parts.left_out else ""
    return _TEMPLATE.format(
        title=html.escape(named),
        note=html.escape(note),
        scheme={"auto": "light dark"}.get(texts["theme"], texts["theme"]),
        traits=json.dumps(traits).replace("<", "\\u003c"),
        frames=base64.b64encode(_packed(parts)).decode(),
        script=_inline(script()),
    )


def _inline(source: str) -> str:
    """Turn the module into one that can stand inside a page."""
    return source.replace("export default { render };", "").replace("</script", "<\\/script")


_TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; \
style-src 'unsafe-inline'; img-src data: blob:">
<meta name="color-scheme" content="{scheme}">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
:root {{ --page: light-dark(#ffffff, #1e1e1c); --words: light-dark(#62625e, #a3a29c); }}
html, body {{ height: 100%; margin: 0; background: var(--page); }}
body {{ display: flex; flex-direction: column; font: 12px/1.4 system-ui, sans-serif; color: var(--words); }}
#stage {{ flex: 1 1 auto; min-height: 0; overflow: auto; }}
#note {{ margin: 0; padding: 5px 14px; }}
#note:empty {{ display: none; }}
</style>
</head>
<body>
<main id="stage"></main>
<p id="note">{note}</p>
<script type="application/json" id="traits">{traits}</script>
<script type="application/octet-stream" id="frames">{frames}</script>
<script type="module">
{script}
const traits = JSON.parse(document.getElementById("traits").textContent);
const letters = atob(document.getElementById("frames").textContent);
const bytes = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
traits.frames = new DataView(bytes.buffer);
const model = {{ get: (name) => traits[name], set() {{}}, save_changes() {{}}, on() {{}}, off() {{}} }};
render({{ model, el: document.getElementById("stage") }});
</script>
</body>
</html>
"""
