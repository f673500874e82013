"""The check of the normalisation: what the network makes of its input written in other conventions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from detxai_nb.doctor.conventions import CONVENTIONS, Convention, named
from detxai_nb.doctor.entry import NetworkEntry
from detxai_nb.doctor.pairs import mirrored, shared_evidence
from detxai_nb.doctor.patient import CONFIDENT, Patient
from detxai_nb.doctor.result import OK, SUSPICIOUS, WRONG, CheckResult, NotChecked, Value
from detxai_nb.module_use import alone, with_hooks

FAR, TIMES = 0.35, 2.5
"""Wrong statistics: this divergence from the norms' own, and this many times that of the best alternative."""
RISE, GAIN = 1.5, 1.0
"""Wrong by scores: the evidence rises by this factor, and by this much."""
FALSE_ALARMS = 0.3
"""The share of an alternative's evidence that a picture in pieces may have too; above, it is made of texture."""
NORMS = 6
"""How many of the first norms are looked at."""
MOST = 4
"""How many pictures are tried in every convention."""


def check_normalisation(patient: Patient) -> CheckResult:
    """Check that the values of the colours are those that the network was trained with.

    The network runs on its input rewritten in other conventions. Where it has norms with statistics of its training
    (batch normalisation, also a frozen one), what decides is how far the activations in front of the first of them are
    from these statistics; else how much the detector finds both in the picture and in its mirror image. Conventions
    with large values count there only if the evidence vanishes when the picture is cut into pieces: many networks take
    the texture of a picture that is far too contrasty for objects.

    Args:
        patient: the detector and its pictures.

    Returns:
        What was found.

    Raises:
        NotChecked: for a black box, or a network that is not handed one picture of three channels.
    """
    if patient.module is None:
        raise NotChecked("a black box does not show its network's input", "hand in expected= of your own inference")
    entry = patient.entry
    if entry is None:
        raise NotChecked("no part of the network is handed a picture [1,3,h,w] of its own")
    measured: dict[str, Value] = {"convention": named(entry)}
    by_norms = _by_norms(patient, patient.module, entry)
    if by_norms is not None:
        return _judged_by_norms(by_norms, measured)
    return _judged_by_scores(patient, entry, measured)


def _others(entry: NetworkEntry) -> list[Convention]:
    return [one for one in CONVENTIONS if one.distance(entry) > 0.02]


def _judged_by_norms(found: dict[str, float], measured: dict[str, Value]) -> CheckResult:
    own = found.pop("own")
    best = min(found, key=lambda name: found[name])
    measured |= {"divergence from the norms' statistics": own, "best alternative": best, "its divergence": found[best]}
    ratio = own / max(found[best], 1e-9)
    if own > FAR and ratio > TIMES:
        said = (
            f"the activations are {own:.2g} nats from the statistics of the network's own norms; with colours as "
            f"{best} they would be {found[best]:.2g} from them"
        )
        return CheckResult("normalisation", WRONG, said, measured, _MEANS, _remedy(best))
    if own > 10 * FAR:
        said = f"the activations are {own:.2g} nats from the statistics of the network's own norms, in all conventions"
        return CheckResult("normalisation", SUSPICIOUS, said, measured, _MEANS, _remedy("those of its training"))
    said = f"{measured['convention']}; the activations fit the statistics of the network's norms ({own:.2g} nats)"
    return CheckResult("normalisation", OK, said, measured)


_MEANS = "the network sees colours otherwise than in training: scores are wrong, and with them everything else"


def _remedy(convention: str) -> str:
    return f"prepare pictures as in training; likely {convention}"


def _judged_by_scores(patient: Patient, entry: NetworkEntry, measured: dict[str, Value]) -> CheckResult:
    patient.require_boxes()
    patient.require_probabilities()
    numbers = range(min(MOST, len(patient.pictures)))
    own = float(sum(_evidence(patient, i) for i in numbers))
    best, most = "", 0.0
    for one in _others(entry):
        write = one.write(entry)
        evidence = float(sum(entry.replaced(write, lambda i=i: _evidence(patient, i)) for i in numbers))  # type: ignore[misc]
        if not one.small and evidence > most:
            noise = sum(entry.replaced(write, lambda i=i: _in_pieces(patient, i)) for i in numbers)  # type: ignore[misc]
            evidence = 0.0 if noise > FALSE_ALARMS * evidence else evidence
        if evidence > most:
            best, most = one.name, evidence
    measured |= {"evidence": own, "best alternative": best, "its evidence": most}
    if most > RISE * own and most - own > GAIN:
        said = f"with colours as {best} the network finds {most:.2g} in place of {own:.2g} (sum of the scores)"
        return CheckResult("normalisation", WRONG, said, measured, _MEANS, _remedy(best))
    if max(own, most) < CONFIDENT:
        raise NotChecked("the network finds nothing in any convention", "take pictures with objects", measured)
    said = f"{measured['convention']}; no other convention lets the network find more ({most:.2g}, here {own:.2g})"
    return CheckResult("normalisation", OK, said, measured)


