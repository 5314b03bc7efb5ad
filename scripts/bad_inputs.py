"""Meets every bad input of tests/badinput, each in a process of its own, and tells what came of it.

    python scripts/bad_inputs.py                      all of them, in forks of one process that has imported everything
    python scripts/bad_inputs.py --only DICOM         groups or names that hold a text
    python scripts/bad_inputs.py --from-scratch       each as a user would start it: 2 s an input
"""

from __future__ import annotations

import argparse
import os
import pickle
import signal
import sys
import tempfile
import time
import traceback
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
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    inputs = [item for item in all_inputs() if chosen.only.lower() in str(item).lower()]
    with tempfile.TemporaryDirectory(prefix="bad_inputs_") as work:
        met = []
        for item, verdict, told in _all(inputs, Path(work), chosen.jobs, chosen.from_scratch):
            print(f"{'ok' if not verdict else 'FAILED':<7}{told.seconds:6.1f} s  {item}  {verdict}"[:300], flush=True)
            met.append((item, verdict, told))
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
    """Yield what each input meets, in a fork of this process, which therefore computes nothing itself."""
    templates = Templates(work / "good")
    for name in dict.fromkeys(item.template for item in inputs):
        _wait(_fork(lambda name=name: templates[name]))
    _import_all()
    going: dict[int, tuple[BadInput, Path, float]] = {}
    left = list(enumerate(inputs))
    while left or going:
        while left and len(going) < jobs:
            number, item = left.pop(0)
            place = work / f"{number:05d}"
            own = item.slow or from_scratch
            run = in_own_process if own else in_process
            going[_fork(lambda item=item, place=place, run=run: _meet(item, templates, place, run))] = (
                item,
                place,
                time.monotonic(),
            )
        time.sleep(0.005)
        for pid, (item, place, start) in list(going.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            seconds = time.monotonic() - start
            if not ended and seconds > SECONDS + 30:
                os.kill(pid, signal.SIGKILL)
                status = _wait(pid)
            elif not ended:
                continue
            del going[pid]
            answer = place.with_suffix(".pickle")
            if answer.is_file():
                yield (item, *pickle.loads(answer.read_bytes()))
            elif seconds > SECONDS + 30:
                yield item, f"hung: after {seconds:.0f} s", Told(None, "", seconds, hung=True)
            else:
                code = os.waitstatus_to_exitcode(status)
                yield item, f"traceback: ended with {code}", Told(code, "", seconds)


def _meet(item: BadInput, templates: Templates, place: Path, run: object) -> None:
    answer = pickle.dumps(meet(item, templates[item.template], place, run))  # type: ignore[arg-type]
    place.with_suffix(".partial").write_bytes(answer)
    place.with_suffix(".partial").rename(place.with_suffix(".pickle"))


def _fork(work: object) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 0
    try:
        work()  # type: ignore[operator]
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    os._exit(code)


def _wait(pid: int) -> int:
    return os.waitpid(pid, 0)[1]


def _import_all() -> None:
    """Import what commands need, so that forks have it; nothing here may start a thread."""
    import onnxruntime  # noqa: F401
    import openpyxl  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import pydicom  # noqa: F401
    import sklearn.model_selection  # noqa: F401

    import radfuse.bundle.evaluate
    import radfuse.bundle.images
    import radfuse.check.study
    import radfuse.cli.app
    import radfuse.radiomics.extract
    import radfuse.report.page  # noqa: F401


def _told(item: BadInput, verdict: str, told: Told) -> str:
    text = told.text.strip()
    shown = text if len(text) < 2500 else f"{text[:1200]}\n[...]\n{text[-1200:]}"
    line = " ".join(item.command)
    return f"=== {item}\n{verdict}\n$ radfuse {line[:400]}   (template {item.template}, exit code {told.code})\n{shown}\n"


def _table(met: list[tuple[BadInput, str, Told]]) -> None:
    groups = list(dict.fromkeys(item.group for item, _, _ in met))
    print(f"\n{'group':<32}{'inputs':>7}" + "".join(f"{kind:>11}" for kind in VERDICTS))
    for group in groups:
        verdicts = Counter(verdict.split(":")[0] for item, verdict, _ in met if item.group == group)
        print(f"{group:<32}{sum(verdicts.values()):>7}" + "".join(f"{verdicts[kind]:>11}" for kind in VERDICTS))


if __name__ == "__main__":
    sys.exit(main())
