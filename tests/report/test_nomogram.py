"""Nomograms by hand: points, totals and probabilities in the table, and in the drawing as it is read back."""

from __future__ import annotations

import re
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from papers import report_of, shipped

from radfuse.report.nomogram import Nomogram, nomogram_of, points_table, word_groups
from radfuse.report.nomogram_figure import drawn
from radfuse.report.sections import nomogram as section
from radfuse.results import Score
from radfuse.results.score import Cloglog, Knots, Logistic, Reading, ScoreColumn, Terms, Total, Weighed, usual_range


def column(name: str, low: float, high: float, *, block: str = "clinical", missing: float = 0.0, **about: float):
    whole = bool(low == round(low) and high == round(high))
    known = {"mean": 0.0, "scale": 1.0, **about}
    return ScoreColumn(name=name, block=block, missing=missing, low=low, high=high, whole=whole, **known)


AGE = {"mean": 60.0, "scale": 10.0}
TWO = Score(
    columns=(column("age", 40, 80, missing=65, **AGE), column("smoker", 0, 1, missing=0)),
    sum=Terms(intercept=-1.0, columns=(0, 1), coefficients=(0.5, 1.2)),
)
"""score = -1 + 0.5 (age - 60) / 10 + 1.2 smoker = -4 + 0.05 age + 1.2 smoker: age is worth 2, smoking 1.2."""


def by_hand(score: float) -> float:
    return float(1 / (1 + np.exp(-score)))


def test_two_variables_by_hand() -> None:
    """100 points are 2 of the score: smoking is 100 * 1.2 / 2 = 60, a year 2.5; at none the score is -4 + 0.05 * 40."""
    found = nomogram_of("clinical", TWO, {})
    age, smoker = found.lines
    assert found.unit == pytest.approx(0.02, rel=1e-12)
    assert [(tick.value, pytest.approx(tick.points, abs=1e-9)) for tick in age.ticks] == [
        (value, 2.5 * (value - 40)) for value in (40, 45, 50, 55, 60, 65, 70, 75, 80)
    ]
    assert [(tick.label, pytest.approx(tick.points, abs=1e-9)) for tick in smoker.ticks] == [("0", 0.0), ("1", 60.0)]
    assert found.most == pytest.approx(160, abs=1e-9)
    assert found.base == pytest.approx(-2.0, abs=1e-12)
    assert age.missing is not None
    assert age.missing.points == pytest.approx(62.5, abs=1e-9)
    for tick in found.scales[0].ticks:
        assert by_hand(-2 + 0.02 * tick.points) == pytest.approx(tick.value, abs=1e-9)


def test_one_outlier_sets_no_scale_and_is_still_counted() -> None:
    """A million among 1 to 199: the axis spans 3 to 198, points of other values go on in step."""
    values = np.append(np.arange(1.0, 200.0), 1e6)
    ends = {"low": 1, "high": 1e6, "usual": usual_range(values), "missing": 100.0}
    assert ends["usual"] == (3.0, 198.0)
    marker = ScoreColumn(name="marker", block="clinical", mean=0, scale=1, whole=False, **ends)
    grade = column("grade", 0, 3).model_copy(update={"usual": (0.0, 2.0)})
    score = Score(columns=(marker, grade), sum=Terms(intercept=-2.0, columns=(0, 1), coefficients=(-0.02, 0.7)))
    found = nomogram_of("clinical", score, {})
    line, few = found.lines
    assert line.beyond == (True, True)
    assert few.beyond == (False, False)
    assert [tick.value for tick in few.ticks] == [0, 1, 2, 3]
    assert found.unit == pytest.approx(0.02 * 195 / 100)
    assert all(3 <= tick.value <= 198 for tick in line.ticks)
    first, last = line.ticks[0], line.ticks[-1]
    step = (last.points - first.points) / (last.value - first.value)
    points = first.points + step * (values - first.value) + few.ticks[2].points
    reached = Logistic().of(found.base + found.unit * points)
    np.testing.assert_allclose(reached, score.predict(np.column_stack([values, np.full(200, 2.0)])), rtol=0, atol=1e-9)
    for narrow in (False, True):
        assert "1st or 99th percentile of training values" in drawn(found, narrow=narrow)
    assert "percentile" not in drawn(nomogram_of("clinical", TWO, {}))


