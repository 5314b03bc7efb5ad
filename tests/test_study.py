"""The study file: what ships loads, paths are relative to it, and every fault is named by its dotted path."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from radfuse.config import to_yaml
from radfuse.errors import InputError
from radfuse.seg.config import Segmentation
from radfuse.study import ALSO_CALLED, Study, load_study, shipped_studies, shipped_study

CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.yaml"))

BACKENDS = ", ".join(str(one.model_fields["backend"].default) for one in get_args(get_args(Segmentation)[0]))
MINIMAL: dict[str, Any] = {"name": "s", "cohort": {"table": "tables/cohort.csv", "clinical": ["age"]}}


def study_file(folder: Path, **changes: Any) -> Path:
    path = folder / "study.yaml"
    path.write_text(to_yaml({**MINIMAL, **changes}), encoding="utf-8")
    return path


def cohort(**changes: Any) -> dict[str, Any]:
    return {**MINIMAL["cohort"], **changes}


def faults(folder: Path, *overrides: str, **changes: Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        load_study(study_file(folder, **changes), overrides)
    return [problem.message for problem in caught.value.problems]


# what ships


def test_there_are_studies_to_load() -> None:
    assert {"tables", "asah", "desmoid", "lipo", "prostate"} <= {path.stem for path in CONFIGS}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_file_in_configs_loads_and_describes_itself_in_its_first_line(path: Path) -> None:
    study = load_study(path)
    assert study.cohort.table.parent == path.parent
    assert path.read_text(encoding="utf-8").startswith("# ")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_file_in_configs_reads_back_the_same_once_resolved(path: Path, tmp_path: Path) -> None:
    study = load_study(path)
    (tmp_path / "resolved.yaml").write_text(study.to_yaml(), encoding="utf-8")
    assert load_study(tmp_path / "resolved.yaml") == study


def test_the_shipped_studies_are_those_of_configs() -> None:
    assert shipped_studies() == {path.stem: path.read_text(encoding="utf-8") for path in CONFIGS}
    assert shipped_study("lipo") == (CONFIGS[0].parent / "lipo.yaml").read_text(encoding="utf-8")


def test_a_shipped_study_is_found_by_what_it_is_also_called() -> None:
    assert not set(ALSO_CALLED) & set(shipped_studies())
    assert shipped_study("rectal_t2_adc") == shipped_studies()["rectal_pcr"]
    for other, name in ALSO_CALLED.items():
        assert shipped_study(other) == shipped_study(name)


def test_an_unknown_shipped_study_names_the_nearest() -> None:
    with pytest.raises(InputError, match=r"no shipped study 'prostat'; did you mean 'prostate'\?"):
        shipped_study("prostat")


# reading


def test_paths_are_relative_to_the_study_file(tmp_path: Path) -> None:
    features = {"radiomic": "r.csv", "deep": {"table": "../d.csv"}}
    study = load_study(study_file(tmp_path, features=features, radiomics={"params": "params.yaml"}))
    assert study.cohort.table == tmp_path / "tables/cohort.csv"
    assert study.features["radiomic"].table == tmp_path / "r.csv"
    assert study.features["deep"].table == tmp_path / "../d.csv"
    assert study.radiomics.params == tmp_path / "params.yaml"


def test_an_absolute_path_stays(tmp_path: Path) -> None:
    table = tmp_path / "elsewhere" / "c.csv"
    assert load_study(study_file(tmp_path, cohort=cohort(table=str(table)))).cohort.table == table


def test_features_without_a_table_stand_in_the_cohort_table(tmp_path: Path) -> None:
    study = load_study(study_file(tmp_path, features={"radiomic": {"columns": ["MR_*"]}}))
    assert (study.features["radiomic"].table, study.features["radiomic"].columns) == (None, ("MR_*",))


@pytest.mark.parametrize(
    ("changes", "blocks"),
    [
        ({}, ("clinical",)),
        ({"features": {"radiomic": "r.csv"}}, ("clinical", "radiomic")),
        ({"cohort": {"table": "c.csv"}, "features": {"deep": "d.csv"}}, ("deep",)),
        ({"cohort": {"table": "c.csv"}}, ()),
        (
            {"features": {"zinc": "z.csv", "deep": "d.csv", "laboratory": "l.csv", "radiomic": "r.csv"}},
            ("clinical", "radiomic", "deep", "zinc", "laboratory"),
        ),
    ],
)
def test_blocks_are_what_the_study_has_in_one_order(
    tmp_path: Path, changes: dict[str, Any], blocks: tuple[str, ...]
) -> None:
    assert load_study(study_file(tmp_path, **changes)).blocks == blocks


@pytest.mark.parametrize(
    ("override", "read", "value"),
    [
        ("seed=11", lambda study: study.seed, 11),
        ("cohort.split.kind=holdout", lambda study: study.cohort.split.kind, "holdout"),
        ("cohort.split={kind: temporal, column: seen}", lambda study: study.cohort.split.column, "seen"),
        ("fusion.selection.0.k=10", lambda study: study.fusion.selection[0].k, 10),
        ("fusion.inner_folds=3", lambda study: study.fusion.inner_folds, 3),
        ("cohort.clinical.0=bmi", lambda study: study.cohort.clinical, ("bmi",)),
        ("cohort.exclude.N27=same scan as N26", lambda study: study.cohort.exclude, {"N27": "same scan as N26"}),
    ],
)
def test_an_override_changes_one_value(tmp_path: Path, override: str, read: Any, value: object) -> None:
    path = study_file(tmp_path, fusion={"selection": [{"kind": "mrmr", "k": 30}, {"kind": "lasso"}]})
    assert read(load_study(path, [override])) == value


@pytest.mark.parametrize("start", ["2019-05-31", "2019", "58.5", "2019-05"])
def test_a_date_or_a_number_of_yaml_is_one_of_the_split(tmp_path: Path, start: str) -> None:
    path = study_file(tmp_path)
    path.write_text(
        f"name: s\ncohort:\n  table: c.csv\n  split: {{kind: temporal, column: seen, test_from: {start}}}\n",
        encoding="utf-8",
    )
    assert load_study(path).cohort.split.test_from == start  # type: ignore[union-attr]
    plain = study_file(tmp_path, cohort={"table": "c.csv", "split": {"kind": "temporal", "column": "seen"}})
    found = load_study(plain, [f"cohort.split.test_from={start}"]).cohort.split
    assert found.test_from == start  # type: ignore[union-attr]


# faults


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"titel": "x"}, "titel: unknown setting; did you mean 'title'?"),
        ({"cohort": cohort(pateint="p")}, "cohort.pateint: unknown setting; did you mean 'patient'?"),
        (
            {"cohort": cohort(outcome={"column": "e", "positve": "x"})},
            "cohort.outcome.positve: unknown setting; did you mean 'positive'?",
        ),
        (
            {"cohort": cohort(split={"kind": "grouped", "fold": 3})},
            "cohort.split.fold: unknown setting; did you mean 'folds'?",
        ),
        (
            {"cohort": cohort(split={"kind": "holdout", "folds": 3})},
            "cohort.split.folds: unknown setting; known: 'kind', 'repeats', 'test_fraction'",
        ),
        ({"cohort": cohort(split={"kind": "groupd"})}, "cohort.split: unknown kind 'groupd'; did you mean 'grouped'?"),
        (
            {"cohort": cohort(split={"column": "site"})},
            "cohort.split: needs a 'kind': one of grouped, holdout, temporal, leave_site_out, column",
        ),
        (
            {"cohort": cohort(clinical=["age", {"column": "sex", "levels": ["f", "m"], "level": 1}])},
            "cohort.clinical.1.level: unknown setting; did you mean 'levels'?",
        ),
        (
            {"features": {"radiomic": {"table": "r.csv", "colums": []}}},
            "features.radiomic.colums: unknown setting; did you mean 'columns'?",
        ),
        (
            {"features": {"blood count": "b.csv"}},
            "features: 'blood count' is no name of a block: letters, digits and '_', a letter first, 40 at most",
        ),
        (
            {"features": {"clinical": "c.csv"}},
            "features: a block may not be called 'clinical', as the columns of cohort.clinical are; choose another "
            "name",
        ),
        (
            {"features": {"Units": "u.csv"}},
            "features: a block may not be called 'Units', as a file of the run folder is; choose another name",
        ),
        (
            {"features": {"blood": "b.csv", "Blood": "c.csv"}},
            "features: two blocks are called 'Blood' but for capitals; their files would be one",
        ),
        (
            {"fusion": {"selection": [{"kind": "mrmr"}, {"kind": "lasso", "strength": 1}]}},
            "fusion.selection.1.strength: unknown setting; did you mean 'strengths'?",
        ),
        (
            {"fusion": {"selection": [{"kind": "mrmrr"}]}},
            "fusion.selection.0: unknown kind 'mrmrr'; did you mean 'mrmr'?",
        ),
        (
            {"features": {"radiomic": "r.csv"}, "fusion": {"families": ["clinical-radiomics"]}},
            "fusion.families: 'clinical-radiomics' needs the block 'radiomics'; the study has: clinical, radiomic; "
            "did you mean 'clinical-radiomic'?",
        ),
        (
            {"features": {"radiomic": "r.csv"}, "fusion": {"families": ["radiomic-clinical"]}},
            "fusion.families: write 'clinical-radiomic' for 'radiomic-clinical': each block once, in the order "
            "clinical, radiomic",
        ),
        ({"fusion": {"inner_folds": 1}}, "fusion.inner_folds: Input should be greater than or equal to 2; found 1"),
        (
            {"segmentation": {"backend": "unett", "labels": {"bone": 1}}},
            "segmentation: unknown backend 'unett'; did you mean 'unet'?",
        ),
        (
            {"segmentation": {"labels": {"bone": 1}}},
            f"segmentation: needs a 'backend': one of {BACKENDS}",
        ),
        (
            {"segmentation": {"backend": "unet", "labels": {"bone": 1}, "stepz": 3}},
            "segmentation.stepz: unknown setting; did you mean 'steps'?",
        ),
        (
            {"segmentation": {"backend": "unet", "labels": {"bone": 0}}},
            "segmentation.labels.bone: Input should be greater than 0; found 0",
        ),
        (
            {"regions": [{"kind": "ring", "name": "r", "around": "bone", "margin": 3}]},
            "regions.0.margin: unknown setting; did you mean 'margin_mm'?",
        ),
    ],
)  # fmt: skip
def test_a_fault_is_one_problem_with_its_dotted_path(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    assert faults(tmp_path, **changes) == [message]


def test_an_unknown_filter_is_one_problem(tmp_path: Path) -> None:
    (message,) = faults(tmp_path, radiomics={"filters": ["wavlet"]})
    assert message.startswith("radiomics.filters.0: 'wavlet' is not one of original, wavelet")
    assert message.endswith("did you mean 'wavelet'?")


def test_faults_of_every_section_are_reported_at_once(tmp_path: Path) -> None:
    found = faults(
        tmp_path,
        "sede=3",
        name="my study",
        cohort=cohort(patent="p", split={"kind": "fold"}),
        features={"radiomic": {"tabel": "r.csv"}},
        fusion={"inner_folds": "three"},
    )
    assert sorted(message.split(": ")[0] for message in found) == [
        "cohort.patent", "cohort.split", "features.radiomic.tabel", "fusion.inner_folds", "name", "sede",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["my study", "", "../up", ".hidden", "a/b", "-x"])
def test_a_name_that_is_no_folder_name_is_refused(tmp_path: Path, name: str) -> None:
    (message,) = faults(tmp_path, name=name)
    assert message.startswith("name: ")
    assert message.endswith(f"found {name!r}")


LABELS = {"bone": 1, "cartilage": 2}
IMAGES: dict[str, Any] = {
    "cohort": cohort(images={"t1": "t1"}, mask="mask", unit=["patient_id", "side"]),
    "segmentation": {"backend": "unet", "labels": LABELS},
    "regions": [{"kind": "label", "name": "b", "label": "bone"}],
}
TWO_BLOCKS: dict[str, Any] = {"cohort": cohort(site="site"), "features": {"radiomic": "r.csv"}}


def test_images_with_regions_and_a_network_make_the_radiomic_and_the_deep_block(tmp_path: Path) -> None:
    assert load_study(study_file(tmp_path, **IMAGES)).blocks == ("clinical", "radiomic")
    assert load_study(study_file(tmp_path, **IMAGES, deep={})).blocks == ("clinical", "radiomic", "deep")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fusion": {"families": ["radiomic"]}}, "'radiomic' needs the block 'radiomic'; the study has: clinical"),
        (
            {"cohort": {"table": "c.csv"}, "fusion": {"families": ["clinical"]}},
            "'clinical' needs the block 'clinical'; the study has: none",
        ),
        (
            {"cohort": cohort(outcome={"column": "age"})},
            "cohort: column 'age' is both the outcome and a clinical column; remove it from `clinical`",
        ),
        (
            {"fusion": {"selection": [{"kind": "mrmr", "blocks": ["clinicl"]}]}},
            "fusion.selection.0.blocks: the study has no block 'clinicl'; did you mean 'clinical'?",
        ),
        (
            {"fusion": {"strategy": {"kind": "average", "of": [{"kind": "score", "first": "clinicl"}]}}},
            "fusion.strategy: first: the study has no block 'clinicl'; did you mean 'clinical'?",
        ),
        (
            TWO_BLOCKS | {"fusion": {"strategy": {"kind": "attention"}, "harmonise": {"kind": "combat"}}},
            "fusion.strategy: attention does not harmonise sites; leave fusion.harmonise out, or take another",
        ),
        (
            TWO_BLOCKS | {"fusion": {"strategy": {"kind": "attention"}, "oversample": "smote"}},
            "fusion.strategy: attention makes up no units; leave fusion.oversample out, or take another",
        ),
        (
            TWO_BLOCKS | {"fusion": {"selection": [{"kind": "pca", "over": "all"}]}},
            "fusion.selection.0 makes components of several blocks together, and the strategy penalty, one of those",
        ),
        (
            {"regions": IMAGES["regions"]},
            "regions need cohort.images and cohort.mask and segmentation",
        ),
        (
            {**IMAGES, "regions": IMAGES["regions"] * 2},
            "regions: names must differ and hold no '/': b",
        ),
        (
            {**IMAGES, "cohort": {**IMAGES["cohort"], "split": {"repeats": 5}}},
            "cohort.split.repeats: 5 deals the patients anew, and the masks of each deal would need networks",
        ),
        (
            {**IMAGES, "cohort": {**IMAGES["cohort"], "images": {"t1/a": "t1"}}},
            "cohort.images: 't1/a' begins the names of features, SEQUENCE@VISIT/REGION/..., and holds neither '/'",
        ),
        (
            {**IMAGES, "radiomics": {"classes": ["shape2D"]}},
            "shape2D is measured slice by slice",
        ),
        (
            {**IMAGES, "segmentation": {"backend": "unet", "labels": LABELS, "intensities": {"ct": "ct"}}},
            "segmentation.intensities: 'ct' is not one of cohort.images",
        ),
        (
            {**IMAGES, "features": {"radiomic": "r.csv"}},
            "remove features.radiomic, or regions",
        ),
        (
            {**IMAGES, "segmentation": {"backend": "unet", "labels": LABELS, "sequence": "t2"}},
            "segmentation.sequence 't2' is not one of cohort.images",
        ),
        (
            {**IMAGES, "cohort": {**IMAGES["cohort"], "images": {"t2": "t2", "t1": "t1"}}},
            "say which image the network reads: segmentation.sequence: t1",
        ),
        (
            {"deep": {}},
            "deep needs segmentation: {backend: unet, ...} and regions",
        ),
        (
            {**IMAGES, "segmentation": {"backend": "manual", "labels": LABELS}, "deep": {}},
            "deep needs segmentation: {backend: unet, ...} and regions",
        ),
        (
            {**IMAGES, "deep": {}, "features": {"deep": "d.csv"}},
            "remove features.deep, or deep",
        ),
        (
            {**IMAGES, "deep": {"regions": ["c"]}},
            "deep.regions names 'c', which is not among regions",
        ),
        (
            {**IMAGES, "deep": {"mirrored": {"knee": "left"}}},
            "deep.mirrored names the column 'knee', which is not in cohort.unit",
        ),
        (
            {"segmentation": {"backend": "manual", "labels": {"a": 1, "b": 1}}},
            "two labels share one number",
        ),
        (
            {"radiomics": {"params": "p.yaml", "bin_width": 5}},
            "`params` names a PyRadiomics file; remove bin_width, or `params`",
        ),
    ],
)  # fmt: skip
def test_sections_that_contradict_each_other_are_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    (message,) = faults(tmp_path, **changes)
    assert words in message


def test_a_contradiction_does_not_print_the_whole_study(tmp_path: Path) -> None:
    (message,) = faults(tmp_path, fusion={"families": ["radiomic"]})
    assert message == "fusion.families: 'radiomic' needs the block 'radiomic'; the study has: clinical"


def test_the_resolved_study_is_frozen_and_has_its_defaults_written_out(tmp_path: Path) -> None:
    study = load_study(study_file(tmp_path))
    assert isinstance(study, Study)
    assert "inner_folds: 5" in study.to_yaml()
    assert "folds: 5" in study.to_yaml()


@pytest.mark.parametrize(
    "changes",
    [
        {"segmentation": {"backend": "nnunet", "labels": {"tumour": 1}, "epochs": 3}},
        {"segmentation": {"backend": "nnunet", "labels": {"tumour": 1}, "model": "results", "folds": ["0"]}},
        {"segmentation": {"backend": "unet", "labels": {"tumour": 1}, "tolerance_mm": {"tumour": 0.5}}},
        {"segmentation": {"backend": "manual", "labels": {"tumour": 1}}},
        {"radiomics": {"params": "params.yaml", "min_voxels": 5}},
        {"radiomics": {"engine": "pyradiomics"}},
    ],
)
def test_a_resolved_study_reads_back_the_same(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Settings that say nothing beside others may be named there with their defaults."""
    study = load_study(study_file(tmp_path, **changes))
    (tmp_path / "resolved.yaml").write_text(study.to_yaml(), encoding="utf-8")
    assert load_study(tmp_path / "resolved.yaml") == study


