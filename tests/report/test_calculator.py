"""A browser runs the page's calculators: they say what the bundle's ONNX files say, to 1e-9, with gaps and without."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from studies import figures_undrawn

from radfuse.config import apply_overrides, read_yaml, to_yaml
from radfuse.phantom.table import TablePhantom, write_table_phantom
from radfuse.pipeline import run_study
from radfuse.report.calculator import calculator
from radfuse.report.nomogram import nomogram_of
from radfuse.report.sections.nomogram import page
from radfuse.results import Score
from radfuse.results.score import Beta, Cloglog, Knots, Reading, ScoreColumn, Survival, Terms, Total, Weighed

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
in_a_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; .ci/run installs it where there is one")
ROWS = 20
FILL = """
<script>
const told = {}, asked = ASKED;
for (const root of document.querySelectorAll(".calculator")) {
  const field = (name) => [...root.querySelectorAll("[data-name]")].find((one) => one.dataset.name === name);
  const fill = (name, text, event) => {
    const at = field(name);
    if (at.type === "checkbox") at.checked = text === "yes"; else at.value = text;
    at.dispatchEvent(new Event(event));
  };
  told[root.dataset.family] = asked[root.dataset.family].map((row) => {
    for (const [name, text] of Object.entries(row))
      fill(name, text, field(name).matches("select, [type=checkbox]") ? "change" : "input");
    for (const label of root.querySelectorAll("label[hidden]"))
      if (getComputedStyle(label).display !== "none") return "a box that is hidden is shown";
    return root.querySelector("output").dataset.probability ?? root.querySelector("output").textContent;
  });
}
document.body.innerHTML = "";
document.body.append(JSON.stringify(told));
</script>
"""


def computed(page_text: str, asked: dict[str, list[dict[str, str]]], folder: Path) -> dict[str, list[str]]:
    """Return what a page's calculators say where their fields are filled in, row by row."""
    filled = folder / "filled.html"
    filled.write_text(page_text + FILL.replace("ASKED", json.dumps(asked).replace("<", "\\u003c")), encoding="utf-8")
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    command = [str(CHROMIUM), *flags.split(), f"--user-data-dir={folder / 'profile'}", "--dump-dom", filled.as_uri()]
    found = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
    text = re.search(r"<body>(\{.*\})\s*</body>", found, flags=re.S)
    assert text is not None, found[-2000:]
    return dict(json.loads(html.unescape(text[1])))


class Shipped:
    """A family of a bundle: its score, rows with gaps, and what its ONNX file says of them."""

    def __init__(self, run: Path, name: str, seed: int) -> None:
        schema = json.loads((run / "bundle/bundle.json").read_text())
        family = schema["families"][name]
        self.score = Score.model_validate(family["score"])
        self.levels = {item["column"]: item["levels"] for item in schema["clinical"] if isinstance(item, dict)}
        self.nomogram = nomogram_of(name, self.score, self.levels)
        used = [column.name for column in self.score.columns]
        tables = [pd.read_parquet(path) for path in sorted((run / "features/design").glob("*.parquet"))]
        whole = pd.concat([table[[one for one in used if one in table]] for table in tables], axis=1)[used]
        generator = np.random.default_rng(seed)
        self.rows = whole.to_numpy(dtype=float)[generator.integers(0, len(whole), ROWS)]
        self.rows[generator.random(self.rows.shape) < 0.1] = np.nan
        for i, block in enumerate((*self.score.blocks, *self.score.blocks)):
            self.rows[i, self.score.of_block(block)] = np.nan
        columns = [item["name"] for item in family["inputs"]]
        full = np.full((ROWS, len(columns)), np.nan)
        full[:, [columns.index(one) for one in used]] = self.rows
        session = onnxruntime.InferenceSession(run / "bundle" / family["file"], providers=["CPUExecutionProvider"])
        self.expected = session.run(["probability"], {"features": full})[0]

    def asked(self) -> list[dict[str, str]]:
        """Return the rows as a reader would fill them in."""
        blocks = [line.block for line in self.nomogram.lines if line.block]
        return [self._filled(row, blocks) for row in self.rows]

    def _filled(self, row: np.ndarray, blocks: list[str]) -> dict[str, str]:
        filled: dict[str, str] = {}
        pasted: dict[str, list[str]] = {block: [] for block in blocks}
        for column, value in zip(self.score.columns, row.tolist(), strict=True):
            text = "" if np.isnan(value) else repr(value)
            word, _, level = column.name.partition("=")
            if column.block in pasted:
                pasted[column.block].append(f"{column.name},{text}")
            elif word in self.levels:
                filled[word] = "" if not text else level if value else filled.get(word) or self.levels[word][0]
            else:
                filled[column.name] = text
        return filled | {f"{block} columns": "\n".join(lines) for block, lines in pasted.items()}


