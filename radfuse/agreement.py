"""What the sections of a study are held against each other for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from radfuse.cohort.splits import Drawn
from radfuse.cohort.visits import check_visits
from radfuse.config import Section, nearest
from radfuse.errors import listed
from radfuse.evaluation.config import check_readers
from radfuse.fusion.additive import why_no_terms
from radfuse.fusion.config import check_again, check_blocks
from radfuse.fusion.families import blocks_of, check_explained, check_families, check_primary, near_family
from radfuse.fusion.serves import check_outcome, check_strategy
from radfuse.morphometry.cartilage import CartilageMeasure
from radfuse.morphometry.config import check_measures
from radfuse.morphometry.measure import many
from radfuse.regions.config import RegionConfig, images_named
from radfuse.regions.habitats import HabitatsRegion
from radfuse.regions.level import LevelRegion
from radfuse.regions.named import NamedRegion, made_on, places_of
from radfuse.seg.untrained import Untrained
from radfuse.sequences import check_reach, check_sequences, open_step, open_steps, radiomics_of, reach_of

if TYPE_CHECKING:
    from radfuse.study import Study

_LONGEST_REGION = 100
"""Letters of a region's name, which begins the names of its features."""
_LONGEST_FAMILY = 200
"""Letters of a family's name, which names a folder."""


_APART = (("bone", "cartilage"), ("lower", "upper"), ("tibia", "cartilage"))
"""Settings of regions and measures that name two parts."""


def _images_are_complete(study: Study) -> None:
    if not study.regions:
        return
    names = [region.name for region in study.regions]
    if any(not 0 < len(name.strip()) <= _LONGEST_REGION for name in names):
        raise ValueError(f"regions: a name has 1 to {_LONGEST_REGION} letters; rename the region")
    twice = {name for name in names if names.count(name) > 1 or "/" in name}
    if twice:
        raise ValueError(f"regions: names must differ and hold no '/': {', '.join(sorted(twice))}")
    if "radiomic" in study.features:
        raise ValueError("regions make the radiomic block from images; remove features.radiomic, or regions")
    lacking = [
        name
        for name, value in (
            ("cohort.images", study.cohort.images),
            ("cohort.mask", study.cohort.mask or study.masks_from in ("untrained", "external")),
            ("segmentation", study.segmentation),
        )
        if not value
    ]
    if lacking:
        raise ValueError(f"regions need {' and '.join(lacking)}")
    assert study.segmentation is not None
    for region in study.regions:
        _check_labels(region, study.segmentation.labels)
        _check_apart(f"regions: {region.name!r}", region, study.segmentation.labels)
    _check_images(study.regions, study.cohort.images)
    if isinstance(study.segmentation, Untrained):
        study.segmentation.check_columns(study.cohort.readers, study.cohort.landmarks)
        study.segmentation.check_unit(study.cohort.unit)
    if len(study.cohort.readers) == len(study.cohort.drawn) == 1 and not getattr(study.segmentation, "votes", False):
        (name, column), mask = *study.cohort.readers.items(), study.cohort.mask
        raise ValueError(
            f"cohort.readers names one reader, {name}, and compares those who stand there; name who drew "
            f"{mask!r} too: readers: {{NAME: {mask}, {name}: {column}}}"
        )
    wanted = study.radiomics.normalize_region
    names = [region.name for region in study.regions if not isinstance(region, HabitatsRegion)]
    if wanted is not None and wanted not in names:
        raise ValueError(f"radiomics.normalize_region: no region {wanted!r}{nearest(wanted, names)}")
    _check_normalised(study)


def _check_normalised(study: Study) -> None:
    """Refuse to normalise an image by a region that is not made on it, where others are."""
    for name, settings in radiomics_of(study.cohort.images, study.sequences, study.radiomics).items():
        whole = (region for region in study.regions if not isinstance(region, HabitatsRegion))
        here = [region.name for region in whole if made_on(region, name)]
        by = next((region for region in study.regions if region.name == settings.normalize_region), None)
        if here and by is not None and by.name not in here:
            raise ValueError(
                f"radiomics.normalize_region: {by.name!r} is not made on {name!r}, where {listed(here)} is measured "
                f"(on: {listed(places_of(by, study.cohort.images))}); add {name!r} to its `on`, or say another one "
                f"under sequences.{name}.radiomics"
            )


