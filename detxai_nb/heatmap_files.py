"""Files of heat maps: ``.npz`` archives of plain arrays, read whole and compared with what they say, or not at all."""

from __future__ import annotations

import io
import json
import math
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from detxai_nb.arrays import plain_array
from detxai_nb.detection_rows import ROWS
from detxai_nb.files import write_atomically
from detxai_nb.geometry import Placement
from detxai_nb.types import Detections, Target

_Whole = TypeVar("_Whole")
FORMAT = "detxai-nb heat maps 2"
LARGEST = 8 * 2**30
"""A file holds at most so many bytes, unpacked."""

DETECTION_ARRAYS = ROWS
DETECTION_FIELDS = ("names", "origin_fields", "highest_score", "score_threshold", "image_size", "canvas_size")
"""The fields of ``Detections`` that a file keeps as arrays, and those that it keeps as plain values."""
_PLAIN = ("method", "layer", "settings", "seed", "seconds", "signed")


def write_maps(path: Path, fields: Mapping[str, Any]) -> None:
    """Write the fields of heat maps to a file; an existing one is replaced only by a complete one.

    Args:
        path: the file.
        fields: the fields of ``HeatMaps``, by name.

    Raises:
        FileNotFoundError: if the folder does not exist.
        OSError: if the file cannot be written.
        TypeError: if a setting has no plain form.
        ValueError: if the maps are too large for a file.
    """
    found: Detections = fields["detections"]
    arrays: dict[str, Any] = {f"grid_{i}": plain_array(grid, "a map") for i, grid in enumerate(fields["grids"])}
    for name in DETECTION_ARRAYS:
        if (value := getattr(found, name)) is not None:
            arrays[name] = plain_array(value, name)
    for i, which in enumerate(fields.get("deciding", ())):
        arrays[f"deciding_{i}"] = plain_array(which, "deciding")
    others = {"grids", "image", "detections", "placement", "target", "diagnostics", "deciding"}
    meta = {
        "format": FORMAT,
        "count": len(fields["grids"]),
        **{name: value for name, value in fields.items() if name not in others},
        "placement": vars(fields["placement"]),
        "target": {name: value for name, value in vars(fields["target"]).items() if (name, value) != ("against", None)},
        "detections": {name: getattr(found, name) for name in DETECTION_FIELDS},
        "diagnostics": dict(fields["diagnostics"]),
        "shapes": {name: list(array.shape) for name, array in {**arrays, "image": fields["image"]}.items()},
    }
    arrays["image"] = fields["image"]
    arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), dtype=np.uint8)
    size = sum(array.nbytes for array in arrays.values())
    if size > LARGEST:
        raise ValueError(
            f"these maps take {size / 2**30:.1f} GiB, and a file at most {LARGEST / 2**30:g}; save some of them: "
            "maps[:100].save(...)"
        )
    write_atomically(path, lambda file: np.savez_compressed(file, **arrays))


def read_maps(path: Path) -> dict[str, Any]:
    """Read what ``write_maps`` wrote.

    Args:
        path: the file.

    Returns:
        The fields, the tensors on the CPU.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for anything else than a whole heat map file of this version's format.
    """
    return read_whole(path, "a heat map file written by HeatMaps.save", FORMAT, "compute the maps again", _fields)


def read_whole(path: Path, kind: str, form: Any, again: str, build: Callable[..., _Whole]) -> _Whole:
    """Read an archive of arrays and settings, whole or not at all.

    Args:
        path: the file.
        kind: what it should be, in words, for the error message.
        form: the format that this version reads.
        again: what to do with another format, in words.
        build: ``build(arrays, settings)`` makes the result and refuses what does not fit together.

    Returns:
        What ``build`` returned.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for anything else than a whole file of this format.
    """
    try:
        with open(path, "rb") as opened, zipfile.ZipFile(opened) as archive:
            arrays = read_members(archive)
        meta = json.loads(arrays.pop("meta").tobytes())
        if not isinstance(meta, dict) or meta.get("format") != form:
            given = meta.get("format") if isinstance(meta, dict) else None
            raise ValueError(f"it has the format {given!r}, and this version reads {form!r}; {again}")
        return build(arrays, meta)
    except FileNotFoundError:
        raise
    except (
        *(ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, OverflowError, MemoryError),
        *(OSError, EOFError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error),
    ) as error:
        raise ValueError(f"{path} is not {kind}: {error}") from error


