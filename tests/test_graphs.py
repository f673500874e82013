"""Parts of networks that are recorded and replayed; a stand-in records where there is no GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

import detxai_nb as dx
from detxai_nb.data import scenes
from detxai_nb.passes import FAST, FastPasses, fast, graphs


class Waits(RuntimeError):
    """What PyTorch raises where Python waits for the GPU."""


class _Refusing(TorchDispatchMode):
    """Raises where an operation would wait for a GPU."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        masks = name == "index" and any(one is not None and one.dtype == torch.bool for one in args[1])
        if masks or name in ("_local_scalar_dense", "nonzero", "nms"):
            raise Waits("called a synchronizing CUDA operation")
        return func(*args, **(kwargs or {}))


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A stand-in for the recording: a replay computes again and writes into the tensors of the first time."""
    made: list[Any] = []

    def capture(forward: Callable[[], Any]) -> tuple[Callable[[], None], Any]:
        output = forward()
        made.append(output)

        def again() -> None:
            for held, new in zip(tree_flatten(output)[0], tree_flatten(forward())[0], strict=True):
                if isinstance(held, Tensor):
                    held.copy_(new)

        return again, output

    @contextmanager
    def no_waiting() -> Iterator[None]:
        with _Refusing():
            yield

    monkeypatch.setattr(graphs, "_DEVICES", {"cpu"})
    monkeypatch.setattr(graphs, "_capture", capture)
    monkeypatch.setattr(graphs, "_no_waiting", no_waiting)
    monkeypatch.setenv(graphs.WANTED, "1")
    fast._LAST.forget()
    return made


class Counts(nn.Module):
    """Doubles, and counts how often its Python runs."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))
        self.calls = 0

    def forward(self, x: Tensor, names: tuple[str, ...] = ()) -> dict[str, Any]:
        self.calls += 1
        return {"twice": x * self.weight, "names": names}


class Decides(nn.Module):
    """Asks a tensor for its value, which waits for the GPU, and leaves the rest to two parts in a list."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleList([Counts(), Counts()])

    def forward(self, x: Tensor) -> Tensor:
        which = self.parts[0] if x.sum().item() > 0 else self.parts[1]
        return which(x)["twice"]


class Forgets(nn.Module):
    """Gives another answer each time, as what keeps something in Python does."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.calls = nn.Parameter(torch.tensor(1.0)), 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x * self.weight + self.calls


def test_a_replay_is_the_plain_pass_and_stays_its_callers(recorded: list[Any]) -> None:
    part = Counts()
    graphs.record_parts(part, lambda: part(torch.ones(1)))
    inputs = [torch.randn(2, 3) for _ in range(6)]
    with torch.no_grad():
        outputs = [part(x, ("a",)) for x in inputs]
    assert len(recorded) == 1
    for x, output in zip(inputs, outputs, strict=True):
        assert torch.equal(output["twice"], x * 2)
        assert output["names"] == ("a",)


def test_shapes_and_constants_have_recordings_of_their_own_up_to_a_limit(recorded: list[Any]) -> None:
    part = Counts()
    graphs.record_parts(part, lambda: part(torch.ones(1)))
    with torch.no_grad():
        for _ in range(4):
            for count in range(1, 9):
                assert len(part(torch.ones(count))["twice"]) == count
            assert part(torch.ones(1), ("b",))["names"] == ("b",)
    assert len(recorded) == graphs._MOST_SHAPES


def test_what_waits_for_the_gpu_gives_way_to_its_children(recorded: list[Any]) -> None:
    part = Decides()
    graphs.record_parts(part, lambda: (part(torch.ones(1)), part(-torch.ones(1))))
    with torch.no_grad():
        for _ in range(8):
            for sign in (1.0, -1.0):
                assert torch.equal(part(torch.full((2,), sign)), torch.full((2,), 2 * sign))
    assert "forward" not in vars(part)
    assert all("forward" in vars(child) for child in part.parts)
    assert len(recorded) == 2


def test_what_answers_otherwise_the_second_time_is_not_replayed(recorded: list[Any]) -> None:
    part = Forgets()
    graphs.record_parts(part, lambda: part(torch.zeros(1)))
    with torch.no_grad():
        for _ in range(5):
            before = part.calls
            value = float(part(torch.zeros(1)))
            assert value > before
    assert len(recorded) == 1
    assert "forward" not in vars(part)


def test_inputs_that_are_no_tensors_give_way(recorded: list[Any]) -> None:
    part = Counts()
    graphs.record_parts(part, lambda: part(torch.ones(1)))
    part(torch.ones(1), (object(),))  # type: ignore[arg-type]
    assert "forward" not in vars(part)
    assert not recorded


@pytest.mark.parametrize("name", ["tiny-fcos", "tiny-yolox", "tiny-faster-rcnn"])
def test_a_detector_of_recorded_parts_answers_as_before(name: str, recorded: list[Any]) -> None:
    detector = dx.load_detector(name, device="cpu")
    pictures = [scenes.make(index, 11).image for index in range(3)]
    passes = FastPasses(detector, pictures[0], 0.3)
    assert passes.kind == FAST, passes.reason
    assert recorded
    for picture in pictures:
        expected, found = detector.detect([picture], 0.3)[0], passes.detect([picture], 0.3)[0]
        assert torch.equal(expected.labels, found.labels)
        assert torch.allclose(expected.scores, found.scores, rtol=0, atol=1e-5)
    assert not any("forward" in vars(part) for part in detector.module.modules())


def test_without_being_asked_for_nothing_is_recorded(recorded: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(graphs.WANTED)
    assert FastPasses(dx.load_detector("tiny-fcos", device="cpu"), scenes.make(1, 11).image, 0.3).kind == FAST
    assert not recorded


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", ["tiny-fcos", "tiny-yolox", "tiny-faster-rcnn"])
def test_on_a_gpu(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(graphs.WANTED, "1")
    detector = dx.load_detector(name, device="cuda")
    pictures = [scenes.make(index, 11).image for index in range(3)]
    passes = FastPasses(detector, pictures[0], 0.3)
    assert passes.kind == FAST, passes.reason
    for picture in pictures:
        expected, found = detector.detect([picture], 0.3)[0], passes.detect([picture], 0.3)[0]
        assert torch.equal(expected.labels, found.labels)
        assert torch.allclose(expected.scores, found.scores, rtol=0, atol=1e-5)
