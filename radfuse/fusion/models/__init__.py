"""Models on the chosen columns, one a file."""
