"""Writing a file so that a kill at any moment leaves the old one or the new one, whole."""

import os
import tempfile
import time
from pathlib import Path

PREFIX = ".explorer-"
"""Temporary files carry it, so that the next start can sweep what a kill left behind."""


def write_atomically(file: Path, data: bytes) -> Path:
    """Write beside ``file``, force to disk, then take its place; what an earlier kill left there is swept first.

    Raises:
        ValueError: when the folder is missing or cannot be written; the old file is untouched.
    """
    sweep(file.parent)
    try:
        handle, name = tempfile.mkstemp(prefix=PREFIX, suffix=".tmp", dir=file.parent)
    except OSError as fault:
        raise ValueError(
            f"cannot write {file.name!r}: {fault.strerror}; choose a folder that can be written"
        ) from None
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        os.chmod(name, 0o644 & ~_umask())
        os.replace(name, file)
    except OSError as fault:
        Path(name).unlink(missing_ok=True)
        raise ValueError(f"cannot write {file.name!r}: {fault.strerror}; the old file was kept") from None
    _sync_folder(file.parent)
    return file


def sweep(folder: Path, older_than: float = 3600.0) -> int:
    """Remove temporary files that a kill left in ``folder``, older than that many seconds; how many there were."""
    gone = 0
    for stray in folder.glob(f"{PREFIX}*.tmp"):
        try:
            if time.time() - stray.stat().st_mtime >= older_than:
                stray.unlink()
                gone += 1
        except FileNotFoundError:  # another process swept it first
            continue
    return gone


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    """The rename itself must reach the disk; folders cannot be opened on Windows."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
