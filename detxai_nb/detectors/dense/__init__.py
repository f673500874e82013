"""Dense one-stage detectors: a head that predicts at every cell of every pyramid level."""
