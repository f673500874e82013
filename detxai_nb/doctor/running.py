"""Checks of how the network runs: the same answer each time, in evaluation mode, in whole float32, and not compiled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from detxai_nb.doctor.pairs import pair_detections
from detxai_nb.doctor.patient import LOWEST, Patient
from detxai_nb.doctor.result import OK, SUSPICIOUS, WRONG, CheckResult, NotChecked, Value
from detxai_nb.module_use import alone, with_hooks
from detxai_nb.types import Detections

AGAIN = 1e-5
"""How far scores may differ from one run to the next on the same picture."""
TOGETHER = 1e-3
"""How far scores may differ between a picture alone and in a batch; beyond ten times that it is wrong."""
_RANDOM = (nn.modules.dropout._DropoutNd, nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm)
_HALF = (torch.float16, torch.bfloat16)


def check_repeatable(patient: Patient) -> CheckResult:
    """Check that the same picture has the same answer each time, alone and among others, and that nothing is learnt.

    Args:
        patient: the detector and its pictures.

    Returns:
        What was found.
    """
    picture = patient.pictures[0]
    other = patient.pictures[1] if len(patient.pictures) > 1 else picture[::-1].copy()
    before = _buffers(patient.module)
    training = _run_in_training(patient, lambda: patient.detect([picture]))
    changed = [name for name, value in _buffers(patient.module).items() if not torch.equal(before[name], value)]
    first, second = patient.found[0], patient.detect([picture])[0]
    together = patient.detect([other, picture, other])[1]
    again, batch = _difference(first, second), _difference(first, together)
    measured: dict[str, Value] = {
        "difference from run to run": again,
        "difference in a batch": batch,
        "buffers that change": len(changed),
        "parts run in training mode": len(training),
    }
    means = "each run of the network is another network: scores, gradients and metrics depend on chance or on the batch"
    remedy = "module.eval() before detecting, also inside predict; no functional dropout with training=True"
    if training or changed:
        what = f"{training[0]} runs in training mode" if training else f"detecting changes {changed[0]}"
        return CheckResult("repeatable", WRONG, what, measured, means, remedy)
    if again > AGAIN * patient.rounding:
        said = f"the same picture has other scores each time, by up to {again:.3g}"
        return CheckResult("repeatable", WRONG, said, measured, means, remedy)
    together_at_most = TOGETHER * patient.rounding
    if batch > together_at_most:
        said = f"a picture has other scores among other pictures than alone, by up to {batch:.3g}"
        verdict = WRONG if batch > 10 * together_at_most else SUSPICIOUS
        return CheckResult("repeatable", verdict, said, measured, means, "decode each picture of a batch by itself")
    said = f"the same scores each time, to {max(again, batch):.1g}"
    return CheckResult("repeatable", OK, said, measured)


def _difference(first: Detections, second: Detections) -> float:
    """The largest difference of scores of the same objects; one that only one answer has counts with its whole score.

    Objects near the lowest score may fall below it by rounding.
    """
    pairs = pair_detections(first, second)
    found = [abs(float(first.scores[i]) - float(second.scores[j])) for i, j in pairs]
    for one, rows in ((first, {i for i, _ in pairs}), (second, {j for _, j in pairs})):
        lost = [float(one.scores[i]) - LOWEST for i in range(len(one)) if i not in rows]
        # Of boxes that lie in one another the pairing is a matter of rounding, and their scores stay.
        found += [value for value in lost if value > 0.01 and len(first) != len(second)]
    return max(found, default=0.0)


def _buffers(module: nn.Module | None) -> dict[str, Tensor]:
    return {} if module is None else {name: value.clone() for name, value in module.named_buffers()}


def _watch(patient: Patient, look: Callable[[str, nn.Module, Any], None], run: Callable[[], Any]) -> None:
    """Run something and let ``look(path, part, output)`` see what every part of the network returns."""
    module = patient.module
    if module is None:
        run()
        return

    def seeing(path: str) -> Callable[[nn.Module, Any, Any], None]:
        def see(part: nn.Module, _: Any, output: Any) -> None:
            look(path, part, output)

        return see

    hooks = [(part, seeing(path)) for path, part in module.named_modules()]
    alone(module, lambda: with_hooks(hooks, run), evaluate=False)


def _run_in_training(patient: Patient, run: Callable[[], Any]) -> list[str]:
    """The parts that depend on training mode and ran in it."""
    found: dict[str, None] = {}

    def look(path: str, part: nn.Module, _: Any) -> None:
        if part.training and isinstance(part, _RANDOM) and _matters(part):
            found.setdefault(path or type(part).__name__)

    _watch(patient, look, run)
    return list(found)


def _matters(part: nn.Module) -> bool:
    """Whether a part that runs in training mode does something else then."""
    return float(getattr(part, "p", 1.0)) > 0


def check_precision(patient: Patient) -> CheckResult:
    """Check that the network is whole: in float32, not compiled, not quantized.

    Args:
        patient: the detector and its pictures.

    Returns:
        What was found.

    Raises:
        NotChecked: for a black box of which too few scores are known.
    """
    asked = patient.about.precision
    measured: dict[str, Value] = {"precision of detect": asked}
    means = "rounding of half precision is as large as the differences that gradients and finite changes measure"
    if patient.module is None:
        return _by_scores(patient, measured, means)
    kept = [name for name, value in _tensors(patient.module) if value.dtype in _HALF]
    measured["tensors in half precision"] = len(kept)
    remedy = "module.float(), and no autocast inside"
    if kept:
        said = f"{len(kept)} tensors of the network are in half precision, the first {kept[0]}"
        return CheckResult("precision", WRONG, said, measured, means, remedy)
    half: dict[str, None] = {}

    def look(path: str, _: nn.Module, output: Any) -> None:
        if any(value.dtype in _HALF for value in _floats(output)):
            half.setdefault(path or "the network")

    _watch(patient, look, lambda: patient.detect([patient.pictures[0]]))
    compiled = [path or "the network" for path, part in patient.module.named_modules() if _is_compiled(part)]
    measured |= {"parts run in half precision": len(half), "compiled parts": len(compiled)}
    if half and asked == "fp32":
        said = f"{len(half)} parts of the network run in half precision, the first {next(iter(half))}"
        return CheckResult("precision", WRONG, said, measured, means, remedy)
    if compiled:
        said = f"{compiled[0]} is compiled or scripted: hooks inside it are not called, and layers cannot be opened"
        return CheckResult("precision", SUSPICIOUS, said, measured, "", "hand in the module that was compiled")
    said = "whole float32" if asked == "fp32" else f"{asked} as asked for, in detect alone"
    return CheckResult("precision", OK, said, measured)


def _by_scores(patient: Patient, measured: dict[str, Value], means: str) -> CheckResult:
    """The precision of a black box: scores that half precision could hold too, all of them, were computed in it."""
    scores = torch.cat([one.scores for one in patient.everything]).float()
    scores = torch.unique(scores[(scores > 0) & (scores < 1)])
    if len(scores) < 5:
        raise NotChecked("a black box shows its precision by its scores, and there are too few", "", measured)
    for name, dtype in (("bfloat16", torch.bfloat16), ("float16", torch.float16)):
        if torch.equal(scores, scores.to(dtype).float()):
            said = f"all {len(scores)} different scores are numbers of {name}"
            return CheckResult("precision", SUSPICIOUS, said, measured, means, "run the network in float32")
    return CheckResult("precision", OK, f"{len(scores)} different scores, more than half precision has", measured)


def _tensors(module: nn.Module) -> Sequence[tuple[str, Tensor]]:
    return [*module.named_parameters(), *module.named_buffers()]


def _floats(output: Any) -> list[Tensor]:
    """The tensors in what a part of a network returned."""
    if isinstance(output, Tensor):
        return [output]
    if isinstance(output, dict):
        return [value for one in output.values() for value in _floats(one)]
    if isinstance(output, (tuple, list)):
        return [value for one in output for value in _floats(one)]
    return []


def _is_compiled(part: nn.Module) -> bool:
    scripted = isinstance(part, torch.jit.ScriptModule)
    return scripted or hasattr(part, "_orig_mod") or getattr(part, "_compiled_call_impl", None) is not None
