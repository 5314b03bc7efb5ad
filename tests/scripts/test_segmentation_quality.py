"""Processes of scripts/segmentation_quality.py end with the script, however it ends."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = """
import os, sys, time
from pathlib import Path
from segmentation_quality import in_turn

def work(number):
    Path(f"{number}.pid").write_text(str(os.getpid()))
    Path(f"{number}.pid").rename(f"{number}.at_work")
    time.sleep(100)

if __name__ == "__main__":
    in_turn(work, [0, 1], 2)
"""


def is_there(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="looks at processes as Linux shows them")
def test_processes_end_with_a_script_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    here = {**os.environ, "PYTHONPATH": os.pathsep.join(place for place in sys.path if place)}
    parent = subprocess.Popen([sys.executable, "script.py"], cwd=tmp_path, env=here)
    try:
        within(60, lambda: len(list(tmp_path.glob("*.at_work"))) == 2)
    finally:
        parent.kill()
        parent.wait()
    workers = [int(file.read_text()) for file in tmp_path.glob("*.at_work")]
    within(10, lambda: not any(map(is_there, workers)))


def within(seconds: float, holds) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