def read_members(archive: zipfile.ZipFile) -> dict[str, np.ndarray]:
    """Return the arrays of an archive, each read to its end, so that its checksum is compared.

    Args:
        archive: an open ``.npz`` file.

    Returns:
        The arrays by name, each a copy that can be written to.

    Raises:
        ValueError: if a member is no plain array, two have one name, or they unpack to more than ``LARGEST``.
    """
    listed = archive.infolist()
    if len({info.filename for info in listed}) < len(listed):
        raise ValueError("two of its members have the same name")
    # A packed byte becomes at most about a thousand.
    packed = sum(info.compress_size for info in listed)
    if sum(info.file_size for info in listed) > min(LARGEST, 1100 * packed + 2**20):
        raise ValueError(f"its members would take more than {LARGEST / 2**30:g} GiB, or more than they can unpack to")
    return {info.filename.removesuffix(".npy"): _array(archive.read(info)) for info in listed}


def _array(content: bytes) -> np.ndarray:
    """An array from the bytes of a ``.npy`` file that holds it and nothing else."""
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    if version != (1, 0):
        raise ValueError(f"an array is of the file version {version}, expected (1, 0)")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype.hasobject or math.prod(shape) * dtype.itemsize != len(content) - stream.tell():
        raise ValueError(f"an array says that it is {dtype} {list(shape)}, and its content is of another size")
    values = np.frombuffer(content, dtype, offset=stream.tell())
    # A copy, which can be written to.
    return np.array(values.reshape(shape, order="F" if fortran else "C"))


def _fields(arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> dict[str, Any]:
    said = meta.get("shapes")
    if said is not None and {name: list(array.shape) for name, array in arrays.items()} != said:
        raise ValueError("its arrays are not those that were saved")
    about: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in meta["detections"].items()}
    tensors: dict[str, Any] = {n: torch.from_numpy(arrays[n]) for n in DETECTION_ARRAYS if n in arrays}
    sizes: dict[str, Any] = {k: tuple(_whole(side) for side in v) for k, v in meta["placement"].items()}
    placement = Placement(**sizes)
    image = arrays["image"]
    if image.dtype != np.uint8 or image.shape != (*placement.image_size, 3):
        raise ValueError(f"its image is {image.dtype} {list(image.shape)}, and its maps are of {placement.image_size}")
    count = meta["count"]
    if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= len(arrays):
        raise ValueError(f"it says that it has {count!r} maps, and it has {len(arrays)} arrays")
    return {
        "grids": tuple(_grid(arrays[f"grid_{i}"]) for i in range(count)),
        "placement": placement,
        "image": image,
        "detections": Detections(**tensors, **about),
        "target": Target(**meta["target"]),
        "diagnostics": {name: tuple(map(float, values)) for name, values in meta.get("diagnostics", {}).items()},
        "unit": str(meta.get("unit", "")),
        "deciding": tuple(_deciding(arrays[f"deciding_{i}"]) for i in range(count) if f"deciding_{i}" in arrays),
        "strides": tuple(_pair(pair, 0.0) for pair in meta["strides"]),
        "corners": tuple(pair and _pair(pair) for pair in meta.get("corners", ())),
        **({"shifts": tuple(_pair(pair) for pair in meta["shifts"])} if "shifts" in meta else {}),
        **({"detector": str(meta["detector"])} if "detector" in meta else {}),
        **{name: meta[name] for name in _PLAIN},
    }


def _grid(array: np.ndarray) -> Tensor:
    if array.dtype.kind != "f" or array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"a map is {array.dtype} {list(array.shape)}; expected numbers [h,w]")
    return torch.from_numpy(array)


def _deciding(array: np.ndarray) -> Tensor:
    if array.dtype != np.int8 or array.ndim != 2:
        raise ValueError(f"the deciding parts of a map are {array.dtype} {list(array.shape)}; expected int8 [h,w]")
    return torch.from_numpy(array)


def _pair(pair: Sequence[Any], above: float = -math.inf) -> tuple[float, float]:
    y, x = (float(side) for side in pair)
    if not (math.isfinite(y) and math.isfinite(x) and min(y, x) > above):
        raise ValueError(f"a stride or a corner of a map is {list(pair)}; expected two numbers (y, x)")
    return y, x


def _whole(side: Any) -> int:
    if isinstance(side, bool) or not isinstance(side, int):
        raise ValueError(f"a side of its placement is {side!r}; expected a whole number")
    return side
