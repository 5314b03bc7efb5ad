"""What the authors of a study answer to items of checklists, read from the YAML that `report.answers` names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from radfuse.config import nearest, read_yaml
from radfuse.errors import InputError, Problem, listed

if TYPE_CHECKING:
    from radfuse.report.checklists.checklist import Answer, Verdict

_VERDICTS = {"yes": "yes", "true": "yes", "no": "no", "false": "no", "na": "not applicable", "not applicable": ""}
_MEND = "write yes, no or na, or {answer: yes, where: Methods, page 4}"


def read_answers(path: Path | None) -> dict[str, dict[str, Answer]]:
    """Return checklist -> item -> answer; empty without a file.

    Raises:
        InputError: the file is not there or no YAML, or names checklists or items that there are not; all at once.
    """
    if path is None:
        return {}
    found: dict[str, dict[str, Answer]] = {}
    problems = []
    for name, number, answer in _read(path):
        if isinstance(answer, str):
            problems.append(Problem(path.name, answer))
        else:
            found.setdefault(name, {})[number] = answer
    if problems:
        raise InputError(problems)
    return found


def problems_of_answers(path: Path | None) -> list[Problem]:
    """Return what is wrong with a file of answers, before anything is computed."""
    try:
        read_answers(path)
    except InputError as error:
        return list(error.problems) or [Problem("report.answers", str(error))]
    return []


def _read(path: Path) -> Iterator[tuple[str, str, Answer | str]]:
    """Yield checklist, item and answer, or what is wrong with it."""
    from radfuse.report.checklists import CHECKLISTS

    known = {checklist.file: checklist for checklist in CHECKLISTS}
    for said, items in read_yaml(path).items():
        name = str(said).lower().replace("+", "_")
        if name not in known:
            yield name, "", f"no checklist {said!r}, there are {listed(known)}{nearest(name, known)}"
            continue
        if not isinstance(items, Mapping):
            yield name, "", f"{said} holds no items; write each with its answer, for example 2: yes"
            continue
        numbers = [item.number for item in known[name].items]
        for number, answer in items.items():
            if str(number) not in numbers:
                yield name, str(number), f"{said} has no item {number!r}{nearest(str(number), numbers)}"
                continue
            yield name, str(number), _answer(f"{said} {number}", answer)


def _answer(item: str, said: Any) -> Answer | str:
    from radfuse.report.checklists.checklist import Answer

    verdict, where = (said.get("answer"), said.get("where", "")) if isinstance(said, Mapping) else (said, "")
    word = str(verdict).lower().replace("/", "")
    if word not in _VERDICTS or (isinstance(said, Mapping) and set(said) - {"answer", "where"}):
        return f"{item}: {said!r} is no answer; {_MEND}"
    return Answer(cast("Verdict", _VERDICTS[word] or word), str(where) or "as the authors say")