@pytest.fixture(scope="module")
def score_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the strategy `score`: clinical columns beside a score of each other block."""
    folder = tmp_path_factory.mktemp("score_run")
    study = write_table_phantom(folder / "T", TablePhantom(patients=40, seed=9))
    settings = [
        *("fusion.classifier={kind: ridge, spreads: [0.3]}", "fusion.strategy={kind: score}", "fusion.inner_folds=2"),
        *("fusion.families=[clinical-radiomic]", "cohort.split.folds=2", "report.journal_figures=false"),
        "fusion.explain.rows=0",
    ]
    study.write_text(to_yaml(apply_overrides(read_yaml(study), settings)), encoding="utf-8")
    with figures_undrawn():
        return run_study(study, folder / "R").path


@in_a_browser
def test_calculators_say_what_the_files_say_after_lasso(phantom_run: tuple[Path, Path], tmp_path: Path) -> None:
    run = phantom_run[1]
    text = (run / "report/index.html").read_text(encoding="utf-8")
    families = re.findall('data-family="([^"]+)"', text)
    names = [name for name in families if name in ("clinical", "clinical-radiomic", "clinical-radiomic-deep")]
    assert len(names) == 3
    shipped = {name: Shipped(run, name, 1) for name in names}
    asked = {name: one.asked() for name, one in shipped.items()}
    asked |= {name: [] for name in families if name not in names}
    found = computed(text, asked, tmp_path)
    for name, one in shipped.items():
        np.testing.assert_allclose(np.array(found[name], dtype=float), one.expected, rtol=0, atol=1e-9)
        np.testing.assert_allclose(one.score.predict(one.rows), one.expected, rtol=0, atol=1e-9)


@in_a_browser
def test_a_calculator_takes_a_block_as_its_columns_or_as_its_score(score_run: Path, tmp_path: Path) -> None:
    one = Shipped(score_run, "clinical-radiomic", 2)
    assert [line.block for line in one.nomogram.lines if line.block] == ["radiomic"]
    text = (score_run / "report/calculators/clinical-radiomic.html").read_text(encoding="utf-8")
    asked = one.asked()
    score = one.score.block_score("radiomic", one.score.standardised(one.rows))
    here = [i for i in range(ROWS) if not np.isnan(one.rows[i, one.score.of_block("radiomic")]).all()]
    by_score = [{**asked[i], "radiomic columns": "", "radiomic score": repr(float(score[i]))} for i in here]
    lines = [line.split(",") for line in asked[here[0]]["radiomic columns"].split("\n")]
    table = "\n".join(";".join(f'"{row[i]}"' for row in lines) for i in (0, 1))
    asked = [*asked, *by_score, {**asked[here[0]], "radiomic columns": table}]
    found = computed(text, {"clinical-radiomic": asked}, tmp_path)["clinical-radiomic"]
    expected = [*one.expected, *one.expected[here], one.expected[here[0]]]
    np.testing.assert_allclose(np.array(found, dtype=float), expected, rtol=0, atol=1e-9)


@in_a_browser
def test_every_way_from_a_score_to_a_probability_is_computed_alike(tmp_path: Path) -> None:
    links: dict[str, Beta | Cloglog | Knots | Survival] = {
        "beta": Beta(intercept=0.2, a=0.7, b=1.4),
        "cloglog": Cloglog(hazard=0.3),
        "survival": Survival(hazard=0.3),
        "knots": Knots(scores=(-1.5, -0.5, -0.5 + 1e-9, 2.0), probabilities=(0.1, 0.3, 0.4, 0.8)),
    }
    age = ScoreColumn(name="age", block="clinical", missing=55, mean=50, scale=10, low=20, high=80, whole=False)
    values = np.array([-400.0, 20.0, 44.9, 45.0, 50.0, 61.3, 80.0, 500.0, np.nan])
    pages, expected = [], {}
    for name, link in links.items():
        sum_ = Terms(intercept=0.0, columns=(0,), coefficients=(1.0,))
        score = Score(columns=(age,), sum=sum_, readings=(Reading(label="p", link=link),))
        expected[name] = score.predict(values[:, None])
        pages.append(page("t", "o", "1", name, calculator(nomogram_of(name, score, {}), score, {}, 0.5), timed=False))
    forms = [re.search('<div class="calculator".*?</output>\\s*</div>', text, flags=re.S) for text in pages[1:]]
    whole = pages[0].replace('<script>"use', "".join(form[0] for form in forms if form) + '<script>"use')
    asked = [{"age": "" if np.isnan(value) else repr(float(value))} for value in values]
    found = computed(whole, dict.fromkeys(links, asked), tmp_path)
    for name in links:
        np.testing.assert_allclose(np.array(found[name], dtype=float), expected[name], rtol=0, atol=1e-9)


@in_a_browser
def test_a_block_without_a_value_in_use_may_be_there_all_the_same(tmp_path: Path) -> None:
    about: dict[str, Any] = {"missing": 0, "mean": 0, "scale": 1, "low": -1, "high": 1, "whole": False}
    columns = (ScoreColumn(name="age", block="clinical", **about), ScoreColumn(name="f", block="radiomic", **about))
    age = Weighed(weight=0.5, blocks=("clinical",), score=Terms(intercept=1.0, columns=(0,), coefficients=(1.0,)))
    f = Weighed(weight=0.5, blocks=("radiomic",), score=Terms(intercept=-2.0, columns=(1,), coefficients=(1.0,)))
    score = Score(columns=columns, sum=Total(intercept=0.0, parts=(age, f)))
    text = page("t", "o", "1", "both", calculator(nomogram_of("both", score, {}), score, {}, 0.5), timed=False)
    rows = [{"age": "1", "f": ""}, {"radiomic is there": "yes"}, {"f": "3"}, {"f": "", "radiomic is there": "no"}]
    found = computed(text, {"both": rows}, tmp_path)["both"]
    assert '"open": ["clinical", "radiomic"]' in text
    told = calculator(nomogram_of("both", score, {}), score, {}, 0.5, columns_in={"clinical": 1, "radiomic": 7})
    assert '"open": ["radiomic"]' in told
    sums = [2.0, 0.5 * 2 + 0.5 * -2, 0.5 * 2 + 0.5 * 1, 2.0]  # age carries the weight of f, unless f was imputed
    np.testing.assert_allclose(np.array(found, dtype=float), 1 / (1 + np.exp(-np.array(sums))), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["clinical", "clinical-radiomic-deep"])
def test_points_of_complete_rows_lead_to_the_files_probability(phantom_run: tuple[Path, Path], name: str) -> None:
    one = Shipped(phantom_run[1], name, 3)
    check_points(one)


def test_points_of_a_block_score_lead_to_the_files_probability(score_run: Path) -> None:
    check_points(Shipped(score_run, "clinical-radiomic", 3))


def check_points(one: Shipped) -> None:
    """Add up the points of each axis of the nomogram, as a reader does, on rows without gaps of a block."""
    whole = [
        i for i in range(ROWS) if all(not np.isnan(one.rows[i, one.score.of_block(b)]).all() for b in one.score.blocks)
    ]
    assert len(whole) > 10
    rows = one.rows[whole]
    values = np.where(np.isnan(rows), [column.missing for column in one.score.columns], rows)
    place = {column.name: i for i, column in enumerate(one.score.columns)}
    total = np.zeros(len(rows))
    for line in one.nomogram.lines:
        if line.block or line.name in place:
            at = (
                one.score.block_score(line.block, one.score.standardised(rows))
                if line.block
                else values[:, place[line.name]]
            )
            low, high = line.ticks[0], line.ticks[-1]
            total += low.points + (at - low.value) * (high.points - low.points) / (high.value - low.value)
            continue
        assert line.missing is not None
        points = {tick.label: tick.points for tick in line.ticks}
        chosen = rows[:, place[f"{line.name}={one.levels[line.name][1]}"]]
        first, second = (points[level] for level in one.levels[line.name])
        total += np.where(np.isnan(chosen), line.missing.points, np.where(chosen == 1, second, first))
    reached = one.score.readings[0].link.of(one.nomogram.base + one.nomogram.unit * total)
    np.testing.assert_allclose(reached, one.expected[whole], rtol=0, atol=1e-9)


def test_no_tag_can_begin_in_the_model(phantom_run: tuple[Path, Path]) -> None:
    one = Shipped(phantom_run[1], "clinical", 4)
    column = one.score.columns[0].model_copy(update={"name": "</script><b>age"})
    score: Any = one.score.model_copy(update={"columns": (column, *one.score.columns[1:])})
    text = calculator(one.nomogram, score, {}, 0.5)
    assert "<" not in text
    assert json.loads(text)["columns"][0]["name"] == "</script><b>age"
