"""A copy of a detector for one sanity check: its weights become random, and nobody else's do."""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor, nn

from detxai_nb.capabilities import Capabilities
from detxai_nb.image import ImageSource
from detxai_nb.module_use import alone, with_hooks
from detxai_nb.sanity.weight_stages import layers_run


def private_copy(detector: Any, image: ImageSource) -> Any:
    """Return a copy of a detector whose module is its own, in the memory of the trained weights.

    A ``Randomizer`` never writes into that memory, so the copy takes none for weights. Tensors are objects of their
    own: what they point to can change here and not there.

    Args:
        detector: one with a ``module``.
        image: what ``load_image`` takes; the copy runs on it once, to see that it runs its own module.

    Returns:
        The copy; the detector itself if it cannot be copied, or if its copy would run the same module, as one does
        whose functions hold the module.
    """
    module = Capabilities(detector).module
    if module is None:
        return detector
    shared = {id(tensor): _same_memory(tensor) for tensor in (*module.parameters(), *module.buffers())}
    shared = {key: tensor for key, tensor in shared.items() if tensor is not None}
    try:
        made = alone(module, lambda: copy.deepcopy(detector, shared), evaluate=False)
    except Exception:  # A detector may hold anything; one that cannot be copied is used as it is.
        return detector
    own = Capabilities(made).module
    if own is None or own is module or not _runs_alone(made, own, module, image):
        return detector
    return made


def _runs_alone(made: Any, own: nn.Module, module: nn.Module, image: ImageSource) -> bool:
    """Whether the copy runs layers of its own module and none of the first one's."""
    seen: list[nn.Module] = []

    def note(part: nn.Module, _: Any) -> None:
        seen.append(part)

    hooks = [(part, note) for part in module.modules()]
    ran = alone(module, lambda: with_hooks(hooks, lambda: layers_run(made, own, image), before=True))
    return bool(ran) and not seen


def _same_memory(tensor: Tensor) -> Any:
    """Another tensor object on the same memory; None for a tensor of a kind of its own, which is copied."""
    if type(tensor) is nn.Parameter:
        return nn.Parameter(tensor.data, tensor.requires_grad)
    return tensor.data if type(tensor) is Tensor and tensor.is_leaf else None