def _masks_are_compared(study: Study) -> None:
    """Refuse a tolerance of the surface Dice where no two masks of a case are held against each other."""
    seg, cohort = study.segmentation, study.cohort
    if seg is None or seg.source != "manual" or len(cohort.drawn) > 1 or cohort.repeats:
        return
    if "tolerance_mm" in seg.not_default():
        raise ValueError(
            "segmentation: tolerance_mm is of the agreement of predicted masks, or of readers, and here are neither; "
            "remove it"
        )


def _features_can_be_named_and_measured(study: Study) -> None:
    if not study.regions:
        return
    odd = [name for name in study.cohort.images if not name.strip() or {*name} & {"/", "@"}]
    if odd:
        raise ValueError(
            f"cohort.images: {odd[0]!r} begins the names of features, SEQUENCE@VISIT/REGION/..., and holds neither '/' "
            "nor '@'; rename it"
        )
    for name, settings in radiomics_of(study.cohort.images, study.sequences, study.radiomics).items():
        if "shape2D" in settings.classes and settings.slice_axis is None:
            raise ValueError(
                f"radiomics.classes: shape2D is measured slice by slice, and {name!r} is in three dimensions; add "
                "radiomics.slice_axis: z, or take shape"
            )


def _copies_are_disturbed(study: Study) -> None:
    how = study.stability
    if not (how.translation_voxels or how.rotation_degrees or how.noise or how.growth or how.contour):
        raise ValueError(
            "stability: nothing is disturbed, so that every copy is the case itself and every ICC 1; leave one at work"
        )


def _network_has_its_images(study: Study) -> None:
    if not study.regions or study.segmentation is None:
        return
    sequences = study.segmentation.sequences
    for sequence in sequences:
        if sequence not in study.cohort.images:
            raise ValueError(f"segmentation.sequence {sequence!r} is not one of cohort.images")
    for sequence in getattr(study.segmentation, "intensities", {}):
        if sequence not in study.cohort.images:
            hint = nearest(sequence, study.cohort.images)
            raise ValueError(f"segmentation.intensities: {sequence!r} is not one of cohort.images{hint}")
    if study.segmentation.source != "manual" and not sequences and len(study.cohort.images) > 1:
        one, *more = sorted(study.cohort.images)
        raise ValueError(
            f"say which image the network reads: segmentation.sequence: {one}, or several as channels: "
            f"[{', '.join([one, *more])}], the one that masks lie on first"
        )


def _measures_have_their_regions(study: Study) -> None:
    if study.morphometry and (study.segmentation is None or not study.regions):
        raise ValueError("morphometry needs regions, and what they need: name the regions to measure")
    if study.morphometry_maps and not any(isinstance(measure, CartilageMeasure) for measure in study.morphometry):
        raise ValueError("morphometry_maps needs a measure of kind cartilage in morphometry; name one, or set it false")
    if study.segmentation is not None:
        whole = [region for region in study.regions if not isinstance(region, HabitatsRegion)]
        places = {region.name: places_of(region, study.cohort.images) for region in whole}
        check_measures(study.morphometry, places, study.segmentation.labels, study.cohort.images)
        for number, measure in enumerate(study.morphometry):
            _check_apart(f"morphometry.{number}", measure, study.segmentation.labels)


def _sequences_fit(study: Study) -> None:
    check_sequences(study.sequences, study.cohort.images, study.regions, study.segmentation)
    own = [name for name, section in study.sequences.items() if section.radiomics is not None]
    if own and study.radiomics.params is not None:
        raise ValueError(
            f"radiomics.params is one file for all sequences, and sequences.{own[0]}.radiomics differs from it; write "
            "the file's settings under radiomics, as docs/radiomics.md translates them"
        )
    if study.regions and study.segmentation is not None:
        check_reach(study.sequences, study.cohort, study.segmentation, resample_masks=study.resample_masks)
        _check_one_space(study)


