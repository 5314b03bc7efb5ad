"""Ways to choose columns inside a training set, one a file."""
