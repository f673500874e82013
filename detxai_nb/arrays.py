"""One door for foreign arrays: what looks like an array becomes a plain one, or is refused in words."""

from __future__ import annotations

import numpy as np
import torch


def plain_array(value: np.ndarray | torch.Tensor, what: str) -> np.ndarray:
    """Return the values of an array or tensor of any kind as a plain array.

    Subclasses such as ``np.matrix`` and ``np.memmap`` become ``np.ndarray``, since NumPy's own functions may behave
    differently, or even fail, for them; a tensor may be on any device and have a graph.

    Args:
        value: the array or tensor.
        what: what it is, for the error message.

    Returns:
        An array of the class ``np.ndarray`` itself; it may share memory with ``value``.

    Raises:
        ValueError: for values without a plain form: masked, sparse, quantized or nested ones, complex numbers, objects,
            and tensors without content.

    Example:
        >>> type(plain_array(np.ma.masked_array([[1, 2]]), "an image"))
        <class 'numpy.ndarray'>
    """
    if isinstance(value, torch.Tensor):
        return _from_tensor(value, what)
    if isinstance(value, np.ma.MaskedArray):
        if np.ma.is_masked(value):
            raise ValueError(f"{what} is a masked array with masked values; fill them first, as with .filled(0)")
        value = value.data
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{what} holds values of type {array.dtype}; expected real numbers, convert them first")
    return array


def check_plain(value: torch.Tensor, what: str) -> None:
    """Raise an error if a tensor is not a plain one of real numbers.

    Args:
        value: the tensor.
        what: what it is, for the error message.

    Raises:
        ValueError: if it is sparse, nested, quantized, complex or without content.
    """
    kinds = {
        "sparse": value.layout != torch.strided,
        "nested": value.is_nested,
        "quantized": value.is_quantized,
        "complex": value.is_complex(),
        "meta": value.device.type == "meta",
    }
    odd = [name for name, found in kinds.items() if found]
    if odd:
        raise ValueError(f"{what} is a {' '.join(odd)} tensor; expected a plain one of real numbers, convert it first")


def _from_tensor(value: torch.Tensor, what: str) -> np.ndarray:
    check_plain(value, what)
    tensor = value.detach().as_subclass(torch.Tensor).cpu().resolve_neg()
    # NumPy has no type for the others, such as bfloat16.
    plain = tensor if tensor.dtype in _NUMPY_HAS else tensor.float()
    array: np.ndarray = plain.numpy()
    return array


_NUMPY_HAS = {
    torch.float16,
    torch.float32,
    torch.float64,
    torch.uint8,
    torch.uint16,
    torch.uint32,
    torch.uint64,
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.bool,
}
