"""Reporting checklists, one a file: their items in our own words, answered from a study and its run where they can be.

A new checklist is a file with its items and a name in `CHECKLISTS`.
"""

from radfuse.report.checklists.clear import CLEAR
from radfuse.report.checklists.metrics import METRICS
from radfuse.report.checklists.tripod_ai import TRIPOD_AI

CHECKLISTS = (METRICS, CLEAR, TRIPOD_AI)
