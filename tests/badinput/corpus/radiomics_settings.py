"""Radiomics settings of a study, and PyRadiomics' parameter files."""

from __future__ import annotations

from badinput import Group
from spoil import mkdir, write

study = Group("radiomics settings", "images")
Y = "study.yaml"


def value(path: str, text: str, *says: str, code: int | tuple[int, ...] = 2) -> None:
    """A setting of radiomics that is wrong; the message names its dotted path."""
    study.bad(
        f"{path} = {text[:60]}",
        command=("check", Y, "--set", f"radiomics.{path}={text}"),
        says=(f"radiomics.{path}|radiomics: {path}|`{path}`", *says),
        code=code,
    )


def section(text: str, *says: str) -> None:
    """All of radiomics."""
    study.bad(f"radiomics = {text[:70]}", command=("check", Y, "--set", f"radiomics={text}"), says=says)


for text in ("0", "-5", ".nan", ".inf", "wide", "[25]", "true"):
    value("bin_width", text)
for text in ("0", "-1", "2.5", ".inf"):
    value("bin_count", text)
value("bin_count", "1000000000", "max_bins|10")
for text in ("[100, 0]", "[0, 0]", "[0, .nan]", "[.nan, .nan]", "[0, .inf]", "[0]", "[0, 1, 2]", "100"):
    value("bin_range", text)
value("max_bins", "0")
for text in ("[1, 1]", "[1, -1, 1]", "[.nan, 1, 1]", "[.inf, 1, 1]", "[1.0e-5, 1, 1]", "1", "[a, b, c]"):
    value("spacing_zyx_mm", text)
value("interpolator", "bsplin", "did you mean 'bspline'")
value("interpolator", "3")
value("pad_voxels", "-1")
value("normalize_scale", "0")
value("normalize_scale", ".nan")
value("normalize_scale", ".inf")
section("{normalize: true, normalize_region: tumor}", "normalize_region", "did you mean 'tumour'")
section("{normalize_region: tumour}", "normalize")
value("remove_outliers", "0")
value("remove_outliers", ".nan")
for text in ("[100, 0]", "[.nan]", "[0, .nan]", "[]", "[1, 2, 3]", "[.inf]"):
    value("resegment_range", text)
value("resegment_mode", "absolut", "did you mean 'absolute'")
value("slice_axis", "w")
for text in ("[]", "[0]", "[-1]", "[1.5]", "[1000000]", "1"):
    value("distances", text)
value("weighting", "euclid", "did you mean 'euclidean'")
value("gldm_alpha", "-1")
value("shift", "2.5")
value("filters", "[]")
value("filters", "[originl]", "did you mean 'original'")
value("filters", "log")
for text in ("[0]", "[-1]", "[.nan]", "[.inf]", "[1.0e9]", "[1.0e-9]"):
    study.bad(
        f"log_sigma_mm = {text}",
        command=("check", Y, "--set", f"radiomics={{filters: [log], log_sigma_mm: {text}}}"),
        says=("radiomics.log_sigma_mm",),
    )
study.bad(
    "log_sigma_mm = []",
    command=("check", Y, "--set", "radiomics={filters: [log], log_sigma_mm: []}"),
    says=("radiomics", "log_sigma_mm"),
)
study.bad(
    "wavelet unknown",
    command=("check", Y, "--set", "radiomics={filters: [wavelet], wavelet: coif99}"),
    says=("wavelet", "coif99"),
)
study.bad(
    "wavelet is continuous",
    command=("check", Y, "--set", "radiomics={filters: [wavelet], wavelet: morl}"),
    says=("wavelet", "morl"),
)
value("wavelet_levels", "0")
value("wavelet_levels", "1000")
value("wavelet_start_level", "-1")
value("lbp_2d_radius", "0")
value("lbp_2d_radius", ".inf")
value("lbp_2d_samples", "0")
value("lbp_2d_samples", "1000000000")
value("lbp_2d_method", "unifrm", "did you mean 'uniform'")
value("lbp_3d_levels", "0")
value("lbp_3d_subdivision", "-1")
value("lbp_3d_subdivision", "20")
value("lbp_3d_radius", ".nan")
value("classes", "[shap]", "did you mean 'shape'")
value("classes", "[]")
value("features", "{firstorder: [Meen]}", "Meen", "did you mean 'Mean'")
value("features", "{glcm: [Contrast]}", "glcm")
section("{per_filter: {log: {bin_width: 5}}}", "per_filter", "log")
section("{per_filter: {original: {bin_widht: 5}}}", "per_filter", "did you mean 'bin_width'")
section("{per_filter: {original: {bin_width: -5}}}", "per_filter.original.bin_width")
value("min_voxels", "0")
value("min_dimensions", "4")
value("min_dimensions", "0")
value("grid_tolerance", "0")
value("grid_tolerance", ".nan")
value("grid_tolerance", ".inf")
value("mask_channel", "-1")
value("engine", "fats", "did you mean 'fast'")
value("convention", "ibsi")
section("{engine: pyradiomics, bin_range: [0, 100]}", "bin_range", "fast")
section("{params: nowhere.yaml}", "nowhere.yaml")
section("{params: params.yaml, bin_width: 5}", "params", "bin_width")
section("[]", "radiomics")
study.bad(
    "params is a folder",
    mkdir("p"),
    command=("check", Y, "--set", "radiomics={params: p}"),
    says=("radiomics.params", "folder"),
)
study.bad(
    "params holds an unknown filter",
    write("p.yaml", "imageType: {Wavlet: {}}\n"),
    command=("check", Y, "--set", "radiomics={params: p.yaml}"),
    says=("radiomics.params", "p.yaml", "did you mean 'Wavelet'"),
)
study.bad(
    "params is a bomb",
    write(
        "p.yaml",
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{n}: &{n} [{', '.join(['*' + o] * 9)}]\n" for o, n in zip("abcdefgh", "bcdefghi", strict=True)),
    ),
    command=("check", Y, "--set", "radiomics={params: p.yaml}"),
    says=("p.yaml",),
    slow=True,
)