def _learning_is_by_fold(study: Study) -> None:
    """Refuse what would need more than one pass over the images of each fold."""
    steps = open_steps(study.sequences) if study.regions else {}
    habitats = [region for region in study.regions if isinstance(region, HabitatsRegion)]
    if study.fusion.compares_again and (steps or habitats):
        where = f"sequences.{min(steps)}.normalise: nyul" if steps else f"regions: habitats {habitats[0].name!r}"
        raise ValueError(
            f"{where} and a selection by stability exclude each other: it compares copies of images that are measured "
            "once, not in each fold; leave one of the two out"
        )
    for region in habitats:
        _check_habitats(region, study)
        for name in region.sequences:
            if name in steps and region.model is None:
                _check_standardised(region, name, study)


def _visits_share_a_mask(study: Study) -> None:
    check_visits(study.visits, study.cohort, regions=bool(study.regions))


def _deep_has_a_network(study: Study) -> None:
    if study.deep is None:
        return
    if study.segmentation is None or not study.segmentation.encodes or not study.regions:
        raise ValueError("deep needs segmentation: {backend: unet, ...} and regions; with masks alone leave deep out")
    if "deep" in study.features:
        raise ValueError("deep features come from the network; remove features.deep, or deep")
    unknown = set(study.deep.regions) - {region.name for region in study.regions}
    if unknown:
        raise ValueError(f"deep.regions names {min(unknown)!r}, which is not among regions")
    network = (*study.segmentation.sequences, *study.cohort.images)[0]
    whole = (region for region in study.regions if not isinstance(region, HabitatsRegion))
    wanted = [region for region in whole if region.name in (study.deep.regions or (region.name,))]
    away = [region for region in wanted if not made_on(region, network)]
    if away and (study.deep.regions or away == wanted):
        raise ValueError(
            f"deep: region {away[0].name!r} is not made on {network!r}, which the network reads (on: "
            f"{listed(places_of(away[0], study.cohort.images))}); add {network!r} there, or "
            + ("remove it from deep.regions" if study.deep.regions else "leave `deep` out")
        )
    outside = set(study.deep.mirrored) - set(study.cohort.unit)
    if outside:
        raise ValueError(f"deep.mirrored names the column {min(outside)!r}, which is not in cohort.unit")


def _families_have_blocks(study: Study) -> None:
    check_outcome(study.fusion, getattr(study.cohort.outcome, "kind", ""))
    check_families(study.fusion.families, study.blocks)
    check_blocks(study.fusion, study.blocks)
    check_again(study.fusion, study.measured_again, bool(study.regions))
    if not study.fusion.families and len("-".join(study.blocks)) > _LONGEST_FAMILY:
        raise ValueError(f"{len(study.blocks)} blocks make too many families; name those wanted in fusion.families")
    check_strategy(study.fusion, study.families)
    check_primary(study.fusion.primary, study.families)
    check_explained(study.fusion.explain.families, study.families)


def _nomogram_has_terms(study: Study) -> None:
    if (family := study.nomogram) is None:
        return
    if family not in study.families:
        hint, have = near_family(family, study.families), ", ".join(study.families)
        there = "" if "known:" in hint else f"{' There' if hint.endswith('?') else '; there'} are: {have}"
        raise ValueError(f"nomogram: no family {family!r}{hint}{there}")
    outcome = study.cohort.outcome
    if outcome is not None and "nomogram" not in outcome.sections():
        raise ValueError(
            "nomogram: one is drawn of binary outcomes and of survival without competing events; leave it out"
        )
    reason = why_no_terms(study.fusion, blocks_of(family))
    if reason:
        raise ValueError(f"nomogram: {family}: {reason}; or leave `nomogram` out")


def _sites_can_be_harmonised(study: Study) -> None:
    harmonise, split = study.fusion.harmonise, study.cohort.split
    if harmonise is None:
        return
    if study.cohort.site is None:
        raise ValueError("fusion.harmonise needs cohort.site, the column of the table that names hospital or scanner")
    for name in harmonise.covariates:
        if name not in study.cohort.clinical_columns:
            hint = nearest(name, study.cohort.clinical_columns)
            raise ValueError(f"fusion.harmonise.covariates: {name!r} is no column of cohort.clinical{hint}")
    if not any(map(harmonise.harmonises, study.blocks)):
        raise ValueError("fusion.harmonise has no block to work on; name some in fusion.harmonise.blocks")
    if harmonise.covariates and harmonise.harmonises("clinical"):
        raise ValueError(
            "fusion.harmonise.blocks names clinical, whose columns are its covariates too; remove one of the two"
        )
    if split.kind == "leave_site_out" and split.column == study.cohort.site and harmonise.unseen == "error":
        raise ValueError(
            "cohort.split leaves each site out of its training set, so that fusion.harmonise cannot learn it; set "
            "fusion.harmonise.unseen: pass, or take another split"
        )


