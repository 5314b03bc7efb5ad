"""Morphometry: shapes and distances of a case's labels and regions in mm, one measure a file."""