@pytest.mark.parametrize(
    ("values", "ends"),
    [([5.0] * 150 + [7.0], (5.0, 7.0)), ([3.0], (3.0, 3.0)), ([1.0, 2.0, 9.0], (1.0, 9.0)), (range(60), (1.0, 58.0))],
    ids=["nearly constant", "one", "three", "sixty"],
)
def test_the_usual_range_leaves_out_the_outermost_of_many(values, ends) -> None:
    assert usual_range(np.array(values, dtype=float)) == ends


def test_points_are_100_beta_range_over_the_largest() -> None:
    """A falling variable counts from its high end; Iasonos et al. 2008."""
    betas, ends = (0.04, -0.8, 0.3), ((30, 80), (0, 2.5), (0, 5))
    columns = tuple(column(f"x{i}", *end) for i, end in enumerate(ends))
    found = nomogram_of(
        "f", Score(columns=columns, sum=Terms(intercept=0.2, columns=(0, 1, 2), coefficients=betas)), {}
    )
    effects = [abs(beta) * (high - low) for beta, (low, high) in zip(betas, ends, strict=True)]
    assert [line.ends[1] for line in found.lines] == pytest.approx([100 * e / max(effects) for e in effects], rel=1e-12)
    falling = found.lines[1]
    assert falling.ticks[0].value == 0.0
    assert falling.ticks[0].points == pytest.approx(100 * 2.0 / max(effects), rel=1e-12)
    assert found.base == pytest.approx(0.2 + 0.04 * 30 - 0.8 * 2.5, rel=1e-12)


def test_the_table_adds_up_to_the_models_probability() -> None:
    table = points_table(nomogram_of("clinical", TWO, {}), TWO)
    rows = {(row.axis, row.label): row.points for row in table.itertuples()}
    total = table[table["axis"] == "total points"]
    for age in (40, 55, 80):
        for smoker in (0, 1):
            points = rows["age", str(age)] + rows["smoker", str(smoker)]
            expected = TWO.predict(np.array([[age, smoker]], dtype=float))[0]
            unit, base = total["value"].to_numpy()[[1, 0]] - [total["value"].iloc[0], 0]
            score = base + unit / total["points"].iloc[1] * points
            assert by_hand(score) == pytest.approx(expected, abs=1e-9)
    np.testing.assert_allclose(total["probability"], [by_hand(value) for value in total["value"]], atol=1e-12)
    assert rows["age", "not known"] == pytest.approx(62.5)


WORDS = Score(
    columns=(
        column("stage=II@V00", 0, 1, missing=0),
        column("stage=IV@V00", 0, 1, missing=1),
        column("sex=male", 0, 1),
        column("delta=b@change", -1, 1),
    ),
    sum=Terms(intercept=0.0, columns=(0, 1, 2, 3), coefficients=(-0.5, 1.0, 0.3, 0.1)),
)
LEVELS = {"stage": ("I", "II", "III", "IV"), "sex": ("female", "male"), "delta": ("a", "b")}


def test_columns_of_words_are_one_axis_with_named_levels() -> None:
    """Levels that selection dropped stand at the reference; a change between visits is no level."""
    stage, sex, change = nomogram_of("clinical", WORDS, LEVELS).lines
    assert stage.name == "stage@V00"
    points = {tick.label: tick.points for tick in stage.ticks}
    assert points == {
        key: pytest.approx(value) for key, value in {"I": 100 / 3, "II": 0, "III": 100 / 3, "IV": 100}.items()
    }
    assert stage.missing is not None
    assert stage.missing.points == pytest.approx(100)
    assert [tick.label for tick in sex.ticks] == ["female", "male"]
    assert change.name == "delta=b@change"
    assert word_groups(WORDS.columns, {"stag": ("I", "=II")}) == {}


