"""One call at a time has a module to itself, and whatever it changes for that time is put back.

Opening a layer hooks the module, evaluation mode flips its flags: two threads in one module would see each other's
changes. So every call that runs a module takes its lock (``alone``, ``exclusive``), and every change for the time of a
call is made by ``undone``, the one place that knows how to put things back wherever an interrupt falls.
"""

from __future__ import annotations

import itertools
import os
import threading
import traceback
import weakref
from collections.abc import Callable, Iterable, Sequence
from functools import partial, wraps
from operator import attrgetter, methodcaller
from typing import Any, Concatenate, ParamSpec, TypeVar

import torch
import torch.overrides
from torch import nn

_Result = TypeVar("_Result")
_Self = TypeVar("_Self")
_Arguments = ParamSpec("_Arguments")

AUTOCAST_KINDS = tuple(kind for kind in ("cpu", "cuda", "mps", "xpu") if torch.amp.is_autocast_available(kind))
"""The kinds of device that have an autocast here."""
ALONE = "_runs_alone"
"""The attribute of a method by which it says that it runs ``alone`` with its module."""
_PATIENCE = 0.05
"""Seconds between two looks at why a module cannot be had; a wait can be interrupted at any time."""
_ABSENT: Any = object()


def undone(change: Callable[[], Any], run: Callable[[], _Result], undo: Callable[[], Any]) -> _Result:
    """Change something, run, and undo the change, whatever is raised and wherever an interrupt falls.

    The undoing covers the changing too, and is tried again if it was interrupted itself. What PyTorch keeps for the
    thread (whether gradients are taken, autocast, function modes) is as before afterwards as well.

    Args:
        change: makes the change.
        run: what the change is made for.
        undo: puts back what was noted before this call. It may run before the change is complete or has begun, and
            twice.

    Returns:
        What ``run`` returned.
    """
    modes = _ThreadModes()
    try:
        try:
            change()
            return run()
        except BaseException as error:
            _let_go(error)
            raise
        finally:
            undo()
            modes.restore()
    finally:
        undo()
        modes.restore()


def alone(module: Any, run: Callable[[], _Result], evaluate: bool = True) -> _Result:
    """Run something that no other call of this package runs beside, with the module in evaluation mode.

    A second thread waits until the first has finished; the same thread may come again inside. Modules that share
    submodules wait for each other too. Afterwards every submodule's training flag is as it was.

    Args:
        module: the network, or a part of it; what is no ``torch.nn.Module`` is neither locked nor changed.
        run: runs the module, hooks it or changes it.
        evaluate: whether the module is put into evaluation mode.

    Returns:
        What ``run`` returned.

    Raises:
        RuntimeError: if another thread keeps the module for long (see ``ModuleUse``), with its reason.
    """
    use = ModuleUse(module, evaluate)
    return undone(use.begin, run, use.end)


