"""Two threads with one detector: every answer is what one thread alone gets, to the bit, in every family."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from kinds import KINDS, build
from torch import nn

import detxai_nb as dx
from detxai_nb.testing import forget, photograph

IMAGES = (photograph(), np.ascontiguousarray(photograph()[::-1, ::-1]))
LONG = int(os.environ.get("DETXAI_NB_FUZZ", "0"))
LAYERS = None if LONG else 1
"""Layers for each kind, those that are hooked or patched first; all of them in the long run."""
SOME = ("tiny-resnet", "detr", "faster-rcnn-mobile", "tiny-fcos", "tiny-retinanet", "tiny-ssd", "yolov8n", "yolox-nano")
SHORT = [kind for kind in KINDS if LONG or kind in SOME]


@pytest.fixture(autouse=True)
def eager_threads() -> Iterator[None]:
    """Threads that take turns a hundred times more often than usual."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def beside(*acts: Callable[[], Any]) -> None:
    """Run each in a thread of its own; what one raises is raised here."""
    raised: list[BaseException] = []

    def guarded(act: Callable[[], Any]) -> None:
        try:
            act()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=guarded, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]


def state(module: nn.Module) -> list[Any]:
    return [
        (part.training, vars(part).get("forward"), dict(part._forward_hooks), dict(part._forward_pre_hooks))
        for part in module.modules()
    ]


def chosen_layers(detector: Any) -> list[str]:
    hooked = [name for name in detector.layers if name.startswith(("backbone", "neck.before", "encoder"))]
    return [*hooked, *(name for name in detector.layers if name not in hooked)][:LAYERS]


@pytest.mark.parametrize("kind", SHORT, ids=lambda kind: kind.replace("-", "_"))
def test_two_threads_with_one_detector_get_what_one_alone_gets(kind: str) -> None:
    detector = build(kind)
    layers = chosen_layers(detector)

    def answer(number: int, layer: str) -> list[bytes]:
        found = detector.detect([IMAGES[number]], 0.0)[0][:1]
        maps = dx.explain(detector, IMAGES[number], found, layer=layer)
        return [tensor.numpy().tobytes() for tensor in (found.boxes, found.scores, *maps.grids)]

    wanted = {(number, layer): answer(number, layer) for number in (0, 1) for layer in layers}
    # In training mode, so that evaluation mode is switched on and off by each call.
    detector.module.train()
    before = state(detector.module)

    def work(number: int, order: list[str]) -> None:
        for layer in order:
            assert answer(number, layer) == wanted[number, layer], f"layer {layer!r}"

    beside(lambda: work(0, layers), lambda: work(1, layers[::-1]))
    assert state(detector.module) == before
    forget()


@pytest.mark.parametrize("kind", [kind for kind in ("tiny-resnet", "tiny-ssd", "detr") if kind in KINDS])
def test_a_thread_that_comes_in_the_middle_of_an_opened_pass_waits(kind: str) -> None:
    """The pass stands still behind the layer until the other thread has come: no luck with the clock is needed."""
    detector = build(kind)
    layer = next((each for each in detector.layers if each.startswith("backbone.")), detector.layers[-1])
    images = [np.ascontiguousarray(image[:64, :96]) for image in IMAGES]
    wanted = [detector.detect([image], 0.0)[0].scores for image in images]
    inside, coming, done = threading.Event(), threading.Event(), threading.Event()
    scores: list[torch.Tensor] = []

    def stand_still(*_: Any) -> None:
        if threading.current_thread() is opener and torch.is_grad_enabled() and not inside.is_set():
            inside.set()
            coming.wait(60)
            # Time enough to get in and come out, if that were possible.
            done.wait(0.2)

    def come() -> None:
        inside.wait(60)
        coming.set()
        scores.append(detector.detect([images[1]], 0.0)[0].scores)
        done.set()

    leaves = [part for part in detector.module.modules() if not list(part.children())]
    handles = [part.register_forward_pre_hook(stand_still) for part in leaves]
    opener, other = threading.Thread(target=detector.trace, args=(images[0], layer)), threading.Thread(target=come)
    for thread in (opener, other):
        thread.start()
    for thread in (opener, other):
        thread.join()
    for handle in handles:
        handle.remove()
    assert inside.is_set()
    assert torch.equal(scores[0], wanted[1])
    for image, same in zip(images, wanted):
        assert torch.equal(detector.detect([image], 0.0)[0].scores, same)


def test_a_widget_and_an_evaluation_beside_each_other() -> None:
    pytest.importorskip("anywidget")
    samples = dx.data.scenes.Scenes(2, seed=5)
    detector = dx.load_detector("tiny-fcos", device="cpu")
    found = detector.detect([samples[0].image])[0][:2]
    figures = {
        "methods": ["odam"],
        "metrics": ["energy-pointing-box"],
        "progress": False,
        "controls": False,
        "limit": 1,
    }
    alone = dx.evaluate(detector, samples, **figures)
    widget = dx.widgets.Explorer(detector, samples[0].image, found)
    wanted = [grid.numpy().tobytes() for grid in dx.explain(detector, samples[0].image, found, target="x1").grids]
    tables: list[Any] = []

    def evaluate() -> None:
        tables.append(dx.evaluate(detector, samples, **figures))

    def look() -> None:
        widget.target = "x1"
        assert widget.wait(120)

    beside(evaluate, evaluate, look)
    assert [grid.numpy().tobytes() for grid in widget.maps.grids] == wanted
    assert all(table.equals(alone) for table in tables)
    widget.close()
