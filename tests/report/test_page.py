"""The report holds what was measured, stands alone, and a browser draws it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from radfuse.report import figures, tables
from radfuse.report.figures import _mean_roc
from radfuse.report.palette import looks
from radfuse.results import ChosenFeature, Explanation, FittedFamily, Interval, StudyResults, UsedColumn
from radfuse.statistics import auc

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)


class Page(HTMLParser):
    """Collects ids, targets of links, and what would be fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.ids.append(value)
            if name in ("href", "xlink:href") and value:
                (self.targets if value.startswith("#") else self.fetched).append(value)
            if name == "src" and value:
                self.fetched.append(value)


@pytest.fixture(scope="module")
def page(phantom_run: tuple[Path, Path]) -> str:
    return (phantom_run[1] / "report/index.html").read_text(encoding="utf-8")


def test_the_page_stands_alone(page: str) -> None:
    parsed = Page()
    parsed.feed(page)
    assert parsed.fetched == []
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)
    assert len(parsed.ids) == len(set(parsed.ids))
    assert {target[1:] for target in parsed.targets} <= set(parsed.ids)


def test_the_page_shows_what_was_measured(page: str, phantom_run: tuple[Path, Path]) -> None:
    results = StudyResults.model_validate_json((phantom_run[1] / "models/comparison/results.json").read_text())
    for item in results.performance:
        assert tables.interval(item.auc) in page
        assert tables.interval(item.calibration_slope, 2) in page
    for pair in results.comparisons:
        assert tables.interval(pair.difference) in page
    for heading in ("Cohort at a glance", "Discrimination", "Calibration", "Chosen features", "Settings and versions"):
        assert f">{heading}</h2>" in page
    assert "clinical score = " in page
    assert "scikit-learn" in page
    assert "nan" not in re.sub(r"<svg.*?</svg>|<style.*?</style>", "", page, flags=re.S).lower().split()


def test_tables_and_figures_lie_beside_the_page(phantom_run: tuple[Path, Path]) -> None:
    folder = phantom_run[1] / "report"
    assert {item.stem for item in (folder / "tables").iterdir()} == {
        "table_one",
        "performance",
        "classification",
        "calibration",
        "comparisons",
        "features",
    }
    for item in (folder / "figures").iterdir():
        assert item.read_text(encoding="utf-8").startswith("<svg ")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; .ci/run installs it where the system offers it")
def test_a_browser_draws_the_page_with_all_family_colours(phantom_run: tuple[Path, Path], tmp_path: Path) -> None:
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    flags += " --disable-component-update --disable-sync --hide-scrollbars --window-size=900,2400"
    target = (phantom_run[1] / "report/index.html").resolve()
    command = [str(CHROMIUM), *flags.split(), f"--user-data-dir={tmp_path / 'profile'}"]
    command += [f"--screenshot={tmp_path / 'page.png'}", target.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    pixels = (imread(tmp_path / "page.png")[:, :, :3] * 255).round().astype(int)
    colours = {tuple(colour) for colour in np.unique(pixels.reshape(-1, 3), axis=0).tolist()}
    families = list(json.loads((phantom_run[1] / "bundle/bundle.json").read_text())["families"])
    assert len(families) == 6
    for name, (colour, _) in looks(families).items():
        assert tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5)) in colours, f"no pixel in the colour of {name}"


def test_table_one_of_four_units_by_hand() -> None:
    units = pd.DataFrame({"patient": ["a", "a", "b", "c"], "y": [1.0, 0.0, 0.0, 1.0], "site": ["n", "n", "s", "s"]})
    clinical = pd.DataFrame({"age": [50.0, 60.0, np.nan, 70.0], "sex=male": [1.0, 1.0, 0.0, 0.0]})
    table = tables.table_one(units, clinical, units["y"].to_numpy(), "patient", "site").set_index("characteristic")
    assert table.loc["Units", ["all", "without", "with"]].tolist() == ["4", "2", "2"]
    assert table.loc["Patients", ["all", "without", "with"]].tolist() == ["3", "2", "2"]
    assert table.loc["age, mean (SD)", ["all", "with", "missing"]].tolist() == [
        "60.0 (10.0)",
        "60.0 (14.1)",
        "1 (25.0%)",
    ]
    assert table.loc["sex: male, n (%)", ["all", "with", "smd"]].tolist() == ["2 (50.0%)", "1 (50.0%)", "0.00"]
    assert table.loc["site: s, n (%)", "all"] == "2 (50.0%)"


def test_chosen_features_count_folds_and_put_the_refitted_model_first() -> None:
    def fitted(fold: str, **coefficients: float) -> FittedFamily:
        columns = tuple(UsedColumn(name=name, block="deep", importance=value) for name, value in coefficients.items())
        said = Explanation(measure="coefficient", unit="log odds", columns=columns)
        return FittedFamily(
            family="deep", fold=fold, explanation=said, threshold=0.5, tuned={}, inner_auc=0.5, columns_in=9
        )

    folds = [fitted("1", a=1.0, b=0.1), fitted("2", b=0.2, c=-3.0)]
    chosen = tables.chosen_features("deep", folds, fitted("all", b=-0.5, d=0.1))
    assert [(item.name, item.importance, item.folds) for item in chosen] == [
        ("b", -0.5, 2),
        ("d", 0.1, 0),
        ("a", None, 1),
        ("c", None, 1),
    ]


@pytest.mark.parametrize(
    ("value", "text"), [(0.12345, "0.123"), (-0.0001, "0.000"), (-1.5, "−1.500"), (None, "–"), (float("nan"), "–")]
)
def test_numbers_read_as_in_print(value: float | None, text: str) -> None:
    assert tables.number(value) == text


def test_intervals_use_a_dash_only_between_positive_ends() -> None:
    assert tables.interval(Interval(value=0.8, low=0.7, high=0.9), 2) == "0.80 (0.70–0.90)"
    assert tables.interval(Interval(value=0.1, low=-0.2, high=0.4), 2) == "0.10 (−0.20 to 0.40)"
    assert tables.interval(Interval(value=0.1), 2) == "0.10"


def test_masks_are_counted_by_source_in_one_order() -> None:
    table = tables.mask_table({"external": 1, "manual": 3})
    assert table[["masks", "cases", "share"]].to_numpy().tolist() == [["manual", "3", "75%"], ["external", "1", "25%"]]
    assert table["how"][0] == "drawn by hand, as the cohort table names them"


def test_the_drawn_curve_has_the_area_of_the_auc() -> None:
    generator = np.random.default_rng(1)
    y = generator.integers(0, 2, 400)
    p = generator.random(400) * 0.6 + 0.4 * y * generator.random(400)
    rows = pd.DataFrame({"fold": "1", "outcome": y, "probability": p})
    assert np.trapezoid(_mean_roc(rows), dx=0.01) == pytest.approx(auc(y, p), abs=0.01)


def test_a_long_list_of_features_is_cut_and_says_how_many() -> None:
    many = [
        ChosenFeature(family="deep", name=f"dess/region/deep_{i}", block="deep", importance=1 / (i + 1), folds=1)
        for i in range(30)
    ]
    text, shown = figures.coefficient_plot(many, 5, ["deep"], "log odds")
    assert shown == 20
    assert "deep_19<" in text
    assert "deep_20<" not in text


def test_looks_go_by_place_and_keep_apart() -> None:
    found = looks(f"family {i}" for i in range(70))
    assert len(set(found.values())) == 70
    assert [look.colour for look in found.values()][:3] == ["#E69F00", "#0072B2", "#009E73"]