def _networks_of_one_deal(study: Study) -> None:
    split = study.cohort.split
    if isinstance(split, Drawn) and split.repeats > 1 and study.trains:
        raise ValueError(
            f"cohort.split.repeats: {split.repeats} deals the patients anew, and the masks of each deal would need "
            "networks of their own; set it to 1, or give the masks that a study with 1 made (its labels folder) as "
            "cohort.mask, or its features as tables"
        )


def _readers_are_no_inputs(study: Study) -> None:
    config = study.cohort
    columns = {
        "cohort.clinical": config.clinical_columns,
        "cohort.outcome": config.outcome_columns,
        "cohort.unit": config.unit_columns,
        "cohort.patient": (config.patient,),
        "cohort.images and masks": config.file_columns,
        "cohort.landmarks and slices": config.place_columns,
    }
    taken = {column: setting for setting, names in columns.items() for column in names}
    if study.evaluation.readers and config.outcome is not None and "readers" not in config.outcome.sections():
        raise ValueError("evaluation.readers: readers are compared on a binary outcome alone; remove them")
    check_readers(study.evaluation, taken, study.families)


def what_is_measured_beside_is_shown(study: Study) -> None:
    """Refuse what no section of the outcome's report shows; readers are told of by themselves."""
    outcome = study.cohort.outcome
    if outcome is None:
        return
    shown = {"subgroups": "subgroups", "optimism": "internal", "permutations": "internal"}
    for name, section in (shown | {"learning_curve": "learning_curve"}).items():
        if getattr(study.evaluation, name) and section not in outcome.sections():
            raise ValueError(
                f"evaluation.{name}: the report of an outcome of kind {getattr(outcome, 'kind', 'your own')} has no "
                f"section {section}, so that nobody would see it; leave it out"
            )


CHECKS = (
    _images_are_complete,
    _masks_are_compared,
    _features_can_be_named_and_measured,
    _copies_are_disturbed,
    _network_has_its_images,
    _measures_have_their_regions,
    _sequences_fit,
    _learning_is_by_fold,
    _visits_share_a_mask,
    _deep_has_a_network,
    _families_have_blocks,
    _nomogram_has_terms,
    _sites_can_be_harmonised,
    _networks_of_one_deal,
    _readers_are_no_inputs,
    what_is_measured_beside_is_shown,
)
"""What is held against each other of a study, in this order."""


def _check_habitats(region: HabitatsRegion, study: Study) -> None:
    """Refuse habitats that cannot be told from other regions, are asked for where they are none, or lack images."""
    where = f"regions: {region.name!r}"
    taken = {other.name for other in study.regions} & set(region.names)
    if taken:
        raise ValueError(
            f"{where} names its habitats {', '.join(region.names)}, and {min(taken)!r} is taken; rename it"
        )
    optional = [name for name in region.sequences if name in study.cohort.optional_images]
    if optional:
        raise ValueError(
            f"{where} clusters {optional[0]!r}, which cohort.optional_images lets cases lack; remove it there, or here"
        )
    if study.deep is not None and region.name in study.deep.regions:
        raise ValueError(f"deep.regions names {region.name!r}, whose habitats have no deep features; remove it")
    settings = radiomics_of(study.cohort.images, study.sequences, study.radiomics).values()
    if region.measure != "fractions" and any(own.normalize_region for own in settings):
        raise ValueError(
            f"{where}: measure {region.measure} does not go with radiomics.normalize_region; use normalise"
        )
    if region.measure == "firstorder" and study.radiomics.params is not None:
        raise ValueError(f"{where}: measure firstorder does not go with radiomics.params, which lists its own classes")