def exclusive(
    where: str,
) -> Callable[[Callable[Concatenate[_Self, _Arguments], _Result]], Callable[Concatenate[_Self, _Arguments], _Result]]:
    """Return a decorator of methods that run ``alone`` with a module.

    Args:
        where: the attribute of the object that holds the module, such as "module" or "detector.module".

    Returns:
        The decorator.
    """
    find = attrgetter(where)

    def decorate(
        method: Callable[Concatenate[_Self, _Arguments], _Result],
    ) -> Callable[Concatenate[_Self, _Arguments], _Result]:
        @wraps(method)
        def run_alone(self: _Self, /, *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
            return alone(find(self), partial(method, self, *args, **kwargs))

        setattr(run_alone, ALONE, True)
        return run_alone

    return decorate


def with_hooks(
    hooks: Sequence[tuple[nn.Module, Callable[..., Any]]],
    run: Callable[[], _Result],
    before: bool = False,
    with_kwargs: bool = False,
) -> _Result:
    """Run something with forward hooks on some modules, which are gone afterwards.

    Args:
        hooks: modules, each with what is called after (or before) it ran, as ``register_forward_hook`` takes it.
        run: runs the modules.
        before: register them as forward pre-hooks.
        with_kwargs: hand them the keyword arguments too.

    Returns:
        What ``run`` returned.
    """

    def register() -> None:
        for part, hook in hooks:
            (part.register_forward_pre_hook if before else part.register_forward_hook)(hook, with_kwargs=with_kwargs)

    def remove() -> None:
        for part, hook in hooks:
            registered: Any = part._forward_pre_hooks if before else part._forward_hooks
            marked: Any = part._forward_pre_hooks_with_kwargs if before else part._forward_hooks_with_kwargs
            for key in [key for key, other in list(registered.items()) if other is hook]:
                registered.pop(key, None)
                marked.pop(key, None)

    return undone(register, run, remove)


def with_attributes(changes: Sequence[tuple[Any, str, Any]], run: Callable[[], _Result]) -> _Result:
    """Run something with attributes of some objects changed, which are as before afterwards.

    Args:
        changes: objects, each with the name of an attribute of its own (in its ``__dict__``) and the value for it.
        run: what the changes are made for.

    Returns:
        What ``run`` returned.
    """
    noted = [(vars(owner), name, vars(owner).get(name, _ABSENT)) for owner, name, _ in changes]

    def change() -> None:
        for owner, name, value in changes:
            vars(owner)[name] = value

    def undo() -> None:
        for attributes, name, value in reversed(noted):
            if value is _ABSENT:
                attributes.pop(name, None)
            else:
                attributes[name] = value

    return undone(change, run, undo)


class ModuleUse:
    """One call's use of a module: its lock and evaluation mode. Use it through ``alone`` where that is possible.

    Args:
        module: as for ``alone``.
        evaluate: whether it is put into evaluation mode.
        reason: for a use that takes long: why others cannot have the module meanwhile, and what they can do. They then
            do not wait, but are refused with it.
    """

    def __init__(self, module: Any, evaluate: bool = True, reason: str | None = None) -> None:
        self._parts = list(module.modules()) if isinstance(module, nn.Module) else []
        self._locks = _locks_of(self._parts)
        self._had = [lock.mine for lock in self._locks]
        self._evaluate, self._reason = evaluate, reason
        self._training: list[tuple[nn.Module, bool]] = []

    def begin(self) -> None:
        """Wait for the module, then put it into evaluation mode.

        Raises:
            RuntimeError: if another thread keeps it for long, with its reason.
        """
        for lock, had in zip(self._locks, self._had):
            if not had:
                lock.acquire()
                lock.reason = self._reason
        if self._evaluate:
            # Noted only now: a call that was waited for had flags of its own.
            self._training = [(part, part.training) for part in self._parts]
            _set_training((part, False) for part in self._parts)

    def end(self) -> None:
        """Put the flags back and let others have the module; a second time it does nothing."""
        _set_training(self._training)
        self._training = []
        for lock, had in zip(self._locks, self._had):
            if not had and lock.mine:
                lock.reason = None
                lock.release()


def _set_training(flags: Iterable[tuple[nn.Module, bool]]) -> None:
    """Set flags that are not so already: a module looks at what it is given, which takes longer than to look here."""
    for part, training in flags:
        if part.training is not training:
            part.training = training


class _ModuleLock:
    """A lock that knows why it is held."""

    def __init__(self) -> None:
        self.number = next(_NUMBERS)
        self.reason: str | None = None
        self._lock: Any = threading.RLock()

    @property
    def mine(self) -> bool:
        """Whether the calling thread holds it."""
        return bool(self._lock._is_owned())

    def acquire(self) -> None:
        """Wait for it, but not for a holder that gives a reason."""
        while not self._lock.acquire(timeout=_PATIENCE):
            if (reason := self.reason) is not None:
                raise RuntimeError(reason)

    def release(self) -> None:
        """Let others have it."""
        self._lock.release()


_NUMBERS = itertools.count()
_LOCKS: dict[int, tuple[weakref.ref[nn.Module], _ModuleLock]] = {}
"""The lock of every module in use and of each of its submodules, by its id while it lives."""

if hasattr(os, "register_at_fork"):
    # Threads that hold a lock do not exist in a forked child.
    os.register_at_fork(after_in_child=_LOCKS.clear)


def _locks_of(parts: Sequence[nn.Module]) -> list[_ModuleLock]:
    """The locks of modules, one for all that were not used before, in the order in which every thread takes them.

    An entry is made by one atomic step and never changed, so that all threads find the same locks.
    """
    found: dict[_ModuleLock, None] = {}
    new: _ModuleLock | None = None
    for part in parts:
        key = id(part)
        entry = _LOCKS.get(key)
        if entry is None:
            new = new or _ModuleLock()
            # The callback, pop(key, <the dead reference>), has no line of Python at which a signal could end it.
            entry = _LOCKS.setdefault(key, (weakref.ref(part, partial(_LOCKS.pop, key)), new))
        found[entry[1]] = None
    return sorted(found, key=_number)


def _number(lock: _ModuleLock) -> int:
    return lock.number


class _ThreadModes:
    """What PyTorch keeps for the calling thread, as it is now."""

    def __init__(self) -> None:
        self._grad = torch.is_grad_enabled()
        self._functions = _function_modes()
        self._autocast, self._nested = _autocast_now(), _autocast_nesting()

    def restore(self) -> None:
        """Set it again where it has changed."""
        if (modes := _function_modes()) != self._functions:
            overrides: Any = torch.overrides
            for _ in modes:
                overrides._pop_mode()
            for mode in self._functions:
                overrides._push_mode(mode)
        for _ in range(self._nested, _autocast_nesting()):
            if not torch.autocast_decrement_nesting():
                torch.clear_autocast_cache()
        if (now := _autocast_now()) != self._autocast:
            for (kind, enabled, dtype), other in zip(self._autocast, now):
                if (kind, enabled, dtype) != other:
                    torch.set_autocast_enabled(kind, enabled)
                    torch.set_autocast_dtype(kind, dtype)
            torch.clear_autocast_cache()
        if torch.is_grad_enabled() != self._grad:
            torch.set_grad_enabled(self._grad)


_CALL: Any = methodcaller("__call__")


def _autocast_nesting() -> int:
    """How many blocks of autocast this thread is in; weights in half precision are kept until it leaves the last."""
    # One more and one less, both called by ``map`` itself: no interrupt comes in between.
    counts: list[int] = list(map(_CALL, (torch.autocast_increment_nesting, torch.autocast_decrement_nesting)))
    return min(counts)


def _function_modes() -> list[Any]:
    # Asked for one by one only where there are any: this runs before and after every call.
    overrides: Any = torch.overrides
    return overrides._get_current_function_mode_stack() if torch._C._len_torch_function_stack() else []


def _let_go(error: BaseException) -> None:
    """Let go of what an interrupt left half done below: it would be ended, and change things, only with its traceback.

    PyTorch pushes a function mode anew when a generator that had popped it is dropped.
    """
    if not isinstance(error, Exception):
        traceback.clear_frames(error.__traceback__)


def _autocast_now() -> list[tuple[str, bool, torch.dtype]]:
    return [(kind, torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)) for kind in AUTOCAST_KINDS]
