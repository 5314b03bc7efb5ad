"""What a fitted family looks at: its score taken apart into the original columns, case by case."""
