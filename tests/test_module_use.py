"""One call at a time has a module, and what it changes is put back wherever an interrupt falls."""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from detxai_nb import module_use
from detxai_nb.detectors.precision import in_half_precision
from detxai_nb.module_use import ModuleUse, alone, exclusive, undone, with_attributes, with_hooks

FILES = ("module_use.py", "precision.py", "contextlib.py", "grad_mode.py", "autocast_mode.py", "overrides.py")


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Dropout(), nn.Linear(2, 2)))


def taken(module: Any) -> bool:
    """Whether another thread would have to wait for the module."""
    found: list[bool] = []

    def look() -> None:
        use = ModuleUse(module, reason="tried")
        locks = [lock._lock.acquire(timeout=0.02) for lock in use._locks]
        for lock, held in zip(use._locks, locks):
            if held:
                lock.release()
        found.append(not all(locks))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    return found[0]


def modes() -> tuple[Any, ...]:
    return (
        torch.is_grad_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.get_autocast_dtype("cpu"),
        torch._C._len_torch_function_stack(),
    )


def test_others_wait_for_a_module_its_parts_and_what_holds_it() -> None:
    module, other = network(), network()
    around = nn.ModuleDict({"one": module, "two": other})

    def inside() -> None:
        assert taken(module)
        assert taken(module[1])
        assert taken(around)
        assert not taken(other)
        assert alone(module[0], lambda: 3) == 3, "the same thread may come again"
        assert taken(module)

    alone(module, inside)
    assert alone(around, lambda: [taken(module), taken(other)]) == [True, True]
    assert not any(map(taken, (module, other, around)))


def test_a_use_that_takes_long_refuses_others_with_its_reason() -> None:
    module = network()
    use, raised = ModuleUse(module, reason="it is at the mender's"), []

    def come() -> None:
        try:
            alone(module, lambda: None)
        except RuntimeError as error:
            raised.append(str(error))

    def refused() -> None:
        thread = threading.Thread(target=come)
        thread.start()
        thread.join()

    undone(use.begin, refused, use.end)
    refused()
    assert raised == ["it is at the mender's"]


def test_many_threads_meet_for_the_first_time() -> None:
    module, inside, most = network(), [0], [0]

    def count() -> None:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.001)
        inside[0] -= 1

    threads = [threading.Thread(target=lambda part=part: alone(part, count)) for part in [*module.modules()] * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Two parts may be used for the first time before the whole: those know nothing of each other.
    assert most[0] <= 3
    most[0] = 0
    threads = [threading.Thread(target=lambda: alone(module, count)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 1


def test_a_lock_goes_with_its_module_and_is_no_part_of_it() -> None:
    module = network()
    alone(module, lambda: None)
    keys = [id(part) for part in module.modules()]
    assert all(key in module_use._LOCKS for key in keys)
    copied = deepcopy(module)
    assert isinstance(pickle.loads(pickle.dumps(module)), nn.Sequential)
    inside: list[bool] = []
    alone(module, partial(_note_taken, inside, module, copied))
    assert inside == [True, False]
    del module, copied
    gc.collect()
    assert not any(key in module_use._LOCKS for key in keys)


def _note_taken(found: list[bool], *modules: nn.Module) -> None:
    found += map(taken, modules)


def test_what_is_no_module_is_neither_locked_nor_changed() -> None:
    assert alone(None, lambda: 5) == 5
    assert alone(object(), lambda: 6) == 6


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="signals to a thread")
def test_waiting_for_a_module_can_be_interrupted() -> None:
    module, begun, over = network(), threading.Event(), threading.Event()

    def keep() -> None:
        begun.set()
        over.wait(60)

    holder = threading.Thread(target=lambda: alone(module, keep))
    holder.start()
    begun.wait(60)
    timer = threading.Timer(0.2, lambda: signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT))
    # What a shell runs in the background ignores it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            alone(module, lambda: None)
    finally:
        signal.signal(signal.SIGINT, before)
        over.set()
    holder.join()
    assert not taken(module)


# What Python warns of from 3.12 on is what is tried here.
@pytest.mark.filterwarnings("ignore:.*is multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_forked_child_does_not_wait_for_threads_that_it_does_not_have() -> None:
    module, begun, over = network(), threading.Event(), threading.Event()

    def keep() -> None:
        begun.set()
        over.wait(60)

    holder = threading.Thread(target=lambda: alone(module, keep))
    holder.start()
    begun.wait(60)
    child = os.fork()
    if not child:
        signal.alarm(30)
        alone(module, lambda: None)
        os._exit(7)
    over.set()
    holder.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


class Owner:
    """Has a module and a method that changes all that a call may change."""

    def __init__(self) -> None:
        self.module = network()
        self.module[1].train()
        self.module[0].eval()
        self.module[0].__dict__["extra"] = 1

    @exclusive("module")
    @torch.no_grad()
    def work(self, *, fails: bool = False) -> torch.Tensor:
        """Twice the network's answer."""
        assert not any(part.training for part in self.module.modules())

        def hook(_: Any, __: Any, output: torch.Tensor) -> torch.Tensor:
            torch.set_grad_enabled(True)
            return output * 2

        def run() -> torch.Tensor:
            return with_attributes([(self.module[0], "extra", 2), (self.module[0], "more", 3)], self.forward)

        found = in_half_precision(torch.device("cpu"), "bf16", lambda: with_hooks([(self.module[1], hook)], run))
        if fails:
            raise ValueError("as asked")
        return found

    def forward(self) -> torch.Tensor:
        """Run it."""
        found: torch.Tensor = self.module(torch.ones(1, 2))
        return found

    def state(self) -> tuple[Any, ...]:
        """All that must be as before."""
        parts = [(part.training, dict(part._forward_hooks), sorted(vars(part))) for part in self.module.modules()]
        return (*modes(), self.module[0].__dict__["extra"], parts)


def lines_of(act: Callable[[], Any], at: int) -> int:
    """How many lines of ``FILES`` it runs; an interrupt comes at line ``at`` of these."""
    count = 0

    def trace(frame: Any, event: str, _: Any) -> Any:
        nonlocal count
        name = frame.f_code.co_filename
        if not name.endswith(FILES):
            return None
        if event == "line":
            count += 1
            if count == at:
                raise KeyboardInterrupt
        return trace

    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(None)
    return count


def test_an_interrupt_at_any_line_leaves_nothing() -> None:
    owner = Owner()
    before = owner.state()
    total = lines_of(owner.work, 0)
    assert total > 200
    for at in range(1, total + 1):
        with suppress(KeyboardInterrupt):
            lines_of(owner.work, at)
        assert owner.state() == before, f"line {at} of {total}"
        if at % 10 == 0:
            assert not taken(owner.module), f"line {at} of {total}"
    assert not taken(owner.module)


def test_an_error_leaves_nothing_and_reaches_the_caller() -> None:
    owner = Owner()
    before = owner.state()
    with pytest.raises(ValueError, match="as asked"):
        owner.work(fails=True)
    assert owner.state() == before
    assert Owner.work.__doc__ == "Twice the network's answer."
