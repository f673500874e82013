"""The names of the figures by which a method says whether its map adds up to what it divides."""

from __future__ import annotations

ERROR = "completeness error"
"""How much is missing, in the unit of the score."""
DIFFERENCE = "score difference"
"""The score of the picture minus that of the baseline."""
INPUTS = "inputs"
"""How many inputs of the network a path had."""
