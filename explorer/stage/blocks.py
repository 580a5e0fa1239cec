"""Arrays as the bytes that the browser reads: a 48-byte head, then the payload, padded to 8.

Everything is little-endian. The layout is written in docs/stage.md.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

MAGIC = b"EXS1"
HEAD = struct.Struct("<4s5I2HI4f")
MISSING = 65535  # uint16 cannot hold NaN
TOP = 65534

KINDS = {
    "state": 0,
    "denoised": 1,
    "velocity": 2,
    "target": 3,
    "colour": 4,
    "images": 5,
    "images_denoised": 6,
    "heat": 7,
    "ticks": 9,
}
IMAGE_KINDS = (KINDS["images"], KINDS["images_denoised"])
POINT_KINDS = (KINDS["state"], KINDS["denoised"], KINDS["velocity"], KINDS["target"])
VALUE_KINDS = (
    KINDS["colour"],
    KINDS["heat"],
)  # one number each: never quantised, for they have their own range
DTYPES: dict[int, np.dtype] = {1: np.dtype("u1"), 2: np.dtype("<u2"), 4: np.dtype("<f4")}

Box = tuple[float, float, float, float]  # lo_x, lo_y, hi_x, hi_y


@dataclass(frozen=True)
class Block:
    """One block read back. `values` [count, n, dims]: float32, or uint8 for images; missing is NaN."""

    run: int
    first: int
    total: int
    kind: int
    dtype: int
    box: Box
    values: np.ndarray


def kind_number(kind: int | str) -> int:
    """Give the number of a kind that is named or numbered."""
    number = KINDS.get(kind) if isinstance(kind, str) else kind
    if number is None or number not in KINDS.values():
        raise ValueError(
            f"`kind` must be one of {', '.join(KINDS)} (or its number), got {kind!r}; "
            "see the table of blocks in docs/stage.md."
        )
    return int(number)


def pack(
    kind: int | str,
    run: int,
    first: int,
    total: int,
    array: np.ndarray,
    *,
    box: Sequence[float] | None = None,
    quantise: bool = False,
) -> bytes:
    """Give one block: `array` [count, n, dims] are frames `first .. first + count` of `total`.

    With `quantise`, points become uint16 steps of `box` (values beyond it are moved to its edge) and
    NaN becomes 65535. Images are uint8. Raises ValueError with a sentence for anything else.
    """
    number = kind_number(kind)
    values = _checked_values(number, np.asarray(array))
    _check_place(run, first, total, values.shape[0])
    if quantise and number in POINT_KINDS:
        payload, dtype, edges = _quantised(values, _checked_box(box)), 2, _checked_box(box)
    elif number in IMAGE_KINDS:
        payload, dtype, edges = values, 1, (0.0, 0.0, 1.0, 1.0)
    else:
        payload, dtype = values.astype("<f4"), 4
        edges = (0.0, 0.0, 1.0, 1.0) if box is None else _checked_box(box)
    count, n, dims = values.shape
    head = HEAD.pack(MAGIC, run, first, count, total, n, dims, number, dtype, *edges)
    body = np.ascontiguousarray(payload).tobytes()
    return head + body + bytes(-len(body) % 8)


def unpack(data: bytes) -> Iterator[Block]:
    """Yield every block of `data`; raise ValueError where the bytes are not blocks."""
    at = 0
    while at < len(data):
        if len(data) - at < HEAD.size:
            raise ValueError(
                f"a block needs {HEAD.size} bytes of head, {len(data) - at} are left: cut short."
            )
        magic, run, first, count, total, n, dims, kind, dtype, *box = HEAD.unpack_from(data, at)
        if magic != MAGIC or dtype not in DTYPES:
            raise ValueError(f"a block must begin with {MAGIC!r} and a known dtype, got {magic!r}, {dtype}.")
        size = count * n * dims * DTYPES[dtype].itemsize
        if len(data) - at - HEAD.size < size:
            raise ValueError(f"a block promises {size} bytes, {len(data) - at - HEAD.size} are left.")
        raw = np.frombuffer(data, DTYPES[dtype], count * n * dims, at + HEAD.size)
        yield Block(run, first, total, kind, dtype, tuple(box), _restored(raw.reshape(count, n, dims), box))
        at += HEAD.size + size + (-size % 8)


def _checked_values(kind: int, values: np.ndarray) -> np.ndarray:
    if values.ndim != 3 or 0 in values.shape:
        raise ValueError(f"`array` must be [count, n, dims] with no empty axis, got {values.shape}.")
    if values.shape[2] > 65535:
        raise ValueError(
            f"`array` must have at most 65535 dims, got {values.shape[2]}; make the images smaller."
        )
    if kind in IMAGE_KINDS:
        if values.dtype != np.uint8:
            raise ValueError(
                f"images must be uint8 in 0..255, got {values.dtype}; scale and convert them first."
            )
        return values
    if not np.issubdtype(values.dtype, np.number) or np.issubdtype(values.dtype, np.complexfloating):
        raise ValueError(f"`array` must hold real numbers, got {values.dtype}.")
    if kind == KINDS["ticks"] and values.shape[1:] != (1, 1):
        raise ValueError(f"ticks must be [count, 1, 1], got {values.shape}.")
    if kind in VALUE_KINDS and values.shape[2] != 1:
        name = {number: name for name, number in KINDS.items()}[kind]
        raise ValueError(
            f"{name} must be one number each, [count, n, 1], got {values.shape}; add a last axis."
        )
    if kind in POINT_KINDS and values.shape[2] < 2:
        raise ValueError(f"points must have 2 or more dims, got {values.shape[2]}; add a second coordinate.")
    return values


def _check_place(run: int, first: int, total: int, count: int) -> None:
    if not 0 <= run < 2**32:
        raise ValueError(f"`run` must be 0 (every pane) or a positive id below 2**32, got {run}.")
    if first < 0 or first + count > total:
        raise ValueError(
            f"frames {first} .. {first + count} must lie in 0 .. {total}; check `first` and `total`."
        )


def _checked_box(box: Sequence[float] | None) -> Box:
    if box is None or len(box) != 4:
        raise ValueError(f"`box` must be (lo_x, lo_y, hi_x, hi_y), got {box!r}.")
    lo_x, lo_y, hi_x, hi_y = (float(edge) for edge in box)
    edges = (lo_x, lo_y, hi_x, hi_y)
    if not all(np.isfinite(edges)) or lo_x >= hi_x or lo_y >= hi_y:
        raise ValueError(f"`box` must be finite with lo below hi, got {edges}.")
    return edges


def _edges(box: Sequence[float], dims: int) -> tuple[np.ndarray, np.ndarray]:
    """Give lo and hi per coordinate: even ones use x, odd ones y."""
    axis = np.arange(dims) % 2
    return np.asarray(box[:2], "f8")[axis], np.asarray(box[2:], "f8")[axis]


def _quantised(values: np.ndarray, box: Box) -> np.ndarray:
    lo, hi = _edges(box, values.shape[2])
    known = np.isfinite(values)
    share = (np.where(known, values, lo) - lo) / (hi - lo)
    steps = np.rint(np.clip(share, 0.0, 1.0) * TOP)
    return np.where(known, steps, MISSING).astype("<u2")


def _restored(raw: np.ndarray, box: Sequence[float]) -> np.ndarray:
    if raw.dtype != DTYPES[2]:
        return raw
    lo, hi = _edges(box, raw.shape[2])
    values = lo + raw / TOP * (hi - lo)
    return np.where(raw == MISSING, np.nan, values).astype("f4")