def blocks(columns: int, first: str = "clinical", own: bool = True) -> Score:
    """Clinical age beside a radiomic block, its score a part of its own or not."""
    radiomic = tuple(column(f"r{i}", -2, 2, block="radiomic", mean=0.5, scale=2.0) for i in range(columns))
    weights = tuple(0.1 * (i + 1) for i in range(columns))
    places = tuple(range(1, columns + 1))
    age = (column("age", 40, 80, **AGE), *radiomic)
    if not own:
        return Score(columns=age, sum=Terms(intercept=-0.5, columns=(0, *places), coefficients=(0.5, *weights)))
    parts = (
        Weighed(weight=1.0, blocks=("clinical",), score=Terms(intercept=-0.2, columns=(0,), coefficients=(0.5,))),
        Weighed(
            weight=1.5,
            blocks=("radiomic",),
            absent=-0.4,
            score=Terms(intercept=0.3, columns=places, coefficients=weights),
        ),
    )
    return Score(columns=age, sum=Total(intercept=0.1, parts=parts), first=first)


@pytest.mark.parametrize(("columns", "own", "axes"), [(3, True, 2), (3, False, 4), (13, False, 2), (1, True, 2)])
def test_a_block_is_one_axis_where_it_has_a_part_of_its_own_or_many_columns(columns: int, own: bool, axes: int) -> None:
    generator = np.random.default_rng(1)
    x = np.column_stack([generator.uniform(40, 80, 50), generator.uniform(-2, 2, (50, columns))])
    score = blocks(columns, own=own).ranged(x)
    found = nomogram_of("clinical-radiomic", score, {})
    assert len(found.lines) == axes
    last = found.lines[-1]
    assert last.block == ("radiomic" if axes == 2 and columns > 1 else "")
    if not last.block:
        return
    table = found.table.set_index("column")["coefficient"]
    rads = table["(constant)"] + x[:, 1:] @ table.drop("(constant)")[[f"r{i}" for i in range(columns)]].to_numpy()
    assert (rads.min(), rads.max()) == pytest.approx(score.ranges["radiomic"])
    effect = (last.ticks[1].points - last.ticks[0].points) / (last.ticks[1].value - last.ticks[0].value)
    points = 0.05 * (x[:, 0] - 40) / found.unit + last.ticks[0].points + effect * (rads - last.ticks[0].value)
    np.testing.assert_allclose(Logistic().of(found.base + found.unit * points), score.predict(x), atol=1e-9)
    if own:
        assert last.missing is not None
        lacking = np.where(np.arange(columns + 1) == 0, x, np.nan)
        gone = 0.05 * (x[:, 0] - 40) / found.unit + last.missing.points
        np.testing.assert_allclose(Logistic().of(found.base + found.unit * gone), score.predict(lacking), atol=1e-9)


def test_survival_at_stated_times_is_read_off_the_same_total() -> None:
    readings = tuple(Reading(label=f"event by {t} years", link=Cloglog(hazard=h)) for t, h in ((2, 0.1), (5, 0.4)))
    found = nomogram_of("clinical", TWO.model_copy(update={"readings": readings}), {})
    assert [scale.label for scale in found.scales] == ["event by 2 years", "event by 5 years"]
    for scale, hazard in zip(found.scales, (0.1, 0.4), strict=True):
        assert len(scale.ticks) > 2
        for tick in scale.ticks:
            reached = 1 - np.exp(-hazard * np.exp(found.base + found.unit * tick.points))
            assert reached == pytest.approx(tick.value, abs=1e-9)


def test_a_curve_with_steps_is_read_at_its_first_point() -> None:
    link = Knots(scores=(-3.0, -1.0, 0.0, 2.0), probabilities=(0.1, 0.3, 0.3, 0.9))
    reading = Reading(label="probability", link=link)
    found = nomogram_of("clinical", TWO.model_copy(update={"readings": (reading,)}), {})
    at = {tick.value: found.base + found.unit * tick.points for tick in found.scales[0].ticks}
    assert at[0.3] == pytest.approx(-1.0, abs=1e-9)
    assert at[0.6] == pytest.approx(1.0, abs=1e-9)


