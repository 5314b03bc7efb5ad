"""The fusion wing: blocks of features and an outcome become compared, exportable models."""