files = Group("PyRadiomics parameter files", "pair", "radiomics image.nrrd mask.nrrd --params p.yaml")


def params(name: str, text: str | bytes, *says: str, code: int | tuple[int, ...] = 2, file: str = "p.yaml") -> None:
    """A parameter file that is wrong; one that may be right as well need not be named."""
    words = () if code == (0, 2) else (file, *says)
    files.bad(
        name,
        write(file, text),
        command=("radiomics", "image.nrrd", "mask.nrrd", "--params", file),
        says=words,
        code=code,
    )


def set_to(key: str, text: str, *says: str, code: int | tuple[int, ...] = 2) -> None:
    """A setting of a parameter file that is wrong."""
    params(
        f"{key} = {text[:50]}",
        f"setting: {{{key}: {text}}}\nfeatureClass: {{firstorder: [Mean]}}\n",
        key,
        *says,
        code=code,
    )


files.bad("is not there", says=("p.yaml", "no file"))
files.bad("is a folder", mkdir("p.yaml"), says=("p.yaml", "folder"))
params("is empty", "")
params("is a list", "- 1\n", "mapping")
params("is a word", "hello\n", "mapping")
params("is no YAML", "a: [\n", "line|YAML")
params("is binary", b"\x89PNG\r\n\x1a\n\0")
params("holds itself", "setting: &a {binWidth: *a}\n")
params("nests deeply", "setting: {binWidth: " + "[" * 3000 + "]" * 3000 + "}\n")
params("unknown section", "settings: {binWidth: 5}\n", "settings", "did you mean 'setting'")
params("section is a list", "setting: [binWidth]\n", "setting")
params("section is a word", "setting: binWidth\n", "setting")
params("imageType is a list", "imageType: [Original]\n", "imageType")
params("featureClass is a list", "featureClass: [glcm]\n", "featureClass")
params("unknown filter", "imageType: {Orignal: {}}\n", "Orignal", "did you mean 'Original'")
params("filter in small letters", "imageType: {original: {}}\n", "original", "did you mean 'Original'")
params("unknown class", "featureClass: {glmc: []}\n", "glmc", "did you mean")
params("unknown feature", "featureClass: {glcm: [Contrst]}\n", "Contrst", "did you mean 'Contrast'")
params("feature is a number", "featureClass: {glcm: [7]}\n", "glcm")
params("features are a word", "featureClass: {glcm: Contrast}\n", "glcm", code=(0, 2))
params("feature that PyRadiomics took away", "featureClass: {glcm: [Homogeneity1]}\n", code=(0, 2))
params("filter's setting unknown", "imageType: {Original: {binWdth: 5}}\n", "binWdth")
params("filter's settings are a list", "imageType: {Original: [5]}\n", "Original")
params("no filter", "imageType: {}\nfeatureClass: {}\n", code=(0, 2))
for text in ("0", "-5", ".nan", ".inf", "wide", "[25]", "true"):
    set_to("binWidth", text)
set_to("binwidth", "5", "did you mean 'binWidth'")
for text in ("0", "-1", "2.5"):
    set_to("binCount", text)
files.bad("binCount = 1000000000", write("p.yaml", "setting: {binCount: 1000000000}\n"), says=("bin",), code=(1, 2))
for text in ("[100, 0]", "[1, 2, 3]", "[]", "wide", "[.nan, 5]", "[.inf]"):
    set_to("resegmentRange", text, code=(1, 2)) if text == "[.inf]" else set_to("resegmentRange", text)
files.bad(
    "resampledPixelSpacing of 1e9",
    write("p.yaml", "setting: {resampledPixelSpacing: [1, 1, 1.0e9]}\n"),
    says=("spacing",),
    code=(1, 2),
)
files.bad(
    "resampledPixelSpacing of 1e-5",
    write("p.yaml", "setting: {resampledPixelSpacing: [1.0e-5, 1.0e-5, 1.0e-5]}\n"),
    says=("spacing|voxels",),
    code=(1, 2),
    slow=True,
)
set_to("resegmentMode", "absolut", "did you mean|absolute")
for text in ("[1, 1]", "[1, 1, -1]", "[1, 1, .nan]", "[1, 1, .inf]", "1", "[a, b, c]"):
    set_to("resampledPixelSpacing", text)
