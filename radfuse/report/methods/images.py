"""Images, masks and features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from radfuse.errors import counted
from radfuse.report.agreement import having
from radfuse.report.known import Known, name_of
from radfuse.report.methods.words import each, number, series, spaced
from radfuse.report.printed import number as rounded

_NAMED = 8
_FILTERS = {
    "wavelet": "wavelet",
    "square": "square",
    "square_root": "square root",
    "logarithm": "logarithm",
    "exponential": "exponential",
    "gradient": "gradient magnitude",
    "lbp_2d": "two-dimensional local binary patterns",
    "lbp_3d": "three-dimensional local binary patterns",
}
_BACKENDS = {
    "unet": "a U-Net",
    "nnunet": "an nnU-Net (Isensee et al. 2021, doi:10.1038/s41592-020-01008-z)",
    "onnx": "a network",
}
_UNTRAINED = {
    "vote": "the consensus of several readers",
    "grow": "grown from a seed in each image",
    "atlas": "carried over from an atlas by registration",
}
_INTERPOLATORS = {"bspline": "B-spline", "nearest": "nearest-neighbour"}


def sentences(known: Known) -> Iterator[str]:
    """Yield where features come from, and how they were made."""
    if not known.images:
        yield from _tables(known)
        return
    names = [_placed(region) for region in known.settings["regions"]]
    told = series(names) if len(names) <= _NAMED else _many(names)
    sequences = series(known.sequences)
    yield (
        f"Features were measured on {counted(len(known.sequences), 'image sequence')} ({sequences}). "
        + (f"The region of interest was {told}." if len(names) == 1 else f"The regions of interest were {told}.")
    )
    yield from _habitats(known)
    yield from _masks(known)
    yield from _reach(known)
    if known.settings["radiomics"]["params"]:
        yield f"Images were processed as the PyRadiomics parameter file {known.settings['radiomics']['params']} says."
    else:
        yield from _processing(known)
    yield from _features(known)


_CRITERIA = {
    "bic": "the Bayesian information criterion",
    "silhouette": "the silhouette",
    "calinski_harabasz": "the criterion of Calinski and Harabasz",
}


def _habitats(known: Known) -> Iterator[str]:
    for region in known.settings["regions"]:
        if region.get("kind") != "habitats":
            continue
        how = "k-means" if region["method"] == "kmeans" else "a mixture of Gaussians"
        whose = "of the case itself" if region["zscore"] == "case" else "of the training voxels"
        fitted = "the training cases of each fold" if region["model"] is None else "other images"
        count = region["clusters"]
        if count == "auto":
            best = _CRITERIA[
                region.get("criterion") or ("bic" if region["method"] == "mixture" else "calinski_harabasz")
            ]
            count = f"2 to {region.get('most_clusters', 5)} habitats, the number by {best},"
        else:
            count = f"{count} habitats"
        yield (
            f"{spaced(region['name']).capitalize()} was cut into {count} by {how} of the values "
            f"of voxels on {series(region['sequences'])}, in standard deviations {whose}, fitted on {fitted}."
        )


def _many(names: Sequence[str]) -> str:
    return f"{len(names)}, among them {series(names[:3])}"


def _placed(region: Mapping[str, Any]) -> str:
    """Return a region's name, and the images that it is made on where these are not all."""
    on = region.get("on") if "kind" in region else None  # of a user's own kind it may mean anything
    return spaced(region["name"]) + (f" (on {series(on)})" if on else "")


def _tables(known: Known) -> Iterator[str]:
    counts = {name: count for name, count in known.report.blocks.items() if name != "clinical"}
    blocks = [f"{spaced(name)} ({counted(count, 'column')})" for name, count in counts.items()]
    if blocks:
        yield f"The {series(blocks)} features were taken from finished tables."


def _masks(known: Known) -> Iterator[str]:
    backend = name_of(known.segmentation)
    network = _BACKENDS.get(backend, "a segmentation model")
    told = {
        "manual": "drawn manually",
        "cross_fitted": f"predicted by {network} trained anew for each group held out, which never saw the patient",
        "external": f"predicted by {network} trained elsewhere",
        "untrained": _UNTRAINED.get(backend, "made without training"),
    }
    sources = {told.get(name, spaced(name)): count for name, count in known.report.masks.items()}
    if len(sources) == 1:
        yield f"All masks were {next(iter(sources))}."
    elif sources:
        told_of = series(f"{count:,} were {how}" for how, count in sources.items())
        yield f"Of {sum(sources.values()):,} masks, {told_of}."
    found = known.report.segmentation
    if found is not None:
        dice = having(found.agreement).groupby("label", sort=False)["dice"].median()
        shown = series(f"{rounded(value, 2)} ({spaced(str(label))})" for label, value in dice.items())
        cases = counted(int(found.agreement["case"].nunique()), "case")
        yield f"Against the manual masks of {cases}, the median Dice coefficient was {shown}."


def _reach(known: Known) -> Iterator[str]:
    sections = known.settings["sequences"]
    how = {
        "register": [name for name, section in sections.items() if section["masks"] == "register"],
        "resample": [name for name, section in sections.items() if section["masks"] == "resample"],
    }
    if how["register"]:
        yield f"Masks reached {series(how['register'])} by a registration of the segmented image."
    if known.settings["resample_masks"] or how["resample"]:
        where = "each image" if known.settings["resample_masks"] else series(how["resample"])
        yield f"Masks were brought onto the grid of {where} by nearest-neighbour interpolation."
    own = [name for name in known.cohort["masks"] if sections.get(name, {}).get("masks") in (None, "own")]
    if own:
        yield f"Masks of {series(own)} were drawn by hand on these images themselves."


