"""Regions of interest from a label map: what a region is made of, one kind a file. Measuring them is others' work."""
