"""A training at a terminal that somebody stops with Ctrl-C."""

import signal
import subprocess
import sys
import time


def stopped_by_ctrl_c(name, file, steps):
    """Train towards ``file`` in a process of its own, and stop it once it has a state to go on from."""
    command = [sys.executable, "-m", "explorer.cli", "train", name, "--steps", str(steps), "--batch", "16"]
    command += ["--device", "cpu", "--out", str(file.parent)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    state = file.with_suffix(".training")
    deadline = time.monotonic() + 120
    while not state.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 130 and "the same command goes on from there" in out, errors
    assert "Traceback" not in errors and state.exists()
    return state
