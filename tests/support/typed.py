"""The command line typed in this process: one of its own takes more than a second to start, and says the same."""

from __future__ import annotations

import contextlib
import io
import os
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    returncode: int
    stdout: str
    stderr: str


def typed(*words: object, cwd: Path | None = None) -> Ended:
    """Type `radfuse` and words in a folder, on a terminal of 200 columns; the environment stays as it was."""
    from radfuse.cli.app import main

    said, told = io.StringIO(), io.StringIO()
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.chdir(cwd or Path.cwd()))
        stack.enter_context(mock.patch("sys.argv", ["radfuse", *map(str, words)]))
        stack.enter_context(mock.patch.dict(os.environ, COLUMNS="200", NO_COLOR="1"))
        stack.enter_context(contextlib.redirect_stdout(said))
        stack.enter_context(contextlib.redirect_stderr(told))
        with pytest.raises(SystemExit) as end:
            main()
    return Ended(int(end.value.code or 0), said.getvalue(), told.getvalue())
