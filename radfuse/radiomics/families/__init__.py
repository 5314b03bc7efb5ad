"""Families of features, one file each: a new one is a file, and a line here."""

FAMILIES = {
    "shape": f"{__name__}.shape",
    "shape2D": f"{__name__}.shape2d",
    "firstorder": f"{__name__}.firstorder",
    "histogram": f"{__name__}.histogram",
    "glcm": f"{__name__}.glcm",
    "glrlm": f"{__name__}.glrlm",
    "glszm": f"{__name__}.glszm",
    "gldm": f"{__name__}.gldm",
    "ngtdm": f"{__name__}.ngtdm",
}
"""Name in settings and columns -> module that holds a FAMILY, imported when it is used: kernels take a second."""
