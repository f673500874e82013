"""What lies above a submodule, run again alone, against the whole network with a hook on that submodule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from detxai_nb.detectors.trace.above import Above


class Adding(nn.Module):
    """Skips around the part, and writes into its own submodules' outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.skip, self.part = (nn.Conv2d(i, 4, 3, padding=1) for i in (3, 4, 4))
        self.act, self.end = nn.ReLU(inplace=True), nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.stem(x * 2))
        way = self.skip(x)
        way += 1
        x = self.part(x)
        x += way
        return self.end(self.act(x).mean(dim=(2, 3)))


class Joining(Adding):
    """Concatenates an earlier map, as DenseNet does, and runs one module before and after the part."""

    def __init__(self) -> None:
        super().__init__()
        self.end = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.stem(x))
        before = self.skip(x)
        x = self.skip(self.part(x))
        return self.end(F.relu(torch.cat([before, x], dim=1)).mean(dim=(2, 3)))


class Twice(Adding):
    """Runs the part twice: its last call counts."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.part(self.act(self.part(self.stem(x))))
        return self.end(x.relu().mean(dim=(2, 3)))


class OneByOne(Adding):
    """Takes a single image only."""

    def forward(self, x: Tensor) -> Tensor:
        if len(x) != 1:
            raise RuntimeError("one image at a time")
        return super().forward(x)


class Remembering(Adding):
    """Computes with a submodule's state, not its output: skipping that submodule goes wrong, and is noticed."""

    def forward(self, x: Tensor) -> Tensor:
        kept: list[Tensor] = []
        handle = self.stem.register_forward_pre_hook(lambda _, inputs: kept.append(inputs[0]))
        x = self.stem(x)
        handle.remove()
        part = self.part(x)
        return self.end(part.relu().mean(dim=(2, 3))) + (kept[0].mean() if kept else 0)


class Kept(Adding):
    """Reads what a submodule left behind when it ran."""

    seen: Any = None

    def forward(self, x: Tensor) -> Tensor:
        self.seen = None
        x = self.act(_Noting(self)(self.stem(x)))
        return self.end(self.part(x).relu().mean(dim=(2, 3))) + self.seen


class _Noting(nn.Module):
    def __init__(self, owner: Any) -> None:
        super().__init__()
        self.note: Callable[[Tensor], None] = lambda x: setattr(owner, "seen", x.mean())

    def forward(self, x: Tensor) -> Tensor:
        self.note(x)
        return x


def whole(module: nn.Module, x: Tensor, given: Tensor) -> Tensor:
    """The network with ``given`` in place of what the part's last call returns, one image at a time."""
    calls: list[int] = []
    count = 2 if isinstance(module, Twice) else 1

    def hook(_: nn.Module, __: Any, output: Tensor) -> Tensor:
        calls.append(1)
        return given.clone() if len(calls) == count else output

    handle = module.part.register_forward_hook(hook)  # type: ignore[union-attr]
    try:
        return module(x)
    finally:
        handle.remove()


@pytest.mark.parametrize(
    ("kind", "batched"),
    [(Adding, True), (Joining, True), (Twice, True), (OneByOne, False), (Remembering, True), (Kept, True)],
)
@torch.no_grad()
def test_changed_outputs_act_as_in_the_whole_network(kind: type[Adding], batched: bool) -> None:
    torch.manual_seed(0)
    module = kind().double().eval()
    x = torch.randn(1, 3, 6, 7, dtype=torch.float64)
    before = [w.clone() for w in module.parameters()]
    above = Above(module, module.part, module, x, lambda out: [out])
    changed = torch.randn(3, 4, 6, 7, dtype=torch.float64)
    expected = torch.cat([whole(module, x, one) for one in changed.split(1)])
    assert above.batched == batched
    for _ in range(2):
        parts = [changed] if batched else changed.split(1)
        found = torch.cat([above(part.clone(), len(part)) for part in parts])
        assert torch.allclose(found, expected, rtol=1e-12, atol=1e-12)
    assert torch.allclose(above(above.own(), 1), module(x))
    assert not module._forward_hooks
    assert not any("forward" in vars(part) or part._forward_hooks for part in module.modules())
    assert all(torch.equal(a, b) for a, b in zip(before, module.parameters()))


@torch.no_grad()
def test_only_what_lies_above_runs() -> None:
    module = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.Sequential(nn.ReLU(), nn.Conv2d(4, 4, 3)), nn.Flatten(), nn.LazyLinear(2)
    )
    module(torch.zeros(1, 3, 8, 8))
    above = Above(module, module[1], module, torch.rand(1, 3, 8, 8), lambda out: [out])
    ran: list[str] = []
    for name, part in module.named_modules():
        original = part.forward
        part.forward = lambda *a, name=name, original=original: ran.append(name) or original(*a)  # type: ignore[method-assign]
    above(torch.rand(5, 4, 4, 4), 5)
    assert ran == ["", "2", "3"]


@torch.no_grad()
def test_what_cannot_be_measured_is_refused() -> None:
    module = Adding().eval()
    x = torch.rand(1, 3, 6, 7)
    with pytest.raises(ValueError, match="the Linear did not run where it can be seen"):
        Above(module, nn.Linear(1, 1), module, x, lambda out: [out])
    with pytest.raises(ValueError, match="does not give the same outputs when it runs again"):
        Above(module, module.part, lambda batch: module(batch) + torch.rand(1), x, lambda out: [out])

    def out_of_memory(batch: Tensor) -> Tensor:
        if len(batch) > 1:
            raise torch.OutOfMemoryError("none left")
        return module(batch)

    with pytest.raises(torch.OutOfMemoryError):
        Above(module, module.part, out_of_memory, x, lambda out: [out])
    assert not any("forward" in vars(part) or part._forward_hooks for part in module.modules())
