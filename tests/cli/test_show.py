"""What commands show of findings."""

from __future__ import annotations

from pathlib import PurePath, PurePosixPath, PureWindowsPath

import pytest

from radfuse.cli import show
from radfuse.cli.variants import show_variants
from radfuse.errors import Problem
from radfuse.results import Interval, VariantFamily, VariantResults


def test_a_column_that_is_wrong_throughout_leaves_room_for_the_others(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(show.err, "_width", 200)
    wrong = [Problem("cohort.csv", f"{row} is no date", row, "scanned") for row in range(2, 1202)]
    show.show_problems([*wrong, Problem("cohort.csv", "too old", 7, "age"), Problem("study.yaml", "unknown setting")])
    told = capsys.readouterr().err
    assert "51 is no date" in told
    assert "52 is no date" not in told
    assert "... and 1,150 more of cohort.csv, column scanned" in told
    assert "too old" in told
    assert "unknown setting" in told


def test_rows_with_the_same_wrong_are_one_finding(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(show.err, "_width", 200)
    words = [
        Problem("cohort.csv", f"'{'male' if row % 2 else 'female'}' is no level", row, "sex") for row in range(2, 92)
    ]
    show.show_problems(
        [*words, Problem("cohort.csv", "no number", 4, "age"), Problem("cohort.csv", "no number", 9, "age")]
    )
    told = capsys.readouterr().err
    assert (told.count("'male' is no level"), told.count("'female' is no level")) == (1, 1)
    assert "2, 4, 6 and 42 more" in told
    assert "4, 9 " in told
    assert "more of" not in told


@pytest.mark.parametrize(
    ("system", "path", "told"),
    [
        ("nt", PureWindowsPath("C:/My data/study.yaml"), r'"C:\My data\study.yaml"'),
        ("nt", PureWindowsPath("C:/data/study.yaml"), r"C:\data\study.yaml"),
        ("posix", PurePosixPath("/my data/study.yaml"), "'/my data/study.yaml'"),
    ],
)
def test_paths_are_quoted_as_the_shell_of_the_system_takes_them(
    system: str, path: PurePath, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as here:
        here.setattr("os.name", system)
        shown = show.typed(path)
    assert shown == told


def test_numbers_are_rounded_as_on_the_page() -> None:
    assert show.interval(Interval(value=0.5375, low=-0.0625, high=0.75)) == "0.538 (-0.063 to 0.750)"
    assert [show.number(None), show.number(0.0125, 2), show.number(0.5, 1)] == ["n/a", "0.01", "0.5"]


def test_a_family_is_named_whole_where_columns_are_few(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(show.out, "_width", 80)
    value = Interval(value=0.5, low=-0.25, high=0.75)
    family = "clinical-radiomic-deep"
    row = VariantFamily(variant="forest", family=family, value=value, difference=value, p=0.5, p_holm=0.5)
    show_variants(VariantResults(measure="AUC", main={family: value}, changes={"forest": ""}, families=(row,)))
    assert "…" not in capsys.readouterr().out
