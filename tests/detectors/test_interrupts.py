"""An interrupt at any line of a call leaves the detector, and PyTorch's modes, as they were.

The interrupt is kept, with its traceback, as notebooks keep it: nothing may wait for that to be dropped. A few lines of
each family here; with DETXAI_NB_FUZZ=3 the first, the middle and the last time that each line runs, in every kind. The
same by real signals, 400 of them: ``python tests/bench/interrupt_by_signals.py``.
"""

from __future__ import annotations

import gc
import linecache
import os
import re
import sys
import threading
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
import torch
from kinds import KINDS, build
from torch import nn

import detxai_nb as dx
from detxai_nb import module_use
from detxai_nb.detectors.detr import trace as detr_trace
from detxai_nb.detectors.precision import at_precision
from detxai_nb.float32 import in_full_float32
from detxai_nb.testing import forget, photograph
from detxai_nb.types import Target

IMAGE = np.ascontiguousarray(photograph()[:64, :96])
LONG = int(os.environ.get("DETXAI_NB_FUZZ", "0"))
FEW = 6
"""Lines tried of each kind in the short run, others in each kind."""
SOME = (
    *("tiny-resnet", "detr", "tiny-faster-rcnn", "tiny-fcos", "tiny-pvt", "tiny-retinanet", "tiny-ssd"),
    *("yolov8n", "yolox-nano"),
)
KINDS_HERE = [kind for kind in KINDS if LONG or kind in SOME]
CHANGING = (
    *("/module_use.py", "/running.py", "/capture.py", "/backbone_layers.py", "/attention.py", "/precision.py"),
    *("/float32.py", "/explain.py", "/detections.py", "/detr/trace.py", "/dense/head.py", "/faster_rcnn/regions.py"),
    *("/trace/above.py", "/trace/again.py", "/methods/bias_gradients.py", "/relevance/tape.py"),
    *("contextlib.py", "/grad_mode.py", "/autocast_mode.py", "/overrides.py"),
)
"""The files whose functions change something for the time of a call."""
LOCKED = re.compile(r" *with (self\.lock|_KERNELS):")
"""Not interrupted: the line comes again at the block's end, where no signal arrives before the lock is released."""


