"""The still pictures that stand for a widget where no kernel runs."""
