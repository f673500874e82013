"""Explanations that leave the notebook: one HTML file each, with its widgets alive, without a kernel and a network."""
