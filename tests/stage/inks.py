"""Colours read back from a stage's pixels, and what they should be. The witness of viridis is Plotly."""

import base64

import moons
import numpy as np
import pytest
from plotly.colors import sample_colorscale, unlabel_rgb

GROUNDS = {"light": (0xF6, 0xF6, 0xF4), "dark": (0x16, 0x16, 0x15)}
STEPS = 20
SPANS = {
    "light": (0.0, 0.8),
    "dark": (0.2, 1.0),
}  # of viridis, as docs/stage.md says: without the end like the ground


def viridis(part, theme):
    low, high = SPANS[theme]
    (text,) = sample_colorscale("Viridis", [low + (high - low) * part])
    return np.array(unlabel_rgb(text))


def faded(colour, weight, theme):
    ground = np.array(GROUNDS[theme])
    return ground + weight * (np.asarray(colour) - ground)


def weight(found, colour, theme="light"):
    """How much of `colour` lies over the ground in a pixel that a stroke covers in part; nothing else may be in it."""
    ground = np.array(GROUNDS[theme])
    way = np.asarray(colour) - ground
    part = float((found - ground) @ way / (way @ way))
    assert found == pytest.approx(ground + part * way, abs=12)
    return part


def canvas(page, name="a"):
    """All pixels of the first pane [height, width, 3]."""
    text, width, height = page.evaluate(
        """(id) => {
          const c = document.querySelector(`#${id} .exs-canvas`);
          const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height);
          let text = "";
          for (let i = 0; i < data.length; i += 8192) text += String.fromCharCode(...data.subarray(i, i + 8192));
          return [btoa(text), c.width, c.height];
        }""",
        name,
    )
    return np.frombuffer(base64.b64decode(text), "u1").reshape(height, width, 4)[..., :3].astype(int)


def place(shape):
    """What takes a point of the plane to a place in the canvas: scale, shift of x, shift of y."""
    height, width = shape[:2]
    lo_x, lo_y, hi_x, hi_y = moons.BOX
    scale = min((width - 28) / (hi_x - lo_x), (height - 60) / (hi_y - lo_y))
    return scale, width / 2, 40 + (height - 60) / 2


def crossing(picture, x, y=0.0):
    """The pixel that stands out most where a level path crosses the column at `x`."""
    scale, shift_x, shift_y = place(picture.shape)
    column, row = int(x * scale + shift_x), int(shift_y - y * scale)
    stretch = picture[row - 4 : row + 5, column]
    return stretch[np.abs(stretch - stretch[0]).sum(1).argmax()]


def level_paths(*heights):
    """Paths from (-2, y) to (2, y) in STEPS even steps."""
    x = np.linspace(-2, 2, STEPS + 1)
    return np.stack([np.stack([x, np.full_like(x, y)], 1) for y in heights], 1)
