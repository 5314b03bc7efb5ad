"""Which cases belong to whom, what is known of them and what is predicted; and their splits into folds."""