def _evidence(patient: Patient, number: int) -> float:
    """The sum of scores of what is found in a picture and in its mirror image."""
    picture = patient.pictures[number]
    own, other = (patient.detect([np.ascontiguousarray(one)])[0] for one in (picture, picture[:, ::-1]))
    return shared_evidence(own, other, mirrored(other.boxes, picture.shape[1]))


def _in_pieces(patient: Patient, number: int, side: int = 32) -> float:
    """The sum of scores of what is found in a picture whose pieces were shuffled, and in its mirror image."""
    picture = patient.pictures[number]
    rows, columns = (pixels // side for pixels in picture.shape[:2])
    cut = picture[: rows * side, : columns * side].reshape(rows, side, columns, side, 3).swapaxes(1, 2)
    order = np.random.Generator(np.random.PCG64(0)).permutation(rows * columns)
    shuffled = cut.reshape(-1, side, side, 3)[order].reshape(cut.shape).swapaxes(1, 2)
    changed = picture.copy()
    changed[: rows * side, : columns * side] = shuffled.reshape(rows * side, columns * side, 3)
    own, other = (patient.detect([np.ascontiguousarray(one)])[0] for one in (changed, changed[:, ::-1]))
    return shared_evidence(own, other, mirrored(other.boxes, picture.shape[1]))


def _by_norms(patient: Patient, module: nn.Module, entry: NetworkEntry) -> dict[str, float] | None:
    """How far the activations before the first norms are from their statistics, as it is and by convention."""
    norms = [part for part in module.modules() if _has_statistics(part)]
    if not norms:
        return None
    pictures = patient.pictures[:MOST]
    ways: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {"own": lambda inputs: inputs}
    ways |= {one.name: one.write(entry) for one in _others(entry)}
    found = {}
    for name, write in ways.items():
        apart = [entry.replaced(write, lambda p=p: _divergence(patient, module, norms, p)) for p in pictures]  # type: ignore[misc]
        if any(one is None for one in apart):
            return None
        found[name] = float(np.mean([one for one in apart if one is not None]))
    return found


def _has_statistics(part: nn.Module) -> bool:
    """Whether a module is a norm with statistics of its training; one that was folded away has 0 and 1."""
    mean, variance = getattr(part, "running_mean", None), getattr(part, "running_var", None)
    if not isinstance(mean, torch.Tensor) or not isinstance(variance, torch.Tensor):
        return False
    # What is folded into the convolutions leaves 0 and 1, or 1 less the norm's own epsilon.
    return float(mean.abs().max()) > 1e-3 or float((variance - 1).abs().max()) > 0.01


class _Enough(BaseException):
    """Leaves the network once enough was seen; not an ``Exception``, which a detector may catch."""


def _divergence(patient: Patient, module: nn.Module, norms: list[nn.Module], picture: np.ndarray) -> float | None:
    """The Kullback-Leibler divergence, in nats, of a channel's activations from its norm's statistics.

    Both are taken as normal distributions. The median over channels, averaged over the first norms that run.
    """
    found: list[float] = []

    def look(part: Any, args: tuple[Any, ...], _: Any) -> None:
        inputs = args[0].detach().float()
        axes = tuple(i for i in range(inputs.ndim) if i != 1)
        mean, variance = inputs.mean(axes), inputs.var(axes, unbiased=False) + 1e-5
        own_mean, own = part.running_mean.float(), part.running_var.float() + 1e-5
        apart = (variance + (mean - own_mean) ** 2) / own - 1 - torch.log(variance / own)
        found.append(float(apart.median()) / 2)
        if len(found) >= NORMS:
            raise _Enough

    def until_enough() -> None:
        try:
            patient.detect([picture])
        except _Enough:
            return

    hooks = [(part, look) for part in norms]
    alone(module, lambda: with_hooks(hooks, until_enough), evaluate=False)
    return float(np.mean(found)) if found else None
