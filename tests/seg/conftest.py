"""What all tests of segmentation share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True, scope="module")
def small_networks(one_thread: None) -> None:
    """Take one thread in every test here."""
