"""Image filters, what features are computed on, one file each: a new one is a file, and a line here."""

FILTERS = {
    name: f"{__name__}.{name}"
    for name in (
        "original",
        "wavelet",
        "log",
        "square",
        "square_root",
        "logarithm",
        "exponential",
        "gradient",
        "lbp_2d",
        "lbp_3d",
    )
}
"""Name in settings -> module that holds a FILTER, imported when it is used."""