def modes() -> tuple[Any, ...]:
    """What PyTorch keeps for the thread and for the process."""
    cuda: Any = torch.backends.cuda
    return (
        (torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch._C._len_torch_function_stack()),
        (torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")),
        (torch.autocast_increment_nesting(), torch.autocast_decrement_nesting()),
        (torch.backends.cudnn.allow_tf32, cuda.matmul.allow_tf32),
        (cuda.flash_sdp_enabled(), cuda.mem_efficient_sdp_enabled(), cuda.math_sdp_enabled(), cuda.cudnn_sdp_enabled()),
    )


def state(module: nn.Module) -> tuple[Any, ...]:
    return (
        [(part.training, vars(part).get("forward"), id(vars(part).get("config"))) for part in module.modules()],
        [(dict(part._forward_hooks), dict(part._forward_pre_hooks)) for part in module.modules()],
        [(weight.requires_grad, weight.grad is None) for weight in module.parameters()],
        [(id(tensor), tensor._version) for tensor in (*module.parameters(), *module.buffers())],
        modes(),
    )


def interrupted(act: Callable[[], Any], at: int) -> tuple[list[tuple[str, int]], BaseException | None]:
    """The lines of ``CHANGING`` that it runs, and the interrupt that comes at number ``at`` of them, from 1 on."""
    lines: list[tuple[str, int]] = []
    ours: dict[Any, bool] = {}

    def trace(frame: Any, event: str, _: Any) -> Any:
        code = frame.f_code
        if code not in ours:
            ours[code] = code.co_filename.endswith(CHANGING)
        if not ours[code]:
            return None
        if event == "line" and not LOCKED.match(linecache.getline(code.co_filename, frame.f_lineno)):
            lines.append((code.co_filename, frame.f_lineno))
            if len(lines) == at:
                raise KeyboardInterrupt
        return trace

    before, raised, collects = sys.gettrace(), None, gc.isenabled()
    # Else what earlier tests have left may be finished in the middle of this call, and be interrupted in its place.
    gc.disable()
    sys.settrace(trace)
    # No suppress(): that is traced, and interrupted, itself.
    try:
        act()
    except KeyboardInterrupt as error:
        raised = error
    finally:
        sys.settrace(before)
        if collects:
            gc.enable()
    return lines, raised


def chosen(lines: list[tuple[str, int]], turn: int) -> list[int]:
    """Numbers of lines to be interrupted at: some of every line's runs, or a few lines, others in each turn."""
    runs: dict[tuple[str, int], list[int]] = defaultdict(list)
    for number, line in enumerate(lines, 1):
        runs[line].append(number)
    if LONG:
        return sorted({some[round(i)] for some in runs.values() for i in np.linspace(0, len(some) - 1, LONG)})
    firsts = [some[turn % len(some)] for some in runs.values()]
    step = len(firsts) / FEW
    return [firsts[int((i + turn * 0.381966 % 1) * step)] for i in range(FEW)]


def answer_in_another_thread(detector: Any) -> list[torch.Tensor]:
    found: list[torch.Tensor] = []
    thread = threading.Thread(target=lambda: found.append(detector.detect([IMAGE], 0.0)[0].scores), daemon=True)
    thread.start()
    thread.join(60)
    return found


def check_every_line(detector: Any, act: Callable[[], Any], turn: int = 0) -> None:
    wanted = detector.detect([IMAGE], 0.0)[0].scores
    detector.module.train()
    act()
    before = state(detector.module)
    lines, _ = interrupted(act, 0)
    assert len(lines) > 20
    assert state(detector.module) == before
    kept: list[BaseException | None] = []
    wrong: list[str] = []
    for at in chosen(lines, turn):
        try:
            kept.append(interrupted(act, at)[1])
        except Exception as error:
            wrong.append(f"{lines[at - 1]}: the interrupt became {error!r}")
        if (now := state(detector.module)) != before:
            changed = [(new, old) for new, old in zip(now[-1], before[-1]) if new != old]
            wrong.append(f"{lines[at - 1]}: {changed or 'the module'}")
            # What was only waiting for the interrupt to be dropped is put back now.
            kept.clear()
            gc.collect()
            if state(detector.module) != before:
                wrong[-1] += ", for good"
                break
    assert not wrong, "\n".join(wrong)
    (scores,) = answer_in_another_thread(detector)
    assert torch.equal(scores, wanted)
    if LONG:
        print(f"{len(kept)} interrupts, {sum(map(bool, kept))} seen, 0 changes")


@pytest.mark.parametrize("kind", KINDS_HERE, ids=lambda kind: kind.replace("-", "_"))
def test_an_interrupt_at_any_line_leaves_the_detector_as_it_was(kind: str) -> None:
    detector = build(kind)
    hooked = [name for name in detector.layers if name.startswith(("backbone", "neck.before"))]
    layer = (hooked or list(detector.layers))[0]
    found = detector.detect([IMAGE], 0.0)[0][:1]

    def act() -> None:
        trace = detector.trace(IMAGE, layer)
        next(iter(trace.chunks(found, Target())))
        if "attention" in detector.offers:
            trace.attention(query=0)

    check_every_line(detector, act, KINDS_HERE.index(kind))
    forget()


RUNNING_AGAIN: dict[str, dict[str, Any]] = {
    "score-cam": {"channels": 1},
    "ablation-cam": {"channels": 1},
    "cameras": {"sizes": 2, "largest": 1.5},
    "integrated-grad-cam": {"steps": 1},
    "integrated-gradients": {"steps": 1},
    "smoothgrad": {"samples": 1},
    "fullgrad": {},
    "relevance-cam": {},
}


@pytest.fixture(scope="module")
def small() -> Any:
    torch.manual_seed(0)
    maps = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.ReLU())
    network = nn.Sequential(maps, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    return dx.wrap(network, family="classifier", names=list("abc"), input_size=16)


@pytest.mark.parametrize("method", RUNNING_AGAIN)
def test_an_interrupt_at_any_line_of_a_method_that_runs_again_leaves_the_classifier(method: str, small: Any) -> None:
    """And it is the interrupt that comes out, not an error of what it interrupted."""
    found = small.detect([IMAGE], 0.0)[0][:1]
    check_every_line(
        small,
        lambda: dx.explain(small, IMAGE, found, method=method, **RUNNING_AGAIN[method]),
        list(RUNNING_AGAIN).index(method),
    )


class Failing(nn.Module):
    """Raises ``error`` when it runs for the time number ``at``, and does nothing otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.at, self.runs = -1, 0
        self.error: type[BaseException] = RuntimeError

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.runs += 1
        if self.runs == self.at:
            raise self.error("in the middle")
        return x


@pytest.mark.parametrize("method", [name for name in RUNNING_AGAIN if name != "fullgrad"])
def test_a_failure_in_any_run_of_a_method_that_runs_again_leaves_the_classifier(method: str) -> None:
    torch.manual_seed(0)
    failing, settings = Failing(), RUNNING_AGAIN[method]
    network = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(), failing, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    detector = dx.wrap(nn.Sequential(*network, nn.Linear(4, 3)), family="classifier", names=list("abc"), input_size=16)
    found = detector.detect([IMAGE], 0.0)[0][:1]
    failing.runs = 0
    dx.explain(detector, IMAGE, found, method=method, **settings)
    runs, before = failing.runs, state(detector.module)
    for error in (RuntimeError, KeyboardInterrupt, MemoryError):
        failing.error = error
        for at in range(1, runs + 1):
            failing.runs, failing.at = 0, at
            with suppress(error, ValueError):
                dx.explain(detector, IMAGE, found, method=method, **settings)
            assert state(detector.module) == before, f"{error.__name__} in run {at} of {runs}"


def test_the_lock_of_a_module_goes_with_it_and_no_interrupt_can_keep_it() -> None:
    """Python drops an interrupt that comes while it forgets a module, and the entry would stay for the next one."""
    modules = [nn.Sequential(nn.Linear(1, 1))]
    keys = [id(part) for part in modules[0].modules()]
    module_use._locks_of(list(modules[0].modules()))
    assert set(keys) <= module_use._LOCKS.keys()

    def drop() -> None:
        modules.clear()
        gc.collect()

    lines, _ = interrupted(drop, 0)
    assert not [line for line in lines if "module_use" in line[0]]
    assert not set(keys) & module_use._LOCKS.keys()


def test_an_interrupt_at_any_line_of_half_precision_leaves_no_mode_behind() -> None:
    detector = at_precision(build("tiny-fcos"), "bf16")
    check_every_line(detector, lambda: detector.detect([IMAGE], 0.0), 2)
    forget()


def test_an_interrupt_at_any_line_of_explain_leaves_the_callers_modes() -> None:
    detector = build("tiny-fcos")
    found = detector.detect([IMAGE], 0.0)[0][:1]
    dtype = torch.get_autocast_dtype("cpu")
    with torch.inference_mode(), torch.autocast("cpu", torch.float16):
        check_every_line(detector, lambda: dx.explain(detector, IMAGE, found), 5)
    assert (torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")) == (False, dtype)
    assert not torch.is_inference_mode_enabled()
    forget()


def test_an_interrupt_at_any_line_leaves_the_kernels_of_attention(monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting of the whole process, changed where gradients come in batches: on a GPU, and here for the test."""
    monkeypatch.setattr(detr_trace, "batching_pays", lambda _: True)
    detector, inside = build("detr"), []
    layer = detector.layers[-1]
    handle = detector.module.register_forward_pre_hook(lambda *_: inside.append(modes()[-1]))
    detector.trace(IMAGE, layer)
    handle.remove()
    assert inside[-1] == (False, False, True, False)
    torch.backends.cuda.enable_flash_sdp(False)
    try:
        check_every_line(detector, lambda: detector.trace(IMAGE, layer), 7)
    finally:
        torch.backends.cuda.enable_flash_sdp(True)
    forget()


def test_two_threads_do_not_set_the_kernels_of_attention_crosswise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detr_trace, "batching_pays", lambda _: True)
    before, first_in, over = modes(), threading.Event(), threading.Event()
    seen: list[Any] = []

    def stay() -> Any:
        first_in.set()
        over.wait(60)
        seen.append(modes()[-1])

    def come() -> Any:
        seen.append(modes()[-1])

    threads = [threading.Thread(target=detr_trace._with_plain_attention, args=(run,)) for run in (stay, come)]
    threads[0].start()
    first_in.wait(60)
    threads[1].start()
    threads[1].join(0.1)
    over.set()
    for thread in threads:
        thread.join(60)
    assert seen == [(False, False, True, False)] * 2
    assert modes() == before


