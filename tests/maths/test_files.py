"""A file that is written is the old one or the new one, whatever happens in between."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest
import torch

from explorer.maths.files import PREFIX, sweep, write_atomically
from explorer.maths.trajectory import Trajectory
from tests.maths.test_trajectory import small_run

WRITER = """
import sys
from pathlib import Path
from explorer.maths.files import write_atomically
target, *sources = map(Path, sys.argv[1:])
contents = [source.read_bytes() for source in sources]
print("ready", flush=True)
while True:
    for content in contents:
        write_atomically(target, content)
"""


def test_a_kill_at_any_moment_leaves_the_old_file_or_the_new_one(tmp_path):
    runs = [small_run(seed, n=20_000) for seed in (1, 2)]
    sources = [run.save(tmp_path / f"{k}.safetensors") for k, run in enumerate(runs)]
    target, dice = runs[0].save(tmp_path / "run.safetensors"), random.Random(0)
    for _ in range(20):
        command = [sys.executable, "-c", WRITER, str(target), *map(str, sources)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
            assert writer.stdout.readline() == b"ready\n"
            time.sleep(dice.uniform(0.0, 0.03))
            writer.send_signal(signal.SIGKILL)
        assert any(torch.equal(Trajectory.load(target).states, run.states) for run in runs)
    sweep(tmp_path, older_than=0.0)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0.safetensors", "1.safetensors", "run.safetensors"]


def test_sweep_takes_only_our_own_litter_and_only_what_is_old(tmp_path):
    fresh, old, other = (tmp_path / name for name in (f"{PREFIX}a.tmp", f"{PREFIX}b.tmp", "mine.tmp"))
    for file in (fresh, old, other):
        file.write_bytes(b"x")
    os.utime(old, (time.time() - 7200, time.time() - 7200))
    assert sweep(tmp_path) == 1
    assert fresh.exists()
    assert other.exists()
    assert not old.exists()
    assert sweep(tmp_path / "nowhere") == 0


def test_a_folder_that_is_not_there_is_named_in_one_sentence(tmp_path):
    with pytest.raises(
        ValueError, match=r"cannot write 'run.bin': No such file or directory; choose a folder"
    ):
        write_atomically(tmp_path / "nowhere" / "run.bin", b"x")


def test_a_failure_keeps_the_old_file_and_leaves_no_litter(tmp_path, monkeypatch):
    file = write_atomically(tmp_path / "run.bin", b"old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ValueError, match="No space left on device; the old file was kept"):
        write_atomically(file, b"new")
    assert file.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["run.bin"]


@pytest.mark.skipif(os.name == "nt", reason="permissions are of another kind there")
def test_a_written_file_can_be_read_by_those_whom_the_umask_allows(tmp_path):
    assert write_atomically(tmp_path / "run.bin", b"x").stat().st_mode & 0o777 == 0o644 & ~_umask()


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask
