"""The Osteoarthritis Initiative as it is released: its folders of series, its tables, its outcomes as one cohort."""
