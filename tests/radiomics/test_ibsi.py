"""The IBSI digital phantom: consensus values of features that PyRadiomics defines as IBSI does.

Not here: kurtosis (PyRadiomics does not subtract 3), axis lengths (it divides the covariance by n, IBSI by n - 1), and
what IBSI does not have.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from realdata import real_file

from radfuse.radiomics.config import RadiomicsConfig
from radfuse.radiomics.engine import extract
from radfuse.volume.files import read_labels, read_volume

ORACLES = Path(__file__).parents[1] / "reference" / "radiomics_oracles.csv"
FAMILIES = {
    "shape": (
        "morph_{}",
        "VoxelVolume=vol_approx MeshVolume=volume SurfaceArea=area_mesh SurfaceVolumeRatio=av "
        "Sphericity=sphericity Maximum3DDiameter=diam "
        "Elongation=pca_elongation Flatness=pca_flatness",
    ),
    "firstorder": (
        "stat_{}",
        "Mean=mean Variance=var Skewness=skew Median=median Minimum=min 10Percentile=p10 "
        "90Percentile=p90 Maximum=max InterquartileRange=iqr Range=range MeanAbsoluteDeviation=mad "
        "RobustMeanAbsoluteDeviation=rmad Energy=energy RootMeanSquared=rms",
    ),
    "glcm": (
        "cm_{}_3D_avg",
        "MaximumProbability=joint_max JointAverage=joint_avg SumSquares=joint_var "
        "JointEntropy=joint_entr DifferenceAverage=diff_avg DifferenceVariance=diff_var DifferenceEntropy=diff_entr "
        "SumAverage=sum_avg ClusterTendency=sum_var SumEntropy=sum_entr JointEnergy=energy Contrast=contrast "
        "Id=inv_diff Idn=inv_diff_norm Idm=inv_diff_mom Idmn=inv_diff_mom_norm InverseVariance=inv_var "
        "Correlation=corr Autocorrelation=auto_corr ClusterShade=clust_shade ClusterProminence=clust_prom "
        "Imc1=info_corr1 Imc2=info_corr2",
    ),
    "glrlm": (
        "rlm_{}_3D_avg",
        "ShortRunEmphasis=sre LongRunEmphasis=lre LowGrayLevelRunEmphasis=lgre "
        "HighGrayLevelRunEmphasis=hgre ShortRunLowGrayLevelEmphasis=srlge ShortRunHighGrayLevelEmphasis=srhge "
        "LongRunLowGrayLevelEmphasis=lrlge LongRunHighGrayLevelEmphasis=lrhge GrayLevelNonUniformity=glnu "
        "GrayLevelNonUniformityNormalized=glnu_norm RunLengthNonUniformity=rlnu "
        "RunLengthNonUniformityNormalized=rlnu_norm RunPercentage=r_perc GrayLevelVariance=gl_var "
        "RunVariance=rl_var RunEntropy=rl_entr",
    ),
    "glszm": (
        "szm_{}_3D",
        "SmallAreaEmphasis=sze LargeAreaEmphasis=lze LowGrayLevelZoneEmphasis=lgze "
        "HighGrayLevelZoneEmphasis=hgze SmallAreaLowGrayLevelEmphasis=szlge SmallAreaHighGrayLevelEmphasis=szhge "
        "LargeAreaLowGrayLevelEmphasis=lzlge LargeAreaHighGrayLevelEmphasis=lzhge GrayLevelNonUniformity=glnu "
        "GrayLevelNonUniformityNormalized=glnu_norm SizeZoneNonUniformity=zsnu "
        "SizeZoneNonUniformityNormalized=zsnu_norm ZonePercentage=z_perc GrayLevelVariance=gl_var "
        "ZoneVariance=zs_var ZoneEntropy=zs_entr",
    ),
    "ngtdm": (
        "ngt_{}_3D",
        "Coarseness=coarseness Contrast=contrast Busyness=busyness Complexity=complexity Strength=strength",
    ),
    "gldm": (
        "ngl_{}_3D",
        "SmallDependenceEmphasis=lde LargeDependenceEmphasis=hde LowGrayLevelEmphasis=lgce "
        "HighGrayLevelEmphasis=hgce SmallDependenceLowGrayLevelEmphasis=ldlge "
        "SmallDependenceHighGrayLevelEmphasis=ldhge LargeDependenceLowGrayLevelEmphasis=hdlge "
        "LargeDependenceHighGrayLevelEmphasis=hdhge GrayLevelNonUniformity=glnu DependenceNonUniformity=dcnu "
        "DependenceNonUniformityNormalized=dcnu_norm GrayLevelVariance=gl_var DependenceVariance=dc_var "
        "DependenceEntropy=dc_entr",
    ),
}
"""Class -> how IBSI tags its features, and our name = IBSI's."""
TAGS = {
    f"{family}_{ours}": tag.format(theirs)
    for family, (tag, pairs) in FAMILIES.items()
    for ours, theirs in (pair.split("=") for pair in pairs.split())
} | {"firstorder_Entropy": "ih_entropy", "firstorder_Uniformity": "ih_uniformity"}


def test_the_digital_phantom_has_its_consensus_values() -> None:
    with real_file("ibsi1/reference/dig_phantom.csv").open(newline="", encoding="utf-8-sig") as file:
        reference = {row["tag"]: row for row in csv.DictReader(file, delimiter=";")}
    image = read_volume(real_file("ibsi1/digital/image.nii.gz"))
    mask = read_labels(real_file("ibsi1/digital/mask.nii.gz"))
    found = extract(image, mask, RadiomicsConfig(bin_width=1)).values.iloc[0]
    wrong = {}
    for feature, tag in TAGS.items():
        value, tolerance = float(reference[tag]["reference value"]), float(reference[tag]["tolerance"])
        shown = 0.5 * 10.0 ** (np.floor(np.log10(abs(value))) - 2)  # three digits are given
        if abs(found[f"original_{feature}"] - value) > max(tolerance, shown) * (1 + 1e-9):
            wrong[feature] = (found[f"original_{feature}"], value)
    assert wrong == {}


def test_the_oracles_name_what_is_compared_here() -> None:
    with ORACLES.open(newline="", encoding="utf-8") as file:
        named = [row["feature"] for row in csv.DictReader(file) if row["reference"].startswith("test_ibsi.py")]
    assert sorted(named) == sorted(TAGS)
