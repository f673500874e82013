"""The package's errors in the words of the command line: what is an argument in Python is an option here."""

from __future__ import annotations

import re

# What the package's errors advise, and what does the same here; each is tried in this order.
_PHRASES = (
    (
        r"for a module of your own use wrap or wrap_module, for a function wrap_predict",
        "a network of your own is opened in Python",
    ),
    (r", or use wrap_predict, which perturbation methods can explain", ""),
    (r" \(in Python: dx\.[^)]*\)\)", ""),
    (r"\bhand in expected=(?:\([^)]*\))? ?", "give --expected FILE "),
    (r"\bhand in samples of a dataset with annotations in place of pictures", "give --coco FILE in place of --image"),
    (r"\bhand in (weights|names|settings)=", r"give \1="),
    (r"\bweights=(?:'[^']*'|\"[^\"]*\"|\.\.\.)", "--weights FILE"),
    (r"\bbatch_size=1\b", "--detector-setting batch_size=1"),
    (r"\bnames=(?:\[[^\]]*\]|\.\.\.)", "--names NAME,NAME,..."),
    (r"\boverwrite=True\b", "--overwrite"),
    (r"\bdx\.(methods|metrics|detectors)\(\)", r"`detxai-nb \1`"),
    (r"\bdx\.detectors\.fetch\('?([\w.-]+)'?[^)]*\)", r"`detxai-nb fetch \1`"),
    (r"\bload_detector\('([\w.-]+)'\)", r"--detector \1"),
    (r"\b(score_threshold|include_slow)\b(?!=)", lambda found: f"--{found[1].replace('_', '-')}"),
    (r"\b(score_threshold|store|seed|limit|exclude|protocol|decode|method|target|layer|device|colormap)=(\S+)", None),
)


def in_own_words(message: str) -> str:
    """Return an error message with its advice as options of the command line.

    Args:
        message: what an exception of the package says, in one line or several.

    Returns:
        One line.
    """
    said = shortened(" ".join(message.split()))
    for pattern, words in _PHRASES:
        said = re.sub(pattern, _as_option if words is None else words, said)
    return said


def shortened(message: str) -> str:
    """Return a message in which no word is endless, such as one that was typed by a cat.

    Args:
        message: one line.

    Returns:
        The line, with the beginning of each word of more than ``_LONGEST`` characters.
    """
    return re.sub(rf"\S{{{_LONGEST},}}", lambda found: f"{found[0][:60]}...", message)


_LONGEST = 300


def _as_option(found: re.Match[str]) -> str:
    """``name=value`` as ``--name value``."""
    return f"--{found[1].replace('_', '-')} {found[2]}"