def _check_standardised(region: HabitatsRegion, name: str, study: Study) -> None:
    """Refuse clusters of an image whose landmarks are learned, where single voxels cannot be put on their scale."""
    if region.zscore == "case":
        raise ValueError(
            f"regions: {region.name!r} scales the voxels of each case by themselves (zscore: case), so that landmarks "
            f"(nyul) of {name!r} would be learned for nothing; take zscore: training, or leave nyul out there"
        )
    steps = study.sequences[name].normalise
    if steps[-1] is not open_step(steps):
        raise ValueError(
            f"sequences.{name}.normalise: {steps[-1].kind} comes after nyul, whose landmarks each fold learns, and "
            f"{region.name!r} clusters that image: put nyul last, or give its `landmarks`"
        )


def _check_images(regions: Sequence[RegionConfig], images: Mapping[str, str]) -> None:
    """Refuse a region that is made with an image, or on one, which `cohort.images` does not name."""
    for sequence in images_named(regions):
        if sequence not in images:
            raise ValueError(f"regions: sequence {sequence!r} is not one of cohort.images{nearest(sequence, images)}")
    for region in regions:
        for sequence in (region.on or ()) if isinstance(region, NamedRegion) else ():
            if sequence not in images:
                hint = nearest(sequence, images)
                raise ValueError(f"regions: {region.name!r}: on {sequence!r} is not one of cohort.images{hint}")


def _check_one_space(study: Study) -> None:
    """Refuse regions that read an image beside the measured one where images are registered to each other."""
    settings = (study.sequences, study.cohort.masks)
    ways = {name: reach_of(name, *settings, resample_masks=study.resample_masks) for name in study.cohort.images}
    moved = [name for name, way in ways.items() if way == "register"]
    by_table = [region for region in study.regions if isinstance(region, LevelRegion) and not region.by]
    elsewhere = [name for name, way in ways.items() if way in ("register", "own")]
    for region in by_table:
        for other in places_of(region, elsewhere):
            raise ValueError(
                f"region {region.name!r}: the table tells its level in the segmented image, and {other!r} lies "
                "elsewhere; find the level by labels (`by`), use resample, or make it `on` others alone"
            )
    looking = [region for region in study.regions if images_named([region]) and not isinstance(region, HabitatsRegion)]
    blind = next((region for region in looking if not type(region).__module__.startswith("radfuse.")), None)
    if moved and blind is not None:
        raise ValueError(
            f"regions: {blind.name!r} is of your own kind and names an image, and sequences.{moved[0]}.masks: register "
            "says that images lie in different places; use resample, or register the files beforehand"
        )
    network = (*(study.segmentation.sequences if study.segmentation else ()), *study.cohort.images)[0]
    there = [region for region in looking if made_on(region, network)]
    deep = [region for region in there if study.deep and (region.name in (study.deep.regions or (region.name,)))]
    if moved and deep:
        raise ValueError(
            f"regions: {deep[0].name!r} is made with an image of its own, and sequences.{moved[0]}.masks: register "
            "says that images lie in different places, which deep features do not follow; use resample, register the "
            "files beforehand, or leave `deep` out"
        )


def _check_labels(region: RegionConfig, labels: Mapping[str, int]) -> None:
    """Refuse a region that names a label which `segmentation.labels` does not declare."""
    for label in region.labels_named():
        if label not in labels and label not in labels.values():
            settings = [(key, value) for key, value in region if key not in ("kind", "name")]
            told = (key for key, value in settings if label == value or (isinstance(value, tuple) and label in value))
            hint = nearest(label, labels) if isinstance(label, str) else f"; declared: {listed(labels.values())}"
            raise ValueError(
                f"regions: {region.name!r} has {next(told, 'label')} {label!r}, no segmentation label{hint}"
            )


def _check_apart(what: str, settings: Section, labels: Mapping[str, int]) -> None:
    """Refuse one label for two parts of which one lies on the other, or faces it."""
    for pair in _APART:
        if all(hasattr(settings, part) for part in pair):
            named = [getattr(settings, part) for part in pair]
            one, other = ({labels.get(str(label), label) for label in many(each)} for each in named)
            if one & other:
                told = listed(name for name, number in labels.items() if number in one & other)
                raise ValueError(f"{what}: {told} is {pair[0]} and {pair[1]} at once; give each label one part")
