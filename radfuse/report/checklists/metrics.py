"""METRICS: 30 items in nine categories with weights that sum to 1; items that do not apply leave the score.

Source:
    Kocak et al. 2024, doi:10.1186/s13244-023-01572-w; item texts in our own words, weights as in its Table 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from radfuse.report.checklists.checklist import Answer, Checklist, Item

_DESIGN, _IMAGES, _MASKS = "Study design", "Imaging data", "Segmentation"
_MEASURING, _COLUMNS = "Image processing and feature extraction", "Feature processing"
_PREPARING, _COMPARING = "Preparation for modeling", "Metrics and comparison"
_TESTING, _SHARING = "Testing", "Open science"

METRICS = Checklist(
    "METRICS",
    "Kocak et al. 2024, doi:10.1186/s13244-023-01572-w",
    (
        Item("1", _DESIGN, "Follows a checklist made for radiomics or machine learning", "guideline", 0.0368),
        Item("2", _DESIGN, "Eligibility criteria that make a representative population", "", 0.0735),
        Item("3", _DESIGN, "A reference standard of high quality, clearly defined", "", 0.0919),
        Item("4", _IMAGES, "Images from more than one institution", "sites", 0.0438),
        Item("5", _IMAGES, "Images acquired as clinical practice and its standards have it", "", 0.0292),
        Item("6", _IMAGES, "Imaging protocol with acquisition parameters", "", 0.0438),
        Item("7", _IMAGES, "Interval between imaging and reference standard", "", 0.0292),
        Item("8", _MASKS, "How regions were segmented is described", "masks_described", 0.0337),
        Item("9", _MASKS, "Automatic segmentation is evaluated formally", "masks_evaluated", 0.0225),
        Item("10", _MASKS, "Test masks come from one reader or from a tool", "masks_of_one", 0.0112),
        Item("11", _MEASURING, "Images are preprocessed suitably, and it is told how", "preprocessing", 0.0622),
        Item("12", _MEASURING, "Features by standardised software", "standard_software", 0.0311),
        Item("13", _MEASURING, "Settings of the extraction are told in full", "extraction_settings", 0.0415),
        Item("14", _COLUMNS, "Features that are not robust are removed", "robust", 0.0200),
        Item("15", _COLUMNS, "Redundant features are removed", "reduced", 0.0200),
        Item("16", _COLUMNS, "Number of features fits the number of units", "dimensions", 0.0300),
        Item("17", _COLUMNS, "Robustness of end-to-end deep learning", "end_to_end", 0.0200),
        Item("18", _PREPARING, "Data are partitioned properly", "partition", 0.0599),
        Item("19", _PREPARING, "Confounders are handled", "confounders", 0.0300),
        Item("20", _COMPARING, "Performance is measured suitably for the task", "measures", 0.0352),
        Item("21", _COMPARING, "Uncertainty is considered", "uncertainty", 0.0234),
        Item("22", _COMPARING, "Calibration is assessed", "calibration", 0.0176),
        Item("23", _COMPARING, "One imaging set, or proof that it is inferior", "one_sequence", 0.0117),
        Item("24", _COMPARING, "Compared with a non-radiomic approach", "non_radiomic", 0.0293),
        Item("25", _COMPARING, "Compared with simple or classical models", "classical", 0.0176),
        Item("26", _TESTING, "Internal testing", "internal_test", 0.0375),
        Item("27", _TESTING, "External testing", "external_test", 0.0749),
        Item("28", _SHARING, "Data are available", "share_data", 0.0075),
        Item("29", _SHARING, "Code is available", "share_code", 0.0075),
        Item("30", _SHARING, "The model is available", "share_model", 0.0075),
    ),
)
_BANDS = ((80, "excellent"), (60, "good"), (40, "moderate"), (20, "low"), (0, "very low"))


@dataclass(frozen=True)
class Score:
    """The score in percent of what applies.

    Attributes:
        now: open items counted as no.
        most: open items counted as yes.
        gains: what would raise it, the largest first: item, its answer, percentage points.
    """

    now: float
    most: float
    gains: tuple[tuple[Item, Answer, float], ...]

    @property
    def bands(self) -> str:
        """The score's category as it stands, and the one it can reach where that is another."""
        first, last = band(self.now), band(self.most)
        return first if first == last else f"{first} to {last}"


def score(rows: Sequence[tuple[Item, Answer]]) -> Score:
    """Return the METRICS score of answered items: weights of those met over weights of those that apply."""
    applying = [(item, answer) for item, answer in rows if answer.verdict != "not applicable"]
    total = sum(item.weight for item, _ in applying) or 1.0  # none applies where its authors say so
    shares = {
        verdict: 100 * sum(item.weight for item, answer in applying if answer.verdict == verdict) / total
        for verdict in ("yes", "open")
    }
    missing = [(item, answer, 100 * item.weight / total) for item, answer in applying if answer.verdict != "yes"]
    gains = tuple(sorted(missing, key=lambda found: -found[2]))
    return Score(shares["yes"], shares["yes"] + shares["open"], gains)


def band(percent: float) -> str:
    """Return the category of a score, which each fifth of the range has."""
    return next(name for least, name in _BANDS if percent >= least)
