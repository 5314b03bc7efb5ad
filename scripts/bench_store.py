"""Time a run folder in an object store against one on a disk: the first run, and starting again here and elsewhere.

    uv run python scripts/bench_store.py --cases 2000 --columns 2000
    uv run python scripts/bench_store.py --cases 2000 --url s3://bucket/bench      a store that is there

Without `--url` moto's server plays S3 on this machine, in a process of its own, whose time is not counted. Features are
drawn at random; everything else is what a study does. Printed are seconds, those of this side's processor, and the
highest resident memory.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench_ledger import play_extraction, write_cohort

from radfuse.pipeline import run_study

STEPS = {
    "a folder": {},
    "a store, first run": {"work": "one"},
    "again, same machine": {"work": "one"},
    "again, a machine that has nothing": {"work": "two"},
    "job 1 of 10, a machine that has nothing": {"work": "three", "shard": "1/10"},
}


def main() -> None:
    """Run the steps and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--columns", type=int, default=2000)
    parser.add_argument("--url", default="", help="of a store; moto's server by default")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        step(arguments.step, arguments.work, arguments.columns, arguments.url)
        return
    server = None if arguments.url else start_server()
    try:
        print("| what | seconds | processor, s | memory, MiB | results made |\n|---|---|---|---|---|")
        with tempfile.TemporaryDirectory() as work:
            write_cohort(Path(work), arguments.cases, 0)
            for name in STEPS:
                url, size = arguments.url or "s3://bench/run", str(arguments.columns)
                own = [sys.executable, __file__, "--step", name, "--work", work, "--columns", size, "--url", url]
                began = time.monotonic()
                done = subprocess.run(own, capture_output=True, text=True, check=False)
                assert done.returncode == 0, done.stderr
                seconds, (processor, memory, made) = time.monotonic() - began, map(float, done.stdout.split()[-3:])
                print(f"| {name} | {seconds:.1f} | {processor:.1f} | {memory / 1024:.0f} | {made:.0f} |", flush=True)
    finally:
        if server is not None:
            server.terminate()


def start_server() -> subprocess.Popen[bytes]:
    """Have moto play S3, with a bucket, where the library of S3 looks for it."""
    import s3fs

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "one",
        "AWS_SECRET_ACCESS_KEY": "two",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for _ in range(200):
        with socket.socket() as line:
            if line.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    s3fs.S3FileSystem().mkdir("bench")
    return server


def step(name: str, folder: Path, columns: int, url: str) -> None:
    """Do one step, and print seconds of the processor, the highest resident memory in KiB, and what was made."""
    import resource

    play_extraction(columns)
    how: dict[str, Any] = dict(STEPS[name])
    if "work" in how:
        how["work"] = folder / how["work"]
    run = run_study(folder / "study.yaml", url if how else folder / "run", until="extract", **how)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(used.ru_utime + used.ru_stime, used.ru_maxrss, run.computed)


if __name__ == "__main__":
    main()
