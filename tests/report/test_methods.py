"""The methods paragraph says what the study says, in whole sentences, whatever the settings are."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest
from markupsafe import Markup, escape
from papers import OF_CLASSES, report_of, shipped

from radfuse.errors import Problem, counted
from radfuse.fusion.config import OneModel, Selection, Strategy
from radfuse.fusion.selectors.stability import Stability
from radfuse.outcomes.survival import SurvivalOutcome
from radfuse.report.known import Known
from radfuse.report.methods import cohort, images, models
from radfuse.report.methods.paper import as_markdown, methods
from radfuse.report.methods.words import each, series, unit_word
from radfuse.report.sections.nomogram import page
from radfuse.results import Interval, ReaderAgreement, SurvivalFit
from radfuse.seg.config import Segmentation

SELECTION = [
    str(step.model_fields["kind"].default)
    for step in get_args(get_args(Selection)[0])
    if step is not Stability  # which needs columns that were measured again
]
LEARNERS = [str(model.model_fields["kind"].default) for model in get_args(OneModel) if not hasattr(model, "serves")]
STRATEGIES = [str(strategy.model_fields["kind"].default) for strategy in get_args(get_args(Strategy)[0])]


def sound(text: str) -> str:
    """Return a text that is grammatical as far as a program can tell."""
    assert "None" not in text
    assert "nan" not in text.split()
    assert not re.search(r"  | [,.;:)]|\(\)|\( |\.\.|,,|, \.|\{|\}|\[|\]|'_|_", text), re.search(
        r".{30}(  | [,.;:)]|\(\)|\( |\.\.|,,|\{|\}|\[|\]|_).{0,30}", text
    )
    for sentence in re.split(r"(?<=[.])\s+(?=[A-Z0-9*])", text):
        assert sentence[0].isupper() or sentence[0].isdigit() or sentence[0] == "*", sentence
        assert sentence.rstrip().endswith("."), sentence
    return text


def told(name: str, folder: Path, *overrides: str, **changed: object) -> str:
    return sound(as_markdown(methods(report_of(shipped(name, folder, overrides), **changed))))


@pytest.mark.parametrize("name", OF_CLASSES)
def test_every_shipped_study_has_sound_sentences(name: str, tmp_path: Path) -> None:
    text = told(name, tmp_path)
    for heading in (
        "Participants and outcome",
        "Images and features",
        "Models",
        "Validation",
        "Statistics",
        "Software",
    ):
        assert f"**{heading}.**" in text
    assert "in 40 patients, of which 16 (40.0%) had the event." in text


def test_units_that_lack_a_block_are_said_to_be_predicted_without_it(tmp_path: Path) -> None:
    text = told("markers_cascade", tmp_path)
    assert "There, units without the block markers were predicted from the other blocks, not imputed." in text


def test_units_without_any_value_of_a_sequence_are_told(tmp_path: Path) -> None:
    text = told("sarcoma_pet_ct", tmp_path, lacking={"radiomic, ct": 10, "radiomic, pet": 1})
    assert "All features were missing in 10 units (radiomic, ct) and 1 unit (radiomic, pet)." in text


def test_what_is_measured_beside_is_told(tmp_path: Path) -> None:
    one = Interval(value=0.5)
    agreement = [ReaderAgreement(readers=("a", "b"), units=9, kappa=one, icc=one)]
    text = told("rectal_pcr", tmp_path, readers=SimpleNamespace(agreement=agreement))
    alone = [agreement[0].model_copy(update={"kappa": Interval(value=None)})]
    assert "with each other by ICC(2,1)." in told("rectal_pcr", tmp_path, readers=SimpleNamespace(agreement=alone))
    assert (
        "**Further analyses.** Scores of 3 readers were compared with the models on the test units that each read, "
        "AUCs by DeLong's test, their calls at the cut 2 by McNemar's test (Obuchowski 1998; exact for few "
        "patients), and readers with each "
        "other by weighted kappa and ICC(2,1)."
    ) in text
    assert "an intraclass correlation ICC(2,1) between readers' masks below 0.75 (block radiomic)" in text
    asked = "evaluation={subgroups: [sex], optimism: 1, permutations: 200, learning_curve: {shares: [0.5, 1]}}"
    variants = SimpleNamespace(changes={"svm": "fusion.classifier"}, apart={})
    text = told("knee_oa_incidence", tmp_path, asked, variants=variants)
    assert (
        "The AUC was measured in each group of site and sex that is large enough, and these were compared by Wald's "
        "test. For sensitivity, "
        "1 variant of the analysis stood beside it, on the same test units. Optimism was estimated by 1 "
        "bootstrap sample of patients (Harrell et al. 1996). Outcomes were shuffled between patients 200 times, and "
        "every family was fitted to each shuffle. Learning curves show models fitted to 50% and 100% of the training "
        "patients."
    ) in text
    assert "Further analyses" not in told("knee_load_bearing", tmp_path)


def test_units_with_the_event_are_not_taken_for_patients(tmp_path: Path) -> None:
    report = report_of(shipped("tables", tmp_path))
    report.units[report.patient] = [f"p{place // 2}" for place in range(40)]
    assert "of 20 patients; 16 units (40.0%) had the event." in sound(" ".join(cohort.sentences(Known(report))))


def test_events_after_the_horizon_are_none_by_the_horizon(tmp_path: Path) -> None:
    report = report_of(
        shipped("tables", tmp_path),
        settings=shipped("osteosarcoma_survival", tmp_path).model_dump(mode="json"),
        event="“died” by 60 months",
        results=SimpleNamespace(performance=(SimpleNamespace(follow_up=64.44),)),
    )
    report.units["months"] = np.where(np.arange(40) < 5, 61.0, 20.0)  # of 16 events two after month 60
    (first, *_) = cohort.sentences(Known(report))
    assert first == (
        "We predicted the event “died” by 60 months from times to it in 40 patients, of which 16 (40.0%) had the event "
        "(14 of them by then, 2 later); median follow-up was 64.4 months (reverse Kaplan-Meier)."
    )


NAMES = ("died", "event", "pCR", "progressed_24m", "KL>=2")
"""Columns of outcomes: a verb, a noun, an abbreviation, with an underscore, with signs."""


@pytest.mark.parametrize("name", NAMES)
def test_a_column_of_the_outcome_is_no_word_of_a_sentence_but_a_name_in_it(name: str, tmp_path: Path) -> None:
    spoken = name.replace("_", " ")
    (first, *_) = cohort.sentences(Known(report_of(shipped("tables", tmp_path), outcome=name)))
    assert first.startswith(f"We predicted the outcome “{spoken}” (event: 1) in 40 patients")
    timed = SurvivalOutcome(time="months", event=name, horizon=60, unit="months")
    report = report_of(
        shipped("tables", tmp_path),
        settings=shipped("osteosarcoma_survival", tmp_path).model_dump(mode="json"),
        event=timed.event_name(),
        results=SimpleNamespace(performance=(SimpleNamespace(follow_up=64.44),)),
    )
    report.units["months"] = 20.0
    (first, *_) = cohort.sentences(Known(report))
    assert first.startswith(f"We predicted the event “{spoken}” by 60 months from times to it in 40 patients")
    fit = SurvivalFit(times=(5.0,), hazard=(1.0,), groups=(0.1, 0.2))
    assert [reading.label for reading in timed.readings(fit)] == [
        "probability of the event by 60 months",
        "survival at 60 months",
    ]
    pages = [page("t", name, "1", "clinical", Markup("{}"), timed=False)]
    pages.append(page("t", name, timed.event_name(), "clinical", Markup("{}"), timed=True))
    for text, said in zip(pages, ("“{}”: 1", "“{}” by 60 months"), strict=True):
        named = said.format(escape(name))
        assert f"The model clinical: probability of the event (<b>{named}</b>), computed" in text


@pytest.mark.parametrize("kind", SELECTION)
def test_every_selection(kind: str, tmp_path: Path) -> None:
    text = told("tables", tmp_path, f"fusion.selection=[{{kind: {kind}, blocks: [radiomic]}}]")
    assert "Columns were selected by" in text
    assert "(block radiomic)." in text
    assert f"({kind})" not in text  # has words of its own


@pytest.mark.parametrize("kind", LEARNERS)
def test_every_learner(kind: str, tmp_path: Path) -> None:
    text = told("tables", tmp_path, f"fusion.classifier={{kind: {kind}}}", "fusion.strategy={kind: mean}")
    assert "The learner was" in text
    assert f"({kind})" not in text


@pytest.mark.parametrize("kind", STRATEGIES)
def test_every_strategy(kind: str, tmp_path: Path) -> None:
    text = told("tables", tmp_path, f"fusion.strategy={{kind: {kind}}}")
    assert "In families of several blocks, these were joined by" in text
    assert f"({kind})" not in text


def test_every_backend_has_words_of_its_own() -> None:
    backends = {str(backend.model_fields["backend"].default) for backend in get_args(get_args(Segmentation)[0])}
    assert images._BACKENDS.keys() | images._UNTRAINED.keys() == backends - {"manual"}


@pytest.mark.parametrize(
    ("learner", "strategy", "words"),
    [
        ("{kind: linear}", "stack", "a linear regression of the blocks' inner out-of-fold predictions (stacking)"),
        ("{kind: linear, l1_share: 1}", "mean", "linear regression with the LASSO"),
        ("{kind: linear, l1_share: 0.5}", "mean", "the mean of the blocks' predictions"),
        ("{kind: regression_forest}", "early", "extremely randomised regression trees (Geurts 2006"),
        ("{kind: regression_forest, grown: random}", "early", "a random forest of regression trees (Breiman 2001"),
        ("{kind: regression_trees}", "penalty", "a ridge regression with a penalty for each block (Boulesteix"),
    ],
)
def test_models_of_a_value_add_up_predictions(learner: str, strategy: str, words: str, tmp_path: Path) -> None:
    outcome = "cohort.outcome={column: progressed, kind: continuous}"
    said = [outcome, f"fusion.classifier={learner}", f"fusion.strategy={{kind: {strategy}}}", "fusion.recalibrate=null"]
    text = sound(" ".join(models.sentences(Known(report_of(shipped("tables", tmp_path, said))))))
    assert words in text
    assert "log odds" not in text


@pytest.mark.parametrize("mean", [0.0, 1e-17, 3.0])
def test_a_value_around_0_has_no_size_that_makes_its_mean_known(mean: float, tmp_path: Path) -> None:
    outcome = "cohort.outcome={column: progressed, kind: continuous}"
    said = [outcome, "fusion.classifier={kind: linear}", "fusion.strategy={kind: early}", "fusion.recalibrate=null"]
    report = report_of(shipped("tables", tmp_path, said))
    report.units["progressed"] = mean + np.tile([-1.0, 1.0], 20)  # standardised beforehand, or not
    assert (Known(report).size is None) == (mean < 1)


def test_models_of_classes_are_of_each_against_the_rest(tmp_path: Path) -> None:
    said = [
        *("cohort.outcome={column: progressed, kind: multiclass}", "fusion.oversample=smote"),
        *("fusion.classifier={kind: random_forest, class_weight: balanced}", "fusion.recalibrate={kind: platt}"),
        "fusion.selection=[]",
    ]
    text = sound(" ".join(models.sentences(Known(report_of(shipped("tables", tmp_path, said))))))
    for words in (
        "a model of its own against the rest, with settings of its own.",
        "Each class and the rest were weighted equally in training.",
        "Units of the rarer of each class and its rest were synthesised",
        "Probabilities of each class against the rest were recalibrated by Platt scaling",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("split", "sentence"),
    [
        ("{folds: 5, repeats: 3}", "with 5 outer folds by patient, stratified by the outcome, dealt 3 times anew."),
        ("{folds: 4, stratified: false}", "with 4 outer folds by patient."),
        ("{kind: holdout, test_fraction: 0.3}", "tested on a random 30% of the patients, drawn within classes."),
        ("{kind: temporal, column: date}", "tested on the last 30%, by the column date."),
        ("{kind: temporal, column: date, test_from: '2019'}", "tested on those from 2019 on, by the column date."),
        ("{kind: leave_site_out, column: site}", "Each of 1 site was left out in turn"),
        ("{kind: column, column: fold}", "tested on the patients that the column fold names for it."),
    ],
)  # fmt: skip
def test_every_split(split: str, sentence: str, tmp_path: Path) -> None:
    assert sentence in told("tables", tmp_path, f"cohort.split={split}")


@pytest.mark.parametrize(
    ("split", "said"),
    [("{kind: temporal, column: date}", True), ("{kind: holdout, repeats: 4}", False), ("{folds: 5}", False)],
)
def test_one_test_set_is_told_with_its_numbers(split: str, said: bool, tmp_path: Path) -> None:
    text = told("tables", tmp_path, f"cohort.split={split}")
    assert ("The test set held 40 units, 16 of them with the event." in text) is said


def test_variants_of_other_test_folds_are_said_to_be(tmp_path: Path) -> None:
    variants = SimpleNamespace(changes={"svm": "fusion", "dealt": "seed"}, apart={"dealt": "its test folds are others"})
    assert "2 variants of the analysis stood beside it, on the same test units (but for dealt)." in told(
        "tables", tmp_path, variants=variants
    )


def test_fewer_inner_folds_than_asked_for_are_said_to_be(tmp_path: Path) -> None:
    warnings = [Problem("fusion.inner_folds", "5 are wanted", severity="warning")]
    assert "were chosen in up to 5 inner folds of each training set" in told("tables", tmp_path, warnings=warnings)


@pytest.mark.parametrize(("threshold", "chosen"), [("half", False), ("0.3", False), ("{cost: 4}", True)])
def test_a_stated_threshold_is_not_said_to_be_chosen(threshold: str, chosen: bool, tmp_path: Path) -> None:
    fixed = [f"fusion.threshold={threshold}", "fusion.classifier={kind: lda}", "fusion.selection=[]"]
    text = told("tables", tmp_path, *fixed, "fusion.strategy={kind: early}", tuned={})
    assert ("thresholds were chosen on predictions" in text) == chosen


def test_habitats_of_a_number_that_is_looked_for(tmp_path: Path) -> None:
    text = told("sarcoma_habitats", tmp_path)
    assert "cut into 2 to 4 habitats, the number by the criterion of Calinski and Harabasz, by k-means of" in text


def test_numbers_of_the_extraction_are_told(tmp_path: Path) -> None:
    text = told("sarcoma_pet_ct", tmp_path)
    assert "Features were measured on 3 image sequences (t1, ct and pet)." in text
    assert "All masks were drawn manually." in text
    assert "Grey levels of t1 were centred at the mean of the body and scaled to a standard deviation of 100." in text
    assert "Grey levels of ct were clipped to the window from -200 to 300." in text
    assert "discretised with a bin width of 25 for t1 and ct and a bin width of 0.25 for pet." in text
    assert "107 radiomic features per unit were computed from the original images (shape, firstorder, glcm" in text
    text = told("osteosarcoma_response", tmp_path, "radiomics.spacing_zyx_mm=[1, 1, 1]", "radiomics.bin_count=32")
    assert "resampled to 1 × 1 × 1 mm by B-spline interpolation (z, y, x), masks by the nearest neighbour." in text
    assert "discretised with 32 bins." in text
    assert "the original images and Laplacian of Gaussian (sigma 1 and 3 mm) images" in text
    text = told("rectal_pcr", tmp_path)
    assert "correlation ICC(2,1) between readers' masks below 0.75 (block radiomic), then by " in text
    assert "Spearman correlations above 0.95" in text


def test_what_is_done_against_imbalance_and_sites_is_told(tmp_path: Path) -> None:
    text = told(
        "tables",
        tmp_path,
        *("fusion.oversample=smote", "fusion.recalibrate={kind: platt}", "fusion.classifier={kind: logistic}"),
        *("cohort.site=site", "fusion.harmonise={kind: combat}", "fusion.threshold=half"),
    )
    for part in ("by SMOTE", "recalibrated by Platt scaling", "by ComBat", "from 2 sites", "a probability of 0.5"):
        assert part in text
    assert "(c: 0.01, 0.1 and 1) were chosen in 5 inner folds of each training set" in text


def test_where_masks_come_from_is_told(tmp_path: Path) -> None:
    text = told("sarcoma", tmp_path, masks={"cross_fitted": 30, "manual": 10})
    assert "Of 40 masks, 30 were predicted by a U-Net trained anew for each group held out" in text
    assert "and 10 were drawn manually." in text
    assert "40 deep features per unit were averages of the segmentation network's encoder" in text


def test_words() -> None:
    assert unit_word(["case_id"]) == "case"
    assert unit_word(["patient_id", "side"]) == "patient and side"
    assert [series("ab"[:n]) for n in (0, 1, 2)] == ["", "a", "a and b"]
    assert series(["a", "b, c", "d"]) == "a, b, c and d"
    assert (counted(1, "fold"), counted(1200, "fold")) == ("1 fold", "1,200 folds")
    assert each({"t1": "x", "t2": "x"}) == "x"
    assert each({"t1": "x", "t2": "y", "t3": "x"}) == "x for t1 and t3 and y for t2"


def test_what_is_learned_from_images_is_said(tmp_path: Path) -> None:
    text = told(
        "sarcoma_pet_ct",
        tmp_path,
        "cohort.optional_images=[]",
        "regions=[{kind: habitats, name: parts, of: tumour, sequences: [ct, pet], method: mixture}]",
        "morphometry=[]",
        "sequences.t1.normalise=[{kind: n4}, {kind: nyul}]",
        "sequences.ct.normalise=[{kind: whitestripe, within: tumour, peak: darkest}]",
        "sequences.pet={map: true, radiomics: {bin_width: 0.1}}",
    )
    assert (
        "Parts was cut into 3 habitats by a mixture of Gaussians of the values of voxels on ct and pet, in standard "
        "deviations of the training voxels, fitted on the training cases of each fold."
    ) in text
    assert (
        "then standardised by percentiles of the body to landmarks learned from the training cases of each fold" in text
    )
    assert "Grey levels of ct were centred at the darkest peak in the histogram of tumour and scaled" in text
    assert "Values of pet were quantities, measured in their own units." in text
