"""Ways to join the blocks of a family into one prediction, one a file."""