def _processing(known: Known) -> Iterator[str]:
    yield from _normalising(known)
    spacings = {name: _spacing(section) for name, section in known.radiomics.items()}
    kept = "kept"
    if set(spacings.values()) == {kept}:
        yield "Voxels kept the size they were acquired with."
    else:
        told = {name: value for name, value in spacings.items() if value != kept}
        yield f"Images were resampled to {each(told)} (z, y, x), masks by the nearest neighbour."
        if len(told) < len(spacings):
            yield f"Voxels of {series(name for name in spacings if name not in told)} kept their size."
    bins = {name: _bins(section) for name, section in known.radiomics.items()}
    yield f"Grey levels were discretised with {each(bins)}."


def _spacing(section: Mapping[str, Any]) -> str:
    spacing = section["spacing_zyx_mm"]
    if not spacing:
        return "kept"
    size = " × ".join(number(value) if value else "unchanged" for value in spacing)
    way = _INTERPOLATORS.get(section["interpolator"], spaced(section["interpolator"]))
    return f"{size} mm by {way} interpolation"


def _bins(section: Mapping[str, Any]) -> str:
    if section["bin_count"]:
        return f"{section['bin_count']} bins"
    return f"a bin width of {number(section['bin_width'])}"


def _normalising(known: Known) -> Iterator[str]:
    maps = [name for name in known.sequences if known.settings["sequences"].get(name, {}).get("map")]
    if maps:
        yield f"Values of {series(maps)} were quantities, measured in their own units."
    for name in known.sequences:
        steps = [_step(step) for step in known.settings["sequences"].get(name, {}).get("normalise", ())]
        section = known.radiomics[name]
        if section["normalize"]:
            region = section["normalize_region"]
            by = f"the region {spaced(region)}" if region else "the whole image"
            steps.append(f"normalised by {by} to a standard deviation of {number(section['normalize_scale'])}")
        if steps:
            yield f"Grey levels of {name} were {', then '.join(steps)}."


def _step(step: Mapping[str, Any]) -> str:
    within = step.get("within", "")
    part = "the whole image" if within == "image" else "the body" if within == "body" else spaced(str(within))
    kind = name_of(step)
    if kind == "zscore":
        return f"centred at the mean of {part} and scaled to a standard deviation of {number(step['scale'])}"
    if kind == "percentiles":
        return f"clipped to percentiles {number(step['low'])} and {number(step['high'])} of {part}"
    if kind == "window":
        return f"clipped to the window from {number(step['low'])} to {number(step['high'])}"
    if kind == "whitestripe":
        about = f"centred at the {step['peak']} peak in the histogram of {part} and scaled to a standard deviation of"
        return f"{about} {number(step['scale'])} around it (Shinohara et al. 2014, doi:10.1016/j.nicl.2014.08.008)"
    if kind == "nyul":
        whose = (
            "landmarks that were given"
            if step["landmarks"]
            else "landmarks learned from the training cases of each fold"
        )
        return f"standardised by percentiles of {part} to {whose} (Nyul et al. 2000, doi:10.1109/42.836373)"
    return "corrected for their bias field by N4 (Tustison et al. 2010, doi:10.1109/TMI.2010.2046908)"


def _features(known: Known) -> Iterator[str]:
    blocks = known.report.blocks
    if known.handcrafted:
        classes = each({name: series(map(spaced, section["classes"])) for name, section in known.radiomics.items()})
        types = each({name: _types(section) for name, section in known.radiomics.items()})
        axes = dict.fromkeys(axis for _, axis in known.each_sequence("slice_axis") if axis)
        flat = f", texture slice by slice across {series(axes)}" if axes else ""
        count = counted(blocks["radiomic"], "radiomic feature")
        yield f"{count} per unit were computed from {types} ({classes}){flat}."
        yield _engine(known)
    if known.settings["morphometry"]:
        kinds = dict.fromkeys(spaced(name_of(measure)) for measure in known.settings["morphometry"])
        yield f"Morphometric measures ({series(kinds)}) are among them."
    if known.settings["deep"] is not None:
        yield (
            f"{counted(blocks.get('deep', 0), 'deep feature')} per unit were averages of the segmentation network's "
            "encoder over the regions."
        )


def _types(section: Mapping[str, Any]) -> str:
    names = list(section["filters"])
    told = [_FILTERS[name] for name in names if name in _FILTERS and name != "wavelet"]
    if "log" in names:
        widths = series(number(sigma) for sigma in section["log_sigma_mm"])
        told.insert(0, f"Laplacian of Gaussian (sigma {widths} mm)")
    if "wavelet" in names:
        told.insert(0, f"wavelet ({section['wavelet']})")
    filtered = f"{series(told)} images"
    if not told:
        return "the original images"
    return f"the original images and {filtered}" if "original" in names else filtered


def _engine(known: Known) -> str:
    version = known.report.versions["radfuse"]
    source = "van Griethuysen et al. 2017, doi:10.1158/0008-5472.CAN-17-0339"
    if known.settings["radiomics"]["engine"] == "pyradiomics":
        return f"They were computed by PyRadiomics ({source}), called by radfuse {version}."
    return f"They were computed by radfuse {version} with the definitions of PyRadiomics ({source})."
