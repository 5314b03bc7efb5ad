"""Shards: which cases a job of an array works on."""

from __future__ import annotations

import pytest

from radfuse.errors import InputError
from radfuse.run.shard import Shard


def test_shards_take_turns_and_share_everything_between_them() -> None:
    assert Shard.parse("2/3").of("abcdefgh") == ["b", "e", "h"]
    parts = [Shard.parse(f"{number}/3").of(range(8)) for number in (1, 2, 3)]
    assert sorted(item for part in parts for item in part) == list(range(8))
    assert Shard.parse("5/8").of("abc") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0/4", "jobs are numbered from 1 to 4, found 0"),
        ("5/4", "jobs are numbered from 1 to 4, found 5"),
        ("1/0", "jobs are numbered from 1"),
        ("x", "is not I/N"),
        ("2", "is not I/N"),
        ("-1/4", "is not I/N"),
        ("1.5/4", "is not I/N"),
    ],
)
def test_what_is_no_shard_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Shard.parse(text)
