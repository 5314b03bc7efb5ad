"""The leak audit: what a reviewer would look for before believing a result, one check a file."""
