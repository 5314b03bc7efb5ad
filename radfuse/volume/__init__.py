"""Images and segmentations with their geometry: grids, files, resampling, regions."""
