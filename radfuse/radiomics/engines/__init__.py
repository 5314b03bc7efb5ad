"""Engines: who computes features, one file each."""

ENGINES = {"fast": f"{__name__}.fast", "pyradiomics": f"{__name__}.pyradiomics"}
"""Name in settings -> module with `measure`, of the arguments of `measured_regions`; imported when it is used."""
