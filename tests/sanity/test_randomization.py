"""Random weights for a while: drawn as promised, and gone without a trace, whatever happens."""

from __future__ import annotations

import itertools
import os
import random
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sanity_cases import found_in, narrow_fcos, scene, tiny, whole_state
from torch import nn
from torchvision.ops import FrozenBatchNorm2d

import detxai_nb as dx
from detxai_nb import sanity
from detxai_nb.sanity import randomization

ROUNDS = int(os.environ.get("DETXAI_NB_INTERRUPTIONS", "200"))


def test_a_layer_has_other_weights_with_the_same_moments_and_then_its_own_again() -> None:
    layer = nn.Conv2d(16, 64, 3)
    before = layer.weight.detach().clone()
    with sanity.randomized(nn.Sequential(layer), ["0"], seed=4):
        now = layer.weight.detach().clone()
    assert torch.equal(layer.weight, before)
    assert abs(np.corrcoef(now.ravel(), before.ravel())[0, 1]) < 0.05
    assert now.mean().item() == pytest.approx(before.mean().item(), abs=4 * before.std().item() / before.numel() ** 0.5)
    assert now.std().item() == pytest.approx(before.std().item(), rel=0.03)
    # Normal and not uniform, as the trained ones of a new layer are: some lie beyond two standard deviations.
    assert ((now - now.mean()).abs() > 2 * now.std()).float().mean().item() == pytest.approx(0.0455, abs=0.01)


def test_the_numbers_follow_from_the_seed_and_the_path_alone() -> None:
    module = nn.Sequential(nn.Linear(5, 7), nn.Linear(7, 3))

    def drawn(layers: list[str], seed: int) -> torch.Tensor:
        with sanity.randomized(module, layers, seed):
            return module[1].weight.detach().clone()

    assert torch.equal(drawn(["1"], 3), drawn(["0", "1"], 3))
    assert torch.equal(drawn(["1"], 3), drawn([""], 3))
    assert not torch.equal(drawn(["1"], 3), drawn(["1"], 4))


def test_the_default_initialisation_is_the_layers_own() -> None:
    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), FrozenBatchNorm2d(8))
    with torch.no_grad():
        module[0].weight.fill_(9)
        module[1].running_mean.fill_(5)
        module[2].weight.fill_(3)
    with sanity.randomized(module, ["0", "1", "2"], 0, init="default"):
        assert module[0].weight.abs().max() <= 27**-0.5
        assert torch.equal(module[1].running_mean, torch.zeros(8))
        assert torch.equal(module[2].weight, torch.ones(8))
    assert module[0].weight.min() == 9
    assert module[1].running_mean.min() == 5
    assert module[2].weight.min() == 3


def test_norms_are_redrawn_and_their_running_statistics_stay() -> None:
    module = nn.Sequential(nn.BatchNorm2d(64), FrozenBatchNorm2d(64))
    with torch.no_grad():
        for part in module:
            part.weight.normal_(1, 0.3)
            part.running_mean.normal_()
    kept = [part.running_mean.clone() for part in module]
    weights = [part.weight.detach().clone() for part in module]
    with sanity.randomized(module, [""], 0):
        assert all(torch.equal(part.running_mean, mean) for part, mean in zip(module, kept))
        assert not any(torch.equal(part.weight, weight) for part, weight in zip(module, weights))


def test_what_a_forward_pass_does_to_buffers_gradients_and_flags_is_undone() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    module(torch.randn(2, 3, 9, 7)).sum().backward()
    module[0].bias.requires_grad_(False)
    before = whole_state(module)
    with sanity.randomized(module, ["0"]):
        module(torch.randn(2, 3, 9, 7)).sum().backward()
        module.eval()
        module.requires_grad_(True)
        module[0].register_forward_hook(lambda *_: None)
        random.random(), np.random.rand(), torch.rand(3)  # noqa: NPY002
    assert whole_state(module) == before


def test_tied_weights_stay_tied() -> None:
    module = nn.ModuleDict({"a": nn.Linear(4, 4), "b": nn.Linear(4, 4)})
    module["b"].weight = module["a"].weight
    before = module["a"].weight.detach().clone()
    with sanity.randomized(module, ["a"]):
        assert module["b"].weight is module["a"].weight
        assert not torch.equal(module["b"].weight, before)
    assert torch.equal(module["b"].weight, before)


def test_inside_inference_mode_too() -> None:
    module = nn.Linear(3, 3)
    with torch.inference_mode(), sanity.randomized(module, [""]):
        assert not module.weight.is_inference()
    module(torch.ones(3)).sum().backward()


