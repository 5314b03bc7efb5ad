"""Checks before any compute: what a study names is there, can be read, and fits together."""
