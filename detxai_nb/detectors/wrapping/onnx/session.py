"""An ONNX model opened by onnxruntime: its file checked, its inputs and outputs known, pictures run in batches."""

from __future__ import annotations

import ast
import hashlib
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from detxai_nb.detectors.wrapping.onnx.decoders import OutputForm
from detxai_nb.detectors.wrapping.onnx.external_data import external_files
from detxai_nb.files import as_path

ENDING = ".onnx"
_TYPES: Mapping[str, type] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
}
_MOST = 8
"""Pictures that go together through a model that takes any number."""
_LONGEST_NAMES = 1_000_000


def is_onnx_file(name: Any) -> bool:
    """Return whether a name is that of an ONNX model.

    Args:
        name: what a caller names.

    Returns:
        Whether it ends in ".onnx".
    """
    return isinstance(name, (str, os.PathLike)) and os.fsdecode(name).lower().endswith(ENDING)


class OnnxSession:
    """One ONNX model, ready to run.

    It can be pickled and copied: the file is then opened again, and has to be the same.

    Args:
        file: the model; data beside it are found by the names that it holds.
        device: "cpu", "cuda" or "cuda:N", or "auto", which is the CPU.
        batch_size: how many pictures go together; None for the model's own number, or as many as 8 where it takes any.

    Raises:
        ImportError: if onnxruntime is not installed.
        FileNotFoundError: if the file, or data that it keeps elsewhere, is missing.
        TypeError: if the device is none.
        ValueError: if it is no model that takes pictures, onnxruntime cannot run it or has no such device, or the batch
            size does not fit.
    """

    def __init__(self, file: str | os.PathLike[str], device: Any = "auto", batch_size: int | None = None) -> None:
        self.path = as_path(file, "an ONNX model")
        self.device = _as_device(device)
        self._wanted = batch_size
        self._open()

    def _open(self) -> None:
        if find_spec("onnxruntime") is None:
            raise ImportError(
                f'{self.path.name} is run by onnxruntime, which is not installed: pip install "detxai-nb[onnx]"'
            )
        if not self.path.is_file():
            there = "is a folder" if self.path.is_dir() else f"does not exist (looked from the folder {Path.cwd()})"
            raise FileNotFoundError(f"there is no ONNX model at {self.path}: it {there}")
        self.files = (self.path, *external_files(self.path))
        self.digest = _digest(self.files)
        self._session = _started(self.path, self.device)
        self.inputs, self.outputs = self._session.get_inputs(), self._session.get_outputs()
        self.image = self._image_input()
        self.channels_last = self.image.shape[1] != 3 and self.image.shape[3] == 3
        sides = self.image.shape[1:3] if self.channels_last else self.image.shape[2:4]
        self.size: tuple[int | None, int | None] = (_fixed(sides[0]), _fixed(sides[1]))
        self.batch_size = self._batch_size()

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("path", "device", "_wanted", "digest")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        digest = state.pop("digest")
        self.__dict__.update(state)
        self._open()
        if self.digest != digest:
            raise ValueError(f"{self.path} was changed since the detector was opened; open it again")

    @cached_property
    def forms(self) -> tuple[OutputForm, ...]:
        """The outputs of one picture; what the model leaves open is seen by running it, if its input has one size."""
        # Others, such as texts and sequences, are none that a decoder reads.
        tensors = [one for one in self.outputs if one.type.startswith("tensor(") and "string" not in one.type]
        shapes = {one.name: tuple(map(_fixed, (one.shape or ())[1:])) for one in tensors}
        height, width = self.size
        unsaid = any(not one.shape or None in shapes[one.name] for one in tensors)
        if unsaid and height is not None and width is not None:
            seen = self.run(np.zeros((1, 3, height, width), np.float32))[0]
            shapes = {one.name: tuple(seen[one.name].shape[1:]) for one in tensors}
        return tuple(OutputForm(one.name, shapes[one.name], "int" in one.type) for one in tensors)

    @property
    def is_known(self) -> bool:
        """Whether it is known how many axes each output has."""
        return None not in self.size or all(one.shape for one in self.outputs)

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the exporter wrote into the file besides the model."""
        found: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map
        return found

    @property
    def names(self) -> Mapping[int, str] | None:
        """The class names that an exporter such as Ultralytics' wrote into the file, by number; None if it did not."""
        text = self.metadata.get("names", "")
        if not text or len(text) > _LONGEST_NAMES:
            return None
        try:
            found = ast.literal_eval(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            return None
        return found if isinstance(found, dict) and found else None

    @property
    def preferred(self) -> int:
        """How many pictures are best run together: on the CPU a batch of an open size takes longer for each of them."""
        chosen = self._wanted is not None or _fixed(self.image.shape[0]) is not None or self.device.type == "cuda"
        return self.batch_size if chosen else 1

    def told(self) -> str:
        """Return inputs and outputs in words.

        Returns:
            Such as "output0 float [1, 84, 8400]".
        """
        inputs, outputs = (", ".join(map(_told, these)) for these in (self.inputs, self.outputs))
        return f"its inputs are {inputs}, its outputs {outputs}"

    def run(self, batch: np.ndarray) -> list[dict[str, np.ndarray]]:
        """Run the model on pictures.

        Args:
            batch: float32 ``[B,3,h,w]``, at most ``batch_size`` pictures.

        Returns:
            For each picture the outputs by name, each with a batch axis of 1.

        Raises:
            RuntimeError: if onnxruntime cannot run it on this input.
        """
        count = len(batch)
        if (own := _fixed(self.image.shape[0])) is not None and count < own:
            batch = np.concatenate([batch, np.zeros((own - count, *batch.shape[1:]), batch.dtype)])
        given = batch.transpose(0, 2, 3, 1) if self.channels_last else batch
        kind = _TYPES[self.image.type]
        given = np.ascontiguousarray(given.round().clip(0, 255) if kind is np.uint8 else given, kind)
        feed = {self.image.name: given, **{one.name: _extra(one, batch) for one in self._extras()}}
        try:
            values = self._session.run(None, feed)
        except Exception as error:
            raise RuntimeError(
                f"onnxruntime could not run {self.path.name} on {len(batch)} pictures of {batch.shape[3]}x"
                f"{batch.shape[2]} ({_shortened(error)}); a model of one picture at a time takes batch_size=1, one of "
                "another input size input_size=(height, width)"
            ) from error
        found = dict(zip((one.name for one in self.outputs), values))
        if len(batch) == 1:
            return [found]
        for name, value in found.items():
            if np.ndim(value) == 0 or len(value) != len(batch):
                raise RuntimeError(
                    f"the output {name} of {self.path.name} is {list(np.shape(value))} for {len(batch)} pictures, not "
                    "a part for each; hand in batch_size=1"
                )
        return [{name: value[i : i + 1] for name, value in found.items()} for i in range(count)]

    def _image_input(self) -> Any:
        """The input that takes pictures, if those besides it are known too."""
        images = [one for one in self.inputs if _is_image(one)]
        unknown = [one for one in self.inputs if not _is_image(one) and one.name not in _EXTRAS]
        if len(images) != 1 or unknown:
            raise ValueError(
                f"{self.path.name} is no model from pictures [B,3,height,width] alone: {self.told()}; run it by a "
                "function of your own and hand that to dx.wrap_predict(predict, names)"
            )
        return images[0]

    def _extras(self) -> list[Any]:
        return [one for one in self.inputs if one.name in _EXTRAS]

    def _batch_size(self) -> int:
        own, wanted = _fixed(self.image.shape[0]), self._wanted
        if wanted is not None and (isinstance(wanted, bool) or not isinstance(wanted, int) or wanted < 1):
            raise ValueError(f"batch_size is a whole number of at least 1, or None, got {wanted!r}")
        if own is not None:
            if wanted is not None and wanted != own:
                raise ValueError(f"{self.path.name} takes batches of {own}; leave batch_size out, got {wanted}")
            return own
        # Where each output has the pictures' own axis, it has a part for each.
        apart = all(one.shape and one.shape[0] == self.image.shape[0] for one in self.outputs)
        return wanted or (_MOST if apart else 1)


def _fixed(side: Any) -> int | None:
    """The length of an axis, or None if the model leaves it open."""
    return side if isinstance(side, int) and side > 0 else None


def _is_image(one: Any) -> bool:
    channels = {one.shape[1], one.shape[3]} if len(one.shape or ()) == 4 else set()
    return one.type in _TYPES and (3 in channels or (bool(channels) and all(map(_is_open, channels))))


def _is_open(side: Any) -> bool:
    return _fixed(side) is None


def _told(one: Any) -> str:
    return f"{one.name} {one.type.removeprefix('tensor(').removesuffix(')')} {list(one.shape or ())}"


def _sizes(one: Any, batch: np.ndarray) -> np.ndarray:
    """(width, height) of each picture, for models that scale their boxes themselves."""
    return np.tile(np.array([[batch.shape[3], batch.shape[2]]]), (len(batch), 1))


def _whole_mask(one: Any, batch: np.ndarray) -> np.ndarray:
    """A mask that leaves nothing out."""
    sides = [_fixed(side) or own for side, own in zip(one.shape[1:], batch.shape[2:])]
    return np.ones((len(batch), *sides))


_EXTRAS = {"orig_target_sizes": _sizes, "pixel_mask": _whole_mask}
"""Inputs besides the picture, by the names that exporters give them."""
_EXTRA_TYPES = {"tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(bool)": np.bool_, **_TYPES}


def _extra(one: Any, batch: np.ndarray) -> np.ndarray:
    made: np.ndarray = _EXTRAS[one.name](one, batch).astype(_EXTRA_TYPES.get(one.type, np.float32))
    return made


def _as_device(device: Any) -> torch.device:
    """The CPU or a GPU of CUDA."""
    if device == "auto":
        return torch.device("cpu")
    try:
        asked = torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"unknown device {device!r}; an ONNX model runs on cpu or cuda") from error
    if asked.type not in ("cpu", "cuda"):
        raise ValueError(f"an ONNX model runs on cpu or cuda, got {str(asked)!r}")
    return asked