for text in ("sitkBSplin", "3", "11", "0", "-1", "[]"):
    params(
        f"interpolator = {text}",
        f"setting: {{resampledPixelSpacing: [1, 1, 1], interpolator: {text}}}\n",
        "interpolator",
    )
for text in ("0", "-1", "7", "1.5", "one"):
    set_to("label", text, code=(1, 2)) if text != "7" else files.bad(
        "label = 7", write("p.yaml", "setting: {label: 7}\n"), says=("mask.nrrd", "7", "present"), code=(1, 2)
    )
set_to("label_channel", "-1")
set_to("force2Ddimension", "3")
set_to("force2D", "perhaps")
for text in ("[]", "[0]", "[-1]", "[a]"):
    set_to("distances", text)
set_to("weightingNorm", "euclid")
set_to("minimumROIDimensions", "4")
set_to("minimumROISize", "0")
files.bad(
    "minimumROISize above the region",
    write("p.yaml", "setting: {minimumROISize: 100000}\n"),
    says=("region 1", "100000", "192"),
    code=(1, 2),
)
set_to("padDistance", "-1")
set_to("normalizeScale", "0")
set_to("normalizeScale", ".inf")
set_to("removeOutliers", "-1")
set_to("removeOutliers", ".nan")
set_to("geometryTolerance", "-1")
set_to("geometryTolerance", ".nan")
set_to("gldm_a", "-1")
set_to("voxelArrayShift", ".nan")
set_to("voxelArrayShift", ".inf")
set_to("voxelArrayShift", "x")
set_to("kernelRadius", "1", code=(0, 2))


def image_type(name: str, text: str, *says: str, code: int | tuple[int, ...] = 2) -> None:
    """A filter with settings that are wrong."""
    params(
        f"{name} {text}", f"imageType: {{{name}: {{{text}}}}}\nfeatureClass: {{firstorder: [Mean]}}\n", *says, code=code
    )


image_type("LoG", "", "sigma")
image_type("LoG", "sigma: []", "sigma")
image_type("LoG", "sigma: [0]", "sigma")
image_type("LoG", "sigma: [-1]", "sigma")
image_type("LoG", "sigma: [.nan]", "sigma")
image_type("LoG", "sigma: [.inf]", "sigma")
image_type("LoG", "sigma: [1.0e9]", "sigma")
image_type("LoG", "sigma: [1.0e-9]", "sigma")
image_type("LoG", "sigma: 3", "sigma", code=(0, 2))
image_type("Wavelet", "wavelet: coif99", "coif99")
image_type("Wavelet", "wavelet: morl", "morl")
image_type("Wavelet", "level: 0", "level")
image_type("Wavelet", "level: 1000", "level", code=(1, 2))
image_type("Wavelet", "start_level: -1", "start_level")
image_type("LBP2D", "lbp2DRadius: 0", "lbp2DRadius")
image_type("LBP2D", "lbp2DSamples: 0", "lbp2DSamples")
image_type("LBP2D", "lbp2DSamples: 1000000000", "lbp2DSamples")
image_type("LBP2D", "lbp2DMethod: unifrm", "lbp2DMethod")
image_type("LBP3D", "lbp3DLevels: 0", "lbp3DLevels")
image_type("LBP3D", "lbp3DLevels: 1000000", "lbp3DLevels")
image_type("LBP3D", "lbp3DIcosphereRadius: .nan", "lbp3DIcosphereRadius")
files.bad(
    "LBP3D, subdivision 20",
    write("p.yaml", "imageType: {LBP3D: {lbp3DIcosphereSubdivision: 20}}\n"),
    says=("p.yaml", "lbp3DIcosphereSubdivision"),
    slow=True,
)
image_type("Gradient", "gradientUseSpacing: perhaps", "gradientUseSpacing")
image_type("Exponential", "binWidth: 0", "binWidth")
params("JSON cut", '{"setting": {"binWidth": 5', file="p.json")
params("JSON is a list", "[1]", "mapping|object", file="p.json")
params("JSON is empty", "", file="p.json")
params("JSON is binary", b"\xff\xfe\0", file="p.json")
params("JSON holds NaN", '{"setting": {"binWidth": NaN}}', "binWidth", file="p.json")
params("JSON nests deeply", "[" * 100_000, file="p.json")
params("JSON with an unknown section", '{"settings": {}}', "settings", file="p.json")
for text in ("fats", "", "pyradiomic", "FAST"):
    files.bad(
        f"--engine {text!r}",
        command=("radiomics", "image.nrrd", "mask.nrrd", "--engine", text),
        says=("engine", "fast|pyradiomics"),
    )
files.bad("more bins than allowed", write("p.yaml", "setting: {binWidth: 0.0001}\n"), says=("bin",), code=(1, 2))

INPUTS = [*study.inputs, *files.inputs]