def test_an_interrupt_at_any_line_of_whole_float32_leaves_the_settings() -> None:
    """The settings exist without a GPU too. Each time they are others before, so that an old note would be seen."""
    module, backend = nn.Linear(1, 1), torch.backends.cudnn
    was = backend.allow_tf32

    def act() -> None:
        assert in_full_float32(torch.device("cuda"), lambda: modes()[3]) == (False, False)

    total = len(interrupted(act, 0)[0])
    assert total > 20
    kept = []
    try:
        for at in range(1, total + 1):
            backend.allow_tf32 = at % 2 == 0
            before = state(module)
            kept.append(interrupted(act, at)[1])
            assert state(module) == before, f"line {at} of {total}"
            act()
            assert state(module) == before, f"after line {at} of {total}"
    finally:
        backend.allow_tf32 = was
    assert sum(map(bool, kept)) > 20


def test_whole_float32_of_two_threads_when_one_is_interrupted_at_any_line() -> None:
    """The other one keeps whole float32 until it leaves, and then the settings are as before."""
    cuda, before = torch.device("cuda"), modes()[3]
    assert before[0]

    def act() -> None:
        in_full_float32(cuda, lambda: None)

    total = len(interrupted(act, 0)[0])
    for at in range(1, total + 1):
        inside, over = threading.Event(), threading.Event()
        seen: list[Any] = []

        def stay(inside: Any = inside, over: Any = over, seen: list[Any] = seen) -> None:
            inside.set()
            over.wait(60)
            seen.append(modes()[3])

        other = threading.Thread(target=in_full_float32, args=(cuda, stay))
        other.start()
        inside.wait(60)
        interrupted(act, at)
        over.set()
        other.join(60)
        assert seen == [(False, False)], f"line {at} of {total}"
        assert modes()[3] == before, f"line {at} of {total}"
