"""A job is its key: none holds a Study, and every field of every job, settings inside settings too, changes the key."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
from habitats import parts_cohort
from sequences import two_sequences, two_visits

from radfuse.config import Section, Where
from radfuse.pipeline import run_study
from radfuse.run.digests import UNSAID, job_key
from radfuse.run.folder import RunFolder
from radfuse.sequences import SequenceRecipe
from radfuse.stages import STAGES, sample, stage_of
from radfuse.stages.context import Context
from radfuse.study import Study, load_study

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Context:
    """A pass over a study of two sequences, one of them registered: the finished one has no such job."""
    study = two_sequences(tmp_path_factory.mktemp("two"), 8)
    chosen = load_study(study, ["sequences.t2.masks=register", "sequences.t2.registration.within_mm=20"])
    return Context(chosen, RunFolder.open(study.parent / "run", "two"), lambda *_: None)


@pytest.fixture(scope="module")
def visited(tmp_path_factory: pytest.TempPathFactory) -> Context:
    """A pass over a study of two visits, which share a mask."""
    study = two_visits(tmp_path_factory.mktemp("visited"), 4)
    return Context(load_study(study), RunFolder.open(study.parent / "run", "visits"), lambda *_: None, tunes=False)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Context:
    """A pass over a study that learned from the images of each fold."""
    study = parts_cohort(tmp_path_factory.mktemp("parts"))
    run_study(study, study.parent / "run", until="by_fold")
    context = Context(load_study(study), RunFolder.open(study.parent / "run", "parts"), lambda *_: None, tunes=False)
    context.keys = {sample.place_of(f"c{number}"): "there" for number in range(8)}
    return context


def first_job(name: str, context: Context) -> Any:
    return next(iter(stage_of(name).jobs(context)))


def values_in(value: object) -> Iterator[object]:
    """Yield a value and all that it holds."""
    yield value
    if isinstance(value, Mapping):
        inner: Any = [*value.keys(), *value.values()]
    elif isinstance(value, (tuple, list, frozenset)):
        inner = value
    elif isinstance(value, Section):
        inner = [getattr(value, field) for field in type(value).model_fields]
    elif dataclasses.is_dataclass(value):
        inner = [getattr(value, field.name) for field in dataclasses.fields(value)]
    else:
        return
    for item in inner:
        yield from values_in(item)


def changed(value: Any, path: str, other: Path) -> Iterator[tuple[str, Any]]:  # noqa: C901  a case a type
    """Yield a value with one thing in it changed, and where."""
    if isinstance(value, bool):
        yield path, not value
    elif isinstance(value, (int, float)):
        yield path, value + 1
    elif isinstance(value, str):
        yield path, f"{value}x"
    elif isinstance(value, Path) or value is None:
        yield path, other
    elif isinstance(value, Section):
        for name, field in type(value).model_fields.items():
            if Where not in map(type, field.metadata) and not is_constant(field.annotation):
                for where, item in changed(getattr(value, name), f"{path}.{name}", other):
                    yield where, value.model_copy(update={name: item})
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            for where, item in changed(getattr(value, field.name), f"{path}.{field.name}", other):
                yield where, dataclasses.replace(value, **{field.name: item})  # type: ignore[type-var]
    elif isinstance(value, Mapping):
        yield f"{path} with one more", {**value, "one more": other}
        for key, inner in list(value.items())[:2]:
            for where, item in changed(inner, f"{path}[{key}]", other):
                yield where, {**value, key: item}
    elif isinstance(value, frozenset):
        yield f"{path} with one more", value | {"one more"}
    elif isinstance(value, (tuple, list)):
        yield f"{path} with one more", (*value, "one more")
        for number, inner in enumerate(value[:2]):
            for where, item in changed(inner, f"{path}[{number}]", other):
                yield where, (*value[:number], item, *value[number + 1 :])
    else:
        raise AssertionError(f"{path} holds {type(value).__name__}")


def is_constant(annotation: Any) -> bool:
    return typing.get_origin(annotation) is typing.Literal and len(get_args(annotation)) == 1


@pytest.mark.parametrize("name", STAGES)
def test_no_job_holds_a_study_and_every_field_changes_its_key(
    name: str, context: Context, two: Context, visited: Context, parts: Context, tmp_path: Path
) -> None:
    others = {"register": two, "follow": visited, "sample": parts, "learn": parts, "by_fold": parts}
    context = others.get(name, context)
    stage, job = stage_of(name), first_job(name, context)
    assert not [value for value in values_in(job) if isinstance(value, (Study, Context))]
    other = tmp_path / "other.bin"
    other.write_bytes(b"another content")
    digest: Callable[[Path], str] = context.folder.digest
    key = job_key(stage.name, stage.version, job, digest)
    assert key == job_key(stage.name, stage.version, job, digest)
    count = 0
    for where, another in changed(job, name, other):
        assert job_key(stage.name, stage.version, another, digest) != key, f"{where} is no part of the key"
        count += 1
    assert count >= len(dataclasses.fields(job))
    assert job_key(stage.name, stage.version + 1, job, digest) != key


def test_a_file_counts_by_what_it_holds_not_by_where_it_lies(tmp_path: Path) -> None:
    @dataclasses.dataclass(frozen=True)
    class Job:
        image: Path

    from radfuse.run.digests import tree_digest

    for name, text in (("a", "same"), ("b", "same"), ("c", "other")):
        (tmp_path / name).write_text(text)
    keys = [job_key("s", 1, Job(tmp_path / name), tree_digest) for name in "abc"]
    assert keys[0] == keys[1] != keys[2]


def test_what_says_nothing_leaves_results_from_before_it_was_there() -> None:
    @dataclasses.dataclass(frozen=True)
    class Before:
        settings: SequenceRecipe

    @dataclasses.dataclass(frozen=True)
    class After(Before):
        sizes: tuple[float, ...] = dataclasses.field(default=(), metadata=UNSAID)

    plain, sized = SequenceRecipe(), SequenceRecipe(spacing_mm=(0.5, 0.5))
    texts: dict[int, tuple[Section, str]] = {}
    jobs = (Before(plain), After(plain), After(sized), After(plain, (0.5,)))
    before, after, *said = (job_key("s", 1, job, lambda _: "", texts) for job in jobs)
    assert before == after
    assert len({before, *said}) == 3
    assert "spacing_mm" not in texts[id(plain)][1]


def test_what_no_key_can_be_made_of_is_refused(tmp_path: Path) -> None:
    @dataclasses.dataclass(frozen=True)
    class Job:
        when: object

    with pytest.raises(TypeError, match="a job holds settings, paths, texts and numbers; found set"):
        job_key("s", 1, Job({1, 2}), lambda _: "")


def test_stages_are_listed_in_the_order_of_work_and_named_as_their_files() -> None:
    seen: set[str] = set()
    for name in STAGES:
        stage = stage_of(name)
        assert stage.name == name
        assert set(stage.needs) <= seen
        seen.add(name)