MASKED: dict[str, Any] = {
    "cohort": {"table": "cohort.csv", "images": {"t1": "t1"}, "mask": "mask", "outcome": {"column": "event"}},
    "segmentation": {"backend": "manual", "labels": {"tumour": 1, "edge": 2}},
}


@pytest.mark.parametrize(
    ("region", "message"),
    [
        ({"kind": "label", "label": "tumor"}, "'r' has label 'tumor', no segmentation label; did you mean 'tumour'"),
        ({"kind": "ring", "around": 7}, "'r' has around 7, no segmentation label; declared: 1, 2"),
        ({"kind": "union", "labels": ["tumour", "egde"]}, "'r' has labels 'egde'"),
        ({"kind": "ring", "around": "tumour", "exclude": [3]}, "'r' has exclude 3"),
    ],
)
def test_a_region_names_declared_labels(tmp_path: Path, region: dict[str, Any], message: str) -> None:
    assert any(message in fault for fault in faults(tmp_path, **MASKED, regions=[{"name": "r", **region}]))


def test_normalisation_refers_to_a_region_of_the_study(tmp_path: Path) -> None:
    regions = [{"kind": "label", "name": "tumour", "label": "tumour"}]
    radiomics = {"normalize": True, "normalize_region": "tumor"}
    found = faults(tmp_path, **MASKED, regions=regions, radiomics=radiomics)
    assert any("no region 'tumor'; did you mean 'tumour'" in fault for fault in found)