def test_a_model_of_coefficients_0_says_so() -> None:
    flat = TWO.model_copy(update={"sum": Terms(intercept=-1.0, columns=(0, 1), coefficients=(0.0, 0.0))})
    with pytest.raises(ValueError, match="every coefficient is 0"):
        nomogram_of("clinical", flat, {})
    nearly = TWO.model_copy(update={"sum": Terms(intercept=-1.0, columns=(0, 1), coefficients=(0.0001, 0.0002))})
    with pytest.raises(ValueError, match=r"about one probability \(0.2689 to 0.2690\)"):
        nomogram_of("clinical", nearly, {})


# the drawing


def ticks(svg: str) -> dict[tuple[str, int], float]:
    """Return (line, number) -> x of each tick in a drawing."""
    found = re.findall(r'<g id="tick-([\w-]+)-(\d+)">\s*<path d="M ([\d.]+) ', svg)
    return {(line, int(number)): float(x) for line, number, x in found}


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("score", [TWO, WORDS, blocks(3).ranged(np.array([[50.0, 1, 1, 1], [60, 0, 2, 0.5]]))])
def test_the_drawing_read_back_gives_the_models_probability(score: Score, narrow: bool) -> None:
    found = nomogram_of("f", score, LEVELS)
    at = ticks(drawn(found, narrow=narrow))
    left, right = at["points", 0], at["points", 10]
    assert left < right
    for number, line in enumerate(found.lines):
        for place, tick in enumerate(line.ticks):
            points = 100 * (at[str(number), place] - left) / (right - left)
            assert points == pytest.approx(tick.points, abs=100 * 1e-6)
    scale = found.scales[0]
    for place, tick in enumerate(scale.ticks):
        total = found.most * (at["read-0", place] - left) / (right - left)
        assert by_hand(found.base + found.unit * total) == pytest.approx(tick.value, rel=1e-6)
    for place, tick in enumerate(found.total):
        assert found.most * (at["total", place] - left) / (right - left) == pytest.approx(
            tick.points, abs=found.most * 1e-6
        )


def test_every_level_is_written_and_long_names_are_broken() -> None:
    """Five grades on a hundredth of the axis: none may be left out, as numbers may."""
    name = "dess@V00/tibial_subchondral_medial/wavelet-LLH_glrlm_RunLengthNonUniformityNormalized"
    grades = tuple(column(f"grade={i} of 4", 0, 1) for i in range(1, 5))
    score = Score(
        columns=(*grades, column(name, 0.0, 0.004)),
        sum=Terms(intercept=0.0, columns=(0, 1, 2, 3, 4), coefficients=(0.01, 0.02, 0.03, 0.031, 900.0)),
    )
    found = nomogram_of("f", score, {"grade": ("none", "1 of 4", "2 of 4", "3 of 4", "4 of 4")})
    for narrow in (False, True):
        text = drawn(found, narrow=narrow)
        for level in ("none", "1 of 4", "2 of 4", "3 of 4", "4 of 4"):
            assert f">{level}<" in text
        assert name not in text
        assert "RunLengthNonUniformityNormalized<" in text


def test_the_pdf_has_its_fonts_and_no_date() -> None:
    found: Nomogram = nomogram_of("clinical", TWO, {})
    content = drawn(found).printed()["pdf"]
    assert content.startswith(b"%PDF-")
    assert content == drawn(found).printed()["pdf"]
    assert b"/FontFile2" in content
    assert b"CreationDate" not in content
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", content, flags=re.S)
    assert any(b" l\n" in zlib.decompress(part) for part in streams if part[:1] == b"x")


def test_formulas_are_printed_with_the_page(tmp_path: Path) -> None:
    report = report_of(shipped("tables", tmp_path))
    name, (fit, *_) = next(iter(report.folds.items()))
    scored = fit.model_copy(update={"score": blocks(13).model_copy(update={"ranges": {"radiomic": (-2.0, 3.0)}})})
    html = section.study(replace(report, final={name: scored}, nomogram=name)).html
    assert '<details class="formula"><summary>radiomic score: 13 columns</summary>' in html
    assert '<h3 class="printed">Radiomic score</h3>' in html
    assert 'addEventListener("beforeprint", () => document.querySelectorAll("details.formula")' in html
