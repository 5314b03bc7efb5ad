"""How a row of a cohort table is left out, in words that every message about one takes from here."""

from __future__ import annotations

EXCLUDE = "list the case under cohort.exclude"
"""Of a study."""
TAKE_OUT = "take its row out"
"""The same where there is no study: who predicts has a bundle and a table."""
