"""The knee's regions by geometry: its own frame from the labels, then one kind a file; presets name many at once."""
