"""Sanity checks: whether explanations depend on what the detector has learnt, tested by randomizing its weights.

After Adebayo et al., "Sanity Checks for Saliency Maps" (NeurIPS 2018), as G-CAME (figures 6 and 8) and ODAM (figure 10)
apply it to detectors, with the variants of Hedström et al., "Sanity Checks Revisited" (2024).
"""

from detxai_nb.sanity.randomization import INITS, Randomizer, randomized
from detxai_nb.sanity.result import EDGES, FAILS, PASSES, UNDECIDED, SanityResult, Step
from detxai_nb.sanity.runner import check
from detxai_nb.sanity.settings import MODES, REGIONS, THRESHOLD, Randomization, Similarity
from detxai_nb.sanity.similarity import MEASURES, hog, sobel, spearman, spearman_abs, ssim
from detxai_nb.sanity.weight_stages import PRESETS, Stage, stages

__all__ = [
    "EDGES",
    "FAILS",
    "INITS",
    "MEASURES",
    "MODES",
    "PASSES",
    "PRESETS",
    "REGIONS",
    "THRESHOLD",
    "UNDECIDED",
    "Randomization",
    "Randomizer",
    "SanityResult",
    "Similarity",
    "Stage",
    "Step",
    "check",
    "hog",
    "randomized",
    "sobel",
    "spearman",
    "spearman_abs",
    "ssim",
    "stages",
]
