"""Reporting checklists, one a file: their items in our own words, answered from a study and its run where they can be.

A new checklist is a file with its items and a name in `CHECKLISTS`.
"""
