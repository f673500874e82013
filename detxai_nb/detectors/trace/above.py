"""What of a network lies above one of its submodules, run again on changed outputs of that submodule alone."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from detxai_nb.module_use import with_attributes, with_hooks

ALIKE = 1e-4
"""How far outputs that are computed again may be off, as a share of their largest value: rounding and no more."""


def map_tensors(output: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Return a submodule's output with every tensor in it changed.

    Args:
        output: a tensor, or tuples, lists and dicts of them; anything else stays as it is.
        change: returns the tensor to take instead.

    Returns:
        An output of the same form.
    """
    if isinstance(output, Tensor):
        return change(output)
    if isinstance(output, dict):
        changed = copy.copy(output)
        for key, value in output.items():
            changed[key] = map_tensors(value, change)
        return changed
    if isinstance(output, (list, tuple)):
        parts = [map_tensors(value, change) for value in output]
        return type(output)(*parts) if hasattr(output, "_fields") else type(output)(parts)
    return output


class _Call:
    """A finished call of a submodule with a copy of its output."""

    def __init__(self, part: nn.Module, output: Any) -> None:
        self.part = part
        self._output = map_tensors(output, lambda x: x.detach().clone())
        self._handed: list[tuple[Tensor, int]] = []
        self.overwritten = False

    def output(self, count: int, checked: bool) -> Any:
        """The output for a batch of ``count``; a copy unless a run before left it as it was."""
        if checked and not self.overwritten:
            return map_tensors(self._output, lambda x: _repeated(x, count))

        def fresh(x: Tensor) -> Tensor:
            own = _repeated(x, count).clone()
            if not checked:
                self._handed.append((own, own._version))
            return own

        return map_tensors(self._output, fresh)

    def note_changes(self) -> None:
        """Note whether what followed wrote into the output, as in-place additions do."""
        self.overwritten |= any(tensor._version != version for tensor, version in self._handed)
        self._handed.clear()


def _repeated(x: Tensor, count: int) -> Tensor:
    """A tensor of one image as one of ``count`` images, which share its memory."""
    return x.expand(count, *x.shape[1:]) if x.ndim and len(x) == 1 and count > 1 else x


class Above:
    """A network cut at the last call of a submodule: what comes after it runs, what came before is remembered.

    The network runs once, and the outputs of all submodules that were finished before are kept; in a further run they
    are handed out again, so that only what its own code does between submodules is repeated. Whether that gives the
    same outputs again, and whether for several images at once, is tried out; where it does not (code that depends on
    more than its submodules' outputs) more is run again: the whole network if need be, with the changed output put in
    its place.

    Args:
        module: the network, or the part of it that ``run`` runs, in evaluation mode.
        part: the submodule whose output is changed.
        run: runs ``module`` on a batch.
        batch: the input of one image, ``[1,...]``.
        read: returns what counts of the outputs of ``run``: tensors with the batch as their first axis.

    Raises:
        ValueError: if the submodule does not run, or outputs differ from run to run.
    """

    def __init__(
        self,
        module: nn.Module,
        part: nn.Module,
        run: Callable[[Tensor], Any],
        batch: Tensor,
        read: Callable[[Any], Sequence[Tensor]],
    ) -> None:
        self._part, self._run, self._read = part, run, read
        self._calls: list[_Call] = []
        self._own: Any = None
        self._skips = False
        self._before = -1
        self._batch = batch.detach().clone()
        version = self._batch._version
        outputs = self._remember(module)
        self._writes = self._batch._version != version
        self._batch = batch if self._writes else self._batch
        if self._own is None:
            raise ValueError(
                f"the {type(part).__name__} did not run where it can be seen (a compiled or scripted network runs "
                "without its submodules), so nothing can be put in place of its output; hand in the plain module"
            )
        expected = [x.detach().clone() for x in read(outputs)]
        ways = ((True, True), (True, False), (False, True), (False, False))
        found = next((way for way in ways if self._repeats(expected, *way)), None)
        if found is None:
            raise ValueError(
                f"the {type(module).__name__} does not give the same outputs when it runs again, so a change of its "
                f"{type(part).__name__}'s output cannot be measured; take out what is random or remembers earlier runs"
            )
        self.batched: bool = found[0]
        self._skips = found[1]

    def own(self, count: int = 1) -> Any:
        """Return what the submodule returned itself.

        Args:
            count: for a batch of so many images that are all the same.

        Returns:
            Its output, to be changed and handed back.
        """
        return map_tensors(self._own, lambda x: _repeated(x, count).clone())

    @torch.no_grad()
    def __call__(self, output: Any, count: int) -> Any:
        """Run what lies above the submodule.

        Args:
            output: what the submodule's last call returns instead, for ``count`` images.
            count: number of images; 1 if not ``batched``.

        Returns:
            What ``run`` returns.
        """
        return self._again(output, count, self._skips, checked=True)

    def _again(self, output: Any, count: int, skips: bool, checked: bool) -> Any:
        waiting: dict[nn.Module, list[Any]] = {}
        if skips:
            for call in self._calls:
                waiting.setdefault(call.part, []).append(partial(call.output, count, checked))
        else:
            # Everything before it runs, and so do its own calls before the last.
            waiting[self._part] = [None] * self._before
        waiting.setdefault(self._part, []).append(lambda: output)

        def forward(original: Callable[..., Any], answers: list[Any], *arguments: Any, **named: Any) -> Any:
            answer = answers.pop(0) if answers else None
            return original(*arguments, **named) if answer is None else answer()

        changes = [(part, "forward", partial(forward, part.forward, answers)) for part, answers in waiting.items()]
        batch = _repeated(self._batch, count)
        batch = batch.clone() if self._writes else batch
        return with_attributes(changes, lambda: self._run(batch))

    def _repeats(self, expected: Sequence[Tensor], batched: bool, skips: bool) -> bool:
        """Whether the outputs come out again if the submodule's own output is put in its place."""
        count = 2 if batched else 1
        try:
            with torch.no_grad():
                found = list(self._read(self._again(self.own(count), count, skips, checked=False)))
        except torch.OutOfMemoryError:
            raise
        except Exception:
            # Whatever the network's own code raises where it gets a batch of another size than it expects.
            return False
        finally:
            for call in self._calls:
                call.note_changes()
        return len(found) == len(expected) and all(_alike(x, y, count) for x, y in zip(found, expected))

    @torch.no_grad()
    def _remember(self, module: nn.Module) -> Any:
        """Run the network and keep the outermost calls that are finished when the submodule last returns."""
        finished: list[list[_Call]] = [[]]

        def enter(_: nn.Module, __: Any) -> None:
            finished.append([])

        def leave(part: nn.Module, __: Any, output: Any) -> None:
            finished.pop()
            if part is self._part:
                self._calls = [call for calls in finished for call in calls]
                self._own = map_tensors(output, lambda x: x.detach().clone())
                self._before += 1
            finished[-1].append(_Call(part, output))

        parts = list(dict.fromkeys(module.modules()))
        return with_hooks(
            [(part, enter) for part in parts],
            lambda: with_hooks([(part, leave) for part in parts], lambda: self._run(self._batch)),
            before=True,
        )


def _alike(found: Tensor, expected: Tensor, count: int) -> bool:
    if found.shape != (count * len(expected), *expected.shape[1:]):
        return False
    off = (found - expected).abs().amax() if found.numel() else found.new_zeros(())
    return bool(off <= ALIKE * expected.abs().amax().clamp(min=torch.finfo(expected.dtype).tiny))
