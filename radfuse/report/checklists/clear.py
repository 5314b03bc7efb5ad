"""CLEAR: 58 items that a radiomic study reports.

Source:
    Kocak et al. 2023, doi:10.1186/s13244-023-01415-8; item texts in our own words.
"""

from __future__ import annotations

from radfuse.report.checklists.checklist import Checklist, Item

_DESIGN, _DATA, _MASKS = "Method: study design", "Method: data", "Method: segmentation"
_IMAGES, _FEATURES = "Method: pre-processing", "Method: feature extraction"
_PREPARING, _MODEL, _TEST = "Method: data preparation", "Method: modeling", "Method: evaluation"
_SHARED = "Open science"

CLEAR = Checklist(
    "CLEAR",
    "Kocak et al. 2023, doi:10.1186/s13244-023-01415-8",
    (
        Item("1", "Title", "Title that names the radiomic method"),
        Item("2", "Abstract", "Structured summary"),
        Item("3", "Keywords", "Keywords of radiomics"),
        Item("4", "Introduction", "Scientific or clinical background"),
        Item("5", "Introduction", "Why radiomics"),
        Item("6", "Introduction", "Objectives"),
        Item("7", _DESIGN, "Guidelines or checklists followed", "guideline"),
        Item("8", _DESIGN, "Ethics: approval, consent, data protection"),
        Item("9", _DESIGN, "Sample size", "sample_size"),
        Item("10", _DESIGN, "Nature of the study, retrospective or prospective"),
        Item("11", _DESIGN, "Eligibility criteria", "excluded"),
        Item("12", _DESIGN, "Flowchart of the technical pipeline"),
        Item("13", _DATA, "Source of the data"),
        Item("14", _DATA, "Overlap with earlier publications"),
        Item("15", _DATA, "How data were split", "partition"),
        Item("16", _DATA, "Imaging protocol"),
        Item("17", _DATA, "Non-radiomic predictors defined", "clinical_defined"),
        Item("18", _DATA, "Reference standard defined", "outcome_defined"),
        Item("19", _MASKS, "Strategy of segmentation", "masks_described"),
        Item("20", _MASKS, "Who segmented", "readers"),
        Item("21", _IMAGES, "Pre-processing of images", "preprocessing_told"),
        Item("22", _IMAGES, "Resampling and its parameters", "resampling"),
        Item("23", _IMAGES, "Discretisation and its parameters", "discretisation"),
        Item("24", _IMAGES, "Image types: original, filtered", "image_types"),
        Item("25", _FEATURES, "How features were extracted", "software"),
        Item("26", _FEATURES, "Feature classes", "classes"),
        Item("27", _FEATURES, "Number of features", "feature_count"),
        Item("28", _FEATURES, "All other settings at their defaults, or told", "extraction_settings"),
        Item("29", _PREPARING, "Missing data", "missing"),
        Item("30", _PREPARING, "Class imbalance", "imbalance"),
        Item("31", _PREPARING, "Reliability of segmentation", "reliability"),
        Item("32", _PREPARING, "Scaling of features", "scaling"),
        Item("33", _PREPARING, "Reduction of dimensions", "reduction_told"),
        Item("34", _MODEL, "Algorithms", "learners"),
        Item("35", _MODEL, "Training and tuning", "tuning"),
        Item("36", _MODEL, "Confounders", "confounders"),
        Item("37", _MODEL, "How the final model was picked", "picking"),
        Item("38", _TEST, "Testing: internal, external", "testing_told"),
        Item("39", _TEST, "Measures of performance", "measures"),
        Item("40", _TEST, "Uncertainty", "uncertainty"),
        Item("41", _TEST, "Statistical comparison of performance", "compared"),
        Item("42", _TEST, "Compared with non-radiomic and combined methods", "non_radiomic"),
        Item("43", _TEST, "Interpretability", "explained"),
        Item("44", "Results", "Baseline characteristics", "table_one"),
        Item("45", "Results", "Flowchart of eligibility"),
        Item("46", "Results", "Statistics of features", "chosen"),
        Item("47", "Results", "Performance of the models", "measures"),
        Item("48", "Results", "Comparison with non-radiomic and combined approaches", "non_radiomic"),
        Item("49", "Discussion", "Overview of findings"),
        Item("50", "Discussion", "Earlier work, and what differs"),
        Item("51", "Discussion", "Practical implications"),
        Item("52", "Discussion", "Strengths and limitations"),
        Item("53", _SHARED, "Images with their segmentation are shared", "share_images"),
        Item("54", _SHARED, "Feature data are shared", "share_data"),
        Item("55", _SHARED, "Pre-processing scripts or settings are shared", "share_code"),
        Item("56", _SHARED, "Source code of the modeling is shared", "share_code"),
        Item("57", _SHARED, "Final model files are shared", "share_model"),
        Item("58", _SHARED, "A system ready to use is shared", "share_model"),
    ),
)
