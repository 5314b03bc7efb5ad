"""TRIPOD+AI: 27 items, some in parts, that a study of a prediction model reports.

Source:
    Collins et al. 2024, doi:10.1136/bmj-2023-078378; item texts in our own words.
"""

from __future__ import annotations

from radfuse.report.checklists.checklist import Checklist, Item

_HEAD, _INTRO, _METHODS = "Title and abstract", "Introduction", "Methods"
_SHARED, _PUBLIC, _RESULTS, _END = "Open science", "Patients and public", "Results", "Discussion"

TRIPOD_AI = Checklist(
    "TRIPOD+AI",
    "Collins et al. 2024, doi:10.1136/bmj-2023-078378",
    (
        Item("1", _HEAD, "Title: developing or evaluating a model, population, outcome"),
        Item("2", _HEAD, "Abstract by TRIPOD+AI for Abstracts"),
        Item("3a", _INTRO, "Healthcare context, rationale, existing models"),
        Item("3b", _INTRO, "Target population, intended purpose and users"),
        Item("3c", _INTRO, "Known inequalities between groups"),
        Item("4", _INTRO, "Objectives: development, evaluation or both"),
        Item("5a", _METHODS, "Sources of data, and how representative they are"),
        Item("5b", _METHODS, "Dates of data: start, end, end of follow-up"),
        Item("6a", _METHODS, "Setting, number and location of centres", "sites_counted"),
        Item("6b", _METHODS, "Eligibility criteria", "excluded"),
        Item("6c", _METHODS, "Treatments received, and how they were handled"),
        Item("7", _METHODS, "Preparation and quality checks of data", "preprocessing_told"),
        Item("8a", _METHODS, "Outcome, its time horizon, how it was assessed", "outcome_defined"),
        Item("8b", _METHODS, "Who assessed a subjective outcome"),
        Item("8c", _METHODS, "Blinding of the outcome's assessment"),
        Item("9a", _METHODS, "Why these predictors, and any selection before modelling"),
        Item("9b", _METHODS, "Predictors defined, how and when they were measured", "predictors_defined"),
        Item("9c", _METHODS, "Who assessed subjective predictors"),
        Item("10", _METHODS, "How the sample size was arrived at", "sample_size"),
        Item("11", _METHODS, "Missing data", "missing"),
        Item("12a", _METHODS, "How data were used: partitions, for which analysis", "partition"),
        Item("12b", _METHODS, "How predictors were handled: form, scaling, transformation", "scaling"),
        Item("12c", _METHODS, "Type of model, all steps of building, tuning, internal validation", "tuning"),
        Item("12d", _METHODS, "Heterogeneity between clusters such as hospitals", "heterogeneity"),
        Item("12e", _METHODS, "Measures and plots of performance, comparison of models", "compared"),
        Item("12f", _METHODS, "Updating of the model, recalibration say", "updating"),
        Item("12g", _METHODS, "How predictions are calculated for an evaluation", "predicting"),
        Item("13", _METHODS, "Class imbalance, and recalibration after it", "imbalance"),
        Item("14", _METHODS, "Approaches to fairness"),
        Item("15", _METHODS, "Output of the model, and thresholds", "output"),
        Item("16", _METHODS, "Differences between development and evaluation data", "development_only"),
        Item("17", _METHODS, "Ethical approval and consent"),
        Item("18a", _SHARED, "Funding"),
        Item("18b", _SHARED, "Conflicts of interest"),
        Item("18c", _SHARED, "Protocol"),
        Item("18d", _SHARED, "Registration"),
        Item("18e", _SHARED, "Sharing of data", "share_data"),
        Item("18f", _SHARED, "Sharing of code", "share_code"),
        Item("19", _PUBLIC, "Involvement of patients and the public"),
        Item("20a", _RESULTS, "Flow of participants, with and without the outcome", "flow"),
        Item("20b", _RESULTS, "Characteristics of participants, missing data", "table_one"),
        Item("20c", _RESULTS, "Compared with the development data", "development_only"),
        Item("21", _RESULTS, "Participants and events in each analysis", "counts"),
        Item("22", _RESULTS, "The full model, so that it can predict", "full_model"),
        Item("23a", _RESULTS, "Performance with intervals, of key groups too", "measures_of_groups"),
        Item("23b", _RESULTS, "Heterogeneity of performance between clusters", "heterogeneity"),
        Item("24", _RESULTS, "Results of updating", "updating"),
        Item("25", _END, "Interpretation, fairness among it"),
        Item("26", _END, "Limitations and what follows from them"),
        Item("27a", _END, "Use of the model where inputs are poor or missing", "poor_inputs"),
        Item("27b", _END, "Who has to handle inputs or use the model, and their expertise"),
        Item("27c", _END, "Next steps: applicability, generalisability"),
    ),
)