def _started(path: Path, device: torch.device) -> Any:
    """The session, with as many threads as PyTorch has."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    # Only what ends the work: the rest is told by the exception.
    options.log_severity_level = 4
    providers: list[Any] = ["CPUExecutionProvider"]
    if device.type == "cuda":
        if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
            raise _no_cuda(device)
        providers.insert(0, ("CUDAExecutionProvider", {"device_id": device.index or 0}))
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:
        raise ValueError(
            f"onnxruntime cannot open {path} ({_shortened(error)}); is it whole, and onnxruntime "
            f"{onnxruntime.__version__} no older than its exporter?"
        ) from error
    if device.type == "cuda" and session.get_providers()[0] != "CUDAExecutionProvider":
        raise _no_cuda(device)
    return session


def _no_cuda(device: torch.device) -> ValueError:
    return ValueError(
        f"device {str(device)!r} was asked for, but onnxruntime finds no CUDA here; put onnxruntime-gpu in place of "
        "onnxruntime (pip uninstall onnxruntime, then pip install onnxruntime-gpu) beside its version of CUDA, or take "
        "device='cpu'"
    )


def _digest(files: Sequence[Path]) -> str:
    """The SHA-256 of what files hold, one after the other."""
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()


def _shortened(error: Exception) -> str:
    said = " ".join(str(error).split())
    return said if len(said) <= 300 else said[:300] + "..."
