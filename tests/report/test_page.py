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

import radfuse.report
from radfuse.report.palette import looks
from radfuse.report.printed import interval
from radfuse.results import StudyResults

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
    assert [target for target in parsed.fetched if not target.startswith("data:image/png;")] == []
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)
    assert len(parsed.ids) == len(set(parsed.ids))
    assert {target[1:] for target in parsed.targets} <= set(parsed.ids)


def test_the_page_shows_what_was_measured(page: str, phantom_run: tuple[Path, Path]) -> None:
    results = StudyResults.model_validate_json((phantom_run[1] / "models/comparison/results.json").read_text())
    for item in results.performance:
        assert interval(item.auc) in page
        assert interval(item.calibration_slope, 2) in page
    for pair in results.comparisons:
        assert interval(pair.difference) in page
    for heading in ("Cohort at a glance", "Discrimination", "Calibration", "Chosen features", "Settings and versions"):
        assert f">{heading}</h2>" in page
    assert "What a block adds" in page
    assert "radiomic beside clinical" in page
    assert "clinical score = " in page
    assert "scikit-learn" in page
    assert "nan" not in re.sub(r"<svg.*?</svg>|<style.*?</style>", "", page, flags=re.S).lower().split()


def test_every_size_that_a_figure_is_printed_at_is_in_the_style() -> None:
    folder = Path(radfuse.report.__file__).parent / "templates"
    templates = " ".join(path.read_text() for path in folder.rglob("*.html"))
    asked = set(re.findall(r'<figure[^>]*class="(\w+)"', templates))
    assert {"half", "third"} <= asked
    style = (folder / "style.css").read_text()
    assert [name for name in asked if f".{name} svg {{ max-height" not in style] == []


def test_the_page_says_when_by_what_and_how_it_was_made(page: str) -> None:
    assert re.search(r"Made on \d{4}-\d\d-\d\d by radfuse \d+\.\d+\.\d+\S*: <code>radfuse run study.yaml</code>", page)


def test_figures_are_numbered_from_1(page: str) -> None:
    numbers = re.findall(r"<figcaption><b>Figure (\d+)\.</b> ", page)
    assert numbers == [str(number) for number in range(1, len(numbers) + 1)]
    # overview, ROC, AUC, ROC by family, gains, calibration, two of decisions, two of scores, columns of six, nomograms,
    # five that explain
    assert len(numbers) == len(re.findall(r"<figure\b", page)) == 27


def test_the_page_tells_no_folder_of_this_machine(page: str, phantom_run: tuple[Path, Path]) -> None:
    folder = phantom_run[0].parent
    assert str(folder) not in page
    assert str(folder.parent) not in page
    assert "table: cohort.csv" in page
    assert str(folder / "cohort.csv") in (phantom_run[1] / "study.yaml").read_text()


def test_thresholds_and_the_pick_of_the_best_are_shown(page: str, phantom_run: tuple[Path, Path]) -> None:
    schema = json.loads((phantom_run[1] / "bundle/bundle.json").read_text())
    results = StudyResults.model_validate_json((phantom_run[1] / "models/comparison/results.json").read_text())
    for family in schema["families"].values():
        assert re.search(rf"{family['threshold']:.2f} \(0\.\d\d–0\.\d\d\)", page)
    best = max(results.performance, key=lambda item: item.auc.value or 0)
    assert (
        f"<b>{interval(best.auc, 2)}</b><span>best AUC of 6 families, picked after the fact: {best.family}; about 0."
        in page
    )


def test_patients_in_both_columns_are_explained(page: str, phantom_run: tuple[Path, Path]) -> None:
    outcomes = pd.read_csv(phantom_run[0].parent / "cohort.csv").groupby("patient_id")["progressed"].nunique()
    assert f"{(outcomes == 2).sum()} patients have units with and units without the event" in page


def test_findings_say_what_a_reviewer_would(page: str, phantom_run: tuple[Path, Path]) -> None:
    rarer = pd.read_csv(phantom_run[0].parent / "cohort.csv")["progressed"].value_counts().min()
    assert "What a reviewer would object to" in page
    assert f"Events per column ({rarer} units have the rarer outcome) lie below 10: " in page
    assert f"; deep {rarer / 64:.1f} for each of 64 candidates, " in page


def test_tables_and_figures_lie_beside_the_page(phantom_run: tuple[Path, Path]) -> None:
    folder = phantom_run[1] / "report"
    tables = {item.stem for item in (folder / "tables").iterdir()}
    nomograms = {name for name in tables if name.startswith("nomogram_")}
    assert {name.removesuffix("_scores") for name in nomograms} == {
        item.stem for item in (folder / "figures").glob("nomogram_*.svg")
    }
    assert len({item.stem for item in (folder / "calculators").iterdir()}) == 6
    assert tables - nomograms == {
        "table_one",
        "explanation_clinical_blocks",
        "explanation_clinical_columns",
        "performance",
        "classification",
        "calibration",
        "calibration_curve",
        "calls",
        "calls_by_rule",
        "decision",
        "reclassification",
        "comparisons",
        "additions",
        "features",
        "scores",
        "audit",
    }
    for item in (folder / "figures").glob("*.svg"):
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


def test_no_template_asks_for_a_figure_that_may_not_be_there_by_its_name() -> None:
    """What is not there is an error in a template: `"c" in figures` is the question."""
    templates = Path(radfuse.report.__file__).parent / "templates"
    asked = [
        (path.name, line)
        for path in templates.rglob("*.html")
        for line in re.findall(r"{% if figures\.\w+ %}", path.read_text())
    ]
    assert asked == []