@pytest.mark.parametrize(
    ("layers", "options", "error", "says"),
    [
        (["nowhere"], {}, ValueError, "no submodule 'nowhere'"),
        ("0", {}, TypeError, "sequence of paths"),
        (["0"], {"init": "xavier"}, ValueError, "init is one of 'normal', 'default'"),
    ],
)
def test_mistakes_are_named(layers: Any, options: dict[str, Any], error: type[Exception], says: str) -> None:
    module = nn.Sequential(nn.Linear(2, 2))
    with pytest.raises(error, match=says), sanity.randomized(module, layers, **options):
        pass


def test_no_randomizing_outside_the_block() -> None:
    with pytest.raises(RuntimeError, match="inside a `with"):
        sanity.Randomizer(nn.Linear(2, 2)).randomize([""])


class Alarm:
    """Forward hooks on every layer, and a progress callback, that raise at a given call."""

    def __init__(self, module: nn.Module) -> None:
        self.calls, self.at, self.error = 0, -1, RuntimeError("in the middle")
        for part in module.modules():
            part.register_forward_pre_hook(lambda *_: self.ring())

    def set(self, at: int, error: BaseException) -> None:
        self.calls, self.at, self.error = 0, at, error

    def ring(self, *_: int) -> None:
        self.calls += 1
        if self.calls == self.at:
            raise self.error


def small_check(detector: Any, image: np.ndarray, found: dx.Detections, alarm: Alarm, **options: Any) -> Any:
    randomization = sanity.Randomization(**{"layers": ["head", "backbone"], "seeds": [0], **options})
    spearman = sanity.Similarity(measures="spearman")
    return sanity.check(
        detector, image, found, ["odam"], randomization=randomization, comparison=spearman, progress=alarm.ring
    )


def test_whatever_interrupts_it_the_detector_is_what_it_was() -> None:
    detector, image = narrow_fcos(), scene()[:60, :90]
    found = found_in(detector, image, most=1)
    detector.module.train()
    alarm = Alarm(detector.module)
    small_check(detector, image, found, alarm)
    # Counted the second time: the first measures the strides of the module, which is done once.
    alarm.set(-1, alarm.error)
    small_check(detector, image, found, alarm)
    whole, before = alarm.calls, whole_state(detector.module)
    dice = random.Random(0)
    errors = (RuntimeError("in the middle"), KeyboardInterrupt(), dx.Cancelled())
    modes = itertools.cycle(sanity.MODES)
    for turn in range(ROUNDS):
        error = errors[turn % 3]
        alarm.set(dice.randint(1, whole), error)
        try:
            small_check(detector, image, found, alarm, mode=next(modes))
        except type(error):
            pass
        else:
            # While the strides of the private copy are measured, an error says that other sizes are refused.
            assert isinstance(error, Exception)
        assert whole_state(detector.module) == before


def interrupted_at(line: int, act: Callable[[], Any], times: int = 1) -> bool:
    """Run ``act`` with a KeyboardInterrupt at the ``line``-th line run in randomization.py; whether it got there."""
    count = 0

    def trace(frame: Any, event: str, _: Any) -> Any:
        nonlocal count
        if frame.f_code.co_filename != randomization.__file__:
            return None
        if event == "line":
            count += 1
            if line <= count < line + times:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return count >= line


@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupt_at_any_line_leaves_no_random_weight(times: int) -> None:
    detector, image = narrow_fcos(), scene()[:60, :90]
    found = found_in(detector, image, most=1)
    before = whole_state(detector.module)
    alarm = Alarm(nn.Module())

    def act() -> None:
        small_check(detector, image, found, alarm, layers="all")

    line, seen = 1, 0
    while interrupted_at(line, act, times):
        assert whole_state(detector.module) == before, f"interrupted at line {line} of those that run"
        # Every line where it is short, then ever larger strides: what follows are long loops over tensors.
        line, seen = line + max(1, line // 10), seen + 1
    assert seen > 30


def test_the_bundled_detector_keeps_every_bit() -> None:
    detector, image = tiny("tiny-faster-rcnn"), scene()
    before, found = whole_state(detector.module), found_in(detector, image, most=1)
    with pytest.raises(dx.Cancelled):
        sanity.check(detector, image, found, ["odam"], progress=cancel_late)
    assert whole_state(detector.module) == before


def cancel_late(done: int, total: int) -> None:
    if done > total / 3:
        raise dx.Cancelled
