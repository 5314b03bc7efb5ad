"""Meets every bad input of tests/badinput, each in a process of its own, and tells what came of it.

python scripts/bad_inputs.py                      all of them, by two processes that start anew after a crash
python scripts/bad_inputs.py --only DICOM         groups or names that hold a text
python scripts/bad_inputs.py --from-scratch       each as a user would start it: 2 s an input
"""

from __future__ import annotations

import argparse
import os
import pickle
import resource
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "badinput"), str(ROOT / "tests" / "support")]

from badinput import SECONDS, VERDICTS, BadInput, Told, all_inputs, in_own_process, in_process, meet  # noqa: E402
from templates import Templates  # noqa: E402


def main() -> int:
    """Run them and print a table by group."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="groups or names that hold this text")
    parser.add_argument("--from-scratch", action="store_true", help="start Python anew for each")
    parser.add_argument("--jobs", type=int, default=2, help="at once")
    parser.add_argument("--failures", type=Path, help="write what failed, with the output, to this file")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    if chosen.worker:
        return _work_off(chosen.worker, chosen.from_scratch)
    inputs = [item for item in all_inputs() if chosen.only.lower() in str(item).lower()]
    with tempfile.TemporaryDirectory(prefix="bad_inputs_") as work:
        met = []
        for item, verdict, told in _all(inputs, Path(work), chosen.jobs, chosen.from_scratch):
            print(f"{'ok' if not verdict else 'FAILED':<7}{told.seconds:6.1f} s  {item}  {verdict}"[:300], flush=True)
            met.append((item, verdict, told))
            if verdict and chosen.failures:
                with chosen.failures.open("a", encoding="utf-8") as stream:
                    stream.write(_told(item, verdict, told) + "\n")
    failed = sorted((each for each in met if each[1]), key=lambda each: inputs.index(each[0]))
    if chosen.failures:
        chosen.failures.write_text("\n".join(_told(*each) for each in failed), encoding="utf-8")
    _table(met)
    counts = Counter(verdict.split(":")[0] for _, verdict, _ in failed)
    assert set(counts) <= set(VERDICTS)
    shown = {"traceback": "tracebacks", "silent": "silent", "unclear": "unclear", "wrong": "wrong", "hung": "hung"}
    print(f"{len(met)} bad inputs: " + ", ".join(f"{counts[kind]} {word}" for kind, word in shown.items()))
    return int(bool(failed))


def _all(inputs: list[BadInput], work: Path, jobs: int, from_scratch: bool) -> Iterator[tuple[BadInput, str, Told]]:
    """Yield what each input meets, in the order they end."""
    templates = Templates(work / "good")
    for name in dict.fromkeys(item.template for item in inputs):
        _ = templates[name]
    left = list(enumerate(inputs))[::-1]
    crew = [_Worker(work, from_scratch) for _ in range(jobs)]
    try:
        while left or any(worker.item for worker in crew):
            for worker in crew:
                if worker.item is None and left:
                    worker.begin(*left.pop())
                found = worker.ended()
                if found is not None:
                    yield found
            time.sleep(0.005)
    finally:
        for worker in crew:
            worker.dismiss()


class _Worker:
    """A process that meets one input after the other; a new one where it crashed or hung."""

    def __init__(self, work: Path, from_scratch: bool) -> None:
        self._work, self._from_scratch = work, from_scratch
        self._process: subprocess.Popen[str] | None = None
        self.item: BadInput | None = None

    def begin(self, number: int, item: BadInput) -> None:
        """Hand it an input."""
        if self._process is None or self._process.poll() is not None:
            line = [sys.executable, "-W", "ignore", __file__, "--worker", str(self._work)]
            self._process = subprocess.Popen(
                [*line, *["--from-scratch"] * self._from_scratch],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
            )
        self.item, self._answer, self._start = item, self._work / f"{number:05d}.pickle", time.monotonic()
        assert self._process.stdin is not None
        self._process.stdin.write(f"{number:05d} {item}\n")
        self._process.stdin.flush()

    def ended(self) -> tuple[BadInput, str, Told] | None:
        """Return what it found; None while it works."""
        if self.item is None or self._process is None:
            return None
        item, seconds = self.item, time.monotonic() - self._start
        code = self._process.poll()
        if self._answer.is_file():
            self.item = None
            return item, *pickle.loads(self._answer.read_bytes())
        if code is not None:
            self.item = None
            return item, f"traceback: the process ended with {code}", Told(code, "", seconds)
        if seconds > SECONDS + 30:
            self.dismiss()
            self.item = None
            return item, f"hung: after {seconds:.0f} s", Told(None, "", seconds, hung=True)
        return None

    def dismiss(self) -> None:
        """End it."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _work_off(work: Path, from_scratch: bool) -> int:
    """Meet the inputs that are named on the standard input: their number in this pass, and their name."""
    resource.setrlimit(resource.RLIMIT_AS, (10 << 30, 10 << 30))  # a bomb takes the process and not the machine
    known = {str(item): item for item in all_inputs()}
    templates = Templates(work / "good")
    for line in sys.stdin:
        number, _, name = line.rstrip("\n").partition(" ")
        item = known[name]
        run = in_own_process if item.slow or from_scratch else in_process
        try:
            found = meet(item, templates[item.template], work / number, run)
        except Exception as error:  # noqa: BLE001  the steps' own fault
            found = f"wrong: it cannot be made: {type(error).__name__}: {error}", Told(None, "", 0.0)
        partial = work / f"{number}.partial"
        partial.write_bytes(pickle.dumps(found))
        partial.rename(work / f"{number}.pickle")
    return 0


def _told(item: BadInput, verdict: str, told: Told) -> str:
    text = told.text.strip()
    shown = text if len(text) < 2500 else f"{text[:1200]}\n[...]\n{text[-1200:]}"
    line = " ".join(item.command)
    return (
        f"=== {item}\n{verdict}\n$ radfuse {line[:400]}   (template {item.template}, exit code {told.code})\n{shown}\n"
    )


def _table(met: list[tuple[BadInput, str, Told]]) -> None:
    groups = list(dict.fromkeys(item.group for item, _, _ in met))
    print(f"\n{'group':<32}{'inputs':>7}" + "".join(f"{kind:>11}" for kind in VERDICTS))
    for group in groups:
        verdicts = Counter(verdict.split(":")[0] for item, verdict, _ in met if item.group == group)
        print(f"{group:<32}{sum(verdicts.values()):>7}" + "".join(f"{verdicts[kind]:>11}" for kind in VERDICTS))


if __name__ == "__main__":
    sys.exit(main())