def test_the_family_a_study_is_about_must_be_compared(tmp_path: Path) -> None:
    made = study_file(tmp_path, cohort=cohort(clinical=["age"]), features={"radiomic": "r.csv"})
    assert load_study(made, ["fusion.primary=clinical-radiomic"]).fusion.primary == "clinical-radiomic"
    with pytest.raises(InputError, match=r"no family 'clinical-radomic'; did you mean 'clinical-radiomic'\?"):
        load_study(made, ["fusion.primary=clinical-radomic"])


def test_a_nomogram_is_refused_where_the_model_has_no_terms(tmp_path: Path) -> None:
    """Penalties by block are a sum whatever the learner; trees alone are none."""
    own = {"features": {"radiomic": "r.csv"}, "nomogram": "clinical-radiomic"}
    (said,) = faults(tmp_path, **own)
    assert "nomogram: clinical-radiomic: extra_trees and lightgbm are no sum of terms" in said
    assert "logistic, ridge, lda, svm with kernel: linear, or xgboost with booster: linear, and" in said
    assert load_study(study_file(tmp_path, **own, fusion={"strategy": {"kind": "penalty"}})).nomogram
    assert load_study(study_file(tmp_path, **own), ["fusion.classifier={kind: ridge}"]).nomogram
    (said,) = faults(tmp_path, **{**own, "nomogram": "clinical-radiomics"})
    assert "nomogram: no family 'clinical-radiomics'; did you mean 'clinical-radiomic'?" in said
