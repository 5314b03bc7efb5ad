"""A bad input as a value, and what is told of the command that meets it."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Step = Callable[[Path], None]
Verdict = str
"""One of VERDICTS, a colon, and what was seen; "" where all is as it should be."""
VERDICTS = ("traceback", "silent", "unclear", "wrong", "hung")
SECONDS = 90
"""What takes longer hangs."""
GIVEN_BACK = (0, 1, 2, 3)
_MEND = re.compile(
    r"add|allow|another|are required|ask|between|call|check|choose|copy|correct|declare|delete|did you mean|draw|empty|"
    r"export|fill|for example|free|from \d|give|greater|install|is 0 or 1|is not one of|keep|known|leave|less|letters, "
    r"digits|list|look|lower|make|must|name cohort|need|no file|no image at|nothing to tell apart|once|one of|only|"
    r"pass|paths in a study|present|put|quote|raise|read|remove|rename|replace|require|resample|run|save|say|set|"
    r"shorten|should|start|take|train|try|usage|use|valid|widen|write",
    re.IGNORECASE,
)
_OWN = re.compile(r"(^|/)(run\.json|run\.lock|log\.jsonl|index\.sqlite.*|study\.yaml|\..*|.*\.log|__pycache__/.*)$")
"""What a run folder may hold although nothing was computed."""


@dataclass(frozen=True)
class BadInput:
    """One bad input.

    Attributes:
        group: what kind of file is bad.
        name: of this one, unique in its group.
        template: the good folder that is spoiled.
        steps: spoil the folder.
        command: arguments of radfuse, run in the folder.
        codes: exit codes that are right.
        says: words the message holds, small or capital; "a|b" is either.
        after: looks at the folder and the message afterwards, and says what is wrong; "" where nothing is.
        environment: variables of the process; such an input has a process of its own.
        slow: too slow, or too dangerous, for the suite.
    """

    group: str
    name: str
    template: str
    steps: tuple[Step, ...]
    command: tuple[str, ...]
    codes: tuple[int, ...]
    says: tuple[str, ...]
    after: Callable[[Path, str], str] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    slow: bool = False

    def __str__(self) -> str:
        return f"{self.group}: {self.name}"


@dataclass(frozen=True)
class Told:
    """What a command gave back.

    Attributes:
        code: exit code; None where an exception left the command, or time ran out.
        text: both outputs.
        seconds: it took.
        hung: time ran out.
    """

    code: int | None
    text: str
    seconds: float
    hung: bool = False


class Group:
    """Bad inputs of one kind; collects them."""

    def __init__(self, name: str, template: str, command: str = "check study.yaml") -> None:
        self.name, self.template, self.command = name, template, command
        self.inputs: list[BadInput] = []

    def bad(
        self,
        name: str,
        *steps: Step,
        says: tuple[str, ...] = (),
        command: str | tuple[str, ...] | None = None,
        code: int | tuple[int, ...] = 2,
        template: str | None = None,
        after: Callable[[Path, str], str] | None = None,
        environment: Mapping[str, str] | None = None,
        slow: bool = False,
    ) -> None:
        """Add one; see BadInput."""
        line = self.command if command is None else command
        words = tuple(shlex.split(line)) if isinstance(line, str) else line
        codes = (code,) if isinstance(code, int) else code
        env = dict(environment or {})
        assert name not in {known.name for known in self.inputs}, name
        self.inputs.append(
            BadInput(
                self.name, name, template or self.template, steps, words, codes, says, after, env, slow or bool(env)
            )
        )


def prepare(item: BadInput, template: Path, folder: Path) -> None:
    """Make the folder of a bad input: the good one, spoiled."""
    shutil.copytree(template, folder, dirs_exist_ok=True)
    for step in item.steps:
        step(folder)


class _TooLong(BaseException):
    pass


@contextlib.contextmanager
def _alarm(seconds: int) -> Iterator[None]:
    def ring(*_: object) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def in_process(item: BadInput, folder: Path, seconds: int = SECONDS) -> Told:
    """Run the command here: quick, as everything is imported once."""
    from radfuse import machine
    from radfuse.cli import app, show

    heard = io.StringIO()
    code: int | None = 0
    hung = False
    start = time.monotonic()
    argv, here, cores, path = sys.argv, Path.cwd(), machine.cores, list(sys.path)
    widths = show.out._width, show.err._width
    show.out._width = show.err._width = 3000
    sys.argv = ["radfuse", *item.command]
    machine.cores = lambda: 1
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(heard), contextlib.redirect_stderr(heard), _alarm(seconds):
            app.main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except _TooLong:
        code, hung = None, True
    except BaseException:  # noqa: BLE001, what a process would end with
        code = None
        heard.write(traceback.format_exc())
    finally:
        os.chdir(here)
        sys.argv, machine.cores, sys.path[:] = argv, cores, path
        show.out._width, show.err._width = widths
        for name in [name for name, module in sys.modules.items() if _is_inside(module, folder)]:
            del sys.modules[name]
    return Told(code, heard.getvalue(), time.monotonic() - start, hung)


def _is_inside(module: object, folder: Path) -> bool:
    return str(getattr(module, "__file__", None) or "").startswith(str(folder))


def in_own_process(item: BadInput, folder: Path, seconds: int = SECONDS) -> Told:
    """Run the command as a user would."""
    environment = {**os.environ, "COLUMNS": "3000", "TERMINAL_WIDTH": "3000", **item.environment}
    package = str(Path(__file__).parents[2])
    environment["PYTHONPATH"] = os.pathsep.join([package, *environment.get("PYTHONPATH", "").split(os.pathsep)])
    start = time.monotonic()
    prefix = environment.pop("BEFORE", "")
    line = f"{prefix} exec timeout -k 1 {seconds} {shlex.join([sys.executable, '-m', 'radfuse.cli', *item.command])}"
    process = subprocess.Popen(
        ["bash", "-c", f"ulimit -v 8000000 -t 300; {line}"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=seconds + 10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        return Told(None, output.decode(errors="replace"), time.monotonic() - start, hung=True)
    code = process.returncode
    if code in (124, 137, -9) and time.monotonic() - start >= seconds:
        return Told(None, output.decode(errors="replace"), time.monotonic() - start, hung=True)
    return Told(code, output.decode(errors="replace"), time.monotonic() - start)


def contents(folder: Path) -> dict[str, str]:
    """Return path -> digest of every file, for links where they lead."""
    found = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def meet(item: BadInput, template: Path, folder: Path, run: Callable[[BadInput, Path], Told]) -> tuple[Verdict, Told]:
    """Spoil a folder, run the command on it and judge what it told."""
    prepare(item, template, folder)
    before = contents(folder)
    told = run(item, folder)
    return judge(item, told, before, contents(folder), folder), told


def judge(item: BadInput, told: Told, before: dict[str, str], now: dict[str, str], folder: Path) -> Verdict:
    """Return what is wrong with what a command told."""
    text = " ".join(re.sub(r"[│╭╮╰╯─]", " ", told.text).split())
    if told.hung:
        return f"hung: after {told.seconds:.0f} s"
    if "Traceback (most recent call last)" in told.text or told.code == 4:
        return f"traceback: {told.text.strip().splitlines()[-1][:200] if told.text.strip() else ''}"
    if told.code is None or told.code not in GIVEN_BACK:
        return f"traceback: ended with {told.code}"
    if told.code == 0 and 0 not in item.codes:
        return "silent: exit code 0"
    if told.code not in item.codes:
        return f"wrong: exit code {told.code}, not {' or '.join(map(str, item.codes))}"
    if told.code and not text:
        return "silent: nothing was said"
    lacking = [word for word in item.says if not any(part.lower() in text.lower() for part in word.split("|"))]
    if lacking:
        return f"{'silent' if told.code == 0 else 'unclear'}: does not say {lacking}"
    if "another grid" in text and not any("grid" in word for word in item.says):
        return "unclear: tells of the grid, not of the fault"
    if told.code and not _MEND.search(text):
        return "unclear: no mend"
    seen = item.after(folder, told.text) if item.after else ""
    return seen or _left_behind(item, told, before, now, folder)


def _left_behind(item: BadInput, told: Told, before: dict[str, str], now: dict[str, str], folder: Path) -> Verdict:
    inputs = [name for name in before if not name.startswith("run/")]
    if item.after is None:
        changed = [name for name in inputs if now.get(name) != before[name]]
        if changed:
            return f"wrong: changed {changed[:3]}"
    new = [name for name in now if name not in before]
    if told.code == 2:
        more = [name for name in new if not _OWN.search(name)]
        if more:
            return f"wrong: wrote {more[:3]} though nothing was computed"
    hollow = [name for name in new if not _OWN.search(name) and (folder / name).stat().st_size == 0]
    return f"wrong: wrote files of 0 bytes: {hollow[:3]}" if hollow else ""


def good_input(template: str, line: str) -> BadInput:
    """Return a command on a folder that nobody spoiled: it has to go well."""
    return BadInput("good", line, template, (), tuple(line.split()), (0,), ())


def all_inputs() -> list[BadInput]:
    """Return every bad input of the corpus, group by group."""
    from importlib import import_module

    files = sorted((Path(__file__).parent / "corpus").glob("*.py"))
    found = [item for path in files for item in import_module(f"corpus.{path.stem}").INPUTS]
    names = [str(item) for item in found]
    assert len(set(names)) == len(names)
    return found
