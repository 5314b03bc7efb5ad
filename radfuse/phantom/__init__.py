"""Synthetic cohorts with a known truth: written as a user's folder would be, ready for `radfuse run`."""
