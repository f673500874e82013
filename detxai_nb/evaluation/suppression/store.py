"""The store of predictions before suppression: one pass of each detector, from which all rules are then computed.

A folder for each training holds a file for every few scenes, which is there whole or not at all, and what tells the
weights from others. Only scenes that are missing are computed.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from detxai_nb.evaluation.suppression.candidates import OpenScene, PassSettings, SceneCandidates
from detxai_nb.evaluation.suppression.runs import TrainedRun
from detxai_nb.files import as_path, write_whole

FORMAT = "detxai-nb predictions before suppression 1"
BATCH = 10
"""Scenes of a file."""
SCENES, FEATURES = "scenes", "features"
"""What is kept of a training: predictions, and their feature vectors if there is a head for them."""
_SETTINGS, _RUN = "settings.json", "training.json"


class CandidateStore:
    """Predictions before suppression in a folder.

    Args:
        folder: made if it is missing.
        settings: what is kept; those of a store that is there already have to be the same.

    Raises:
        ValueError: for a folder with other files, or a store with other settings.
    """

    def __init__(self, folder: str | os.PathLike[str], settings: PassSettings) -> None:
        self.folder, self.settings = as_path(folder, "the store"), settings
        about = {"format": FORMAT, **asdict(settings)}
        path = self.folder / _SETTINGS
        if path.is_file():
            _require_same(path, about, "holds predictions with other settings: take another folder, or the same")
            return
        if self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
            raise ValueError(f"{self.folder} is no store of predictions, and not empty; name a new folder")
        self.folder.mkdir(parents=True, exist_ok=True)
        _write_json(path, about)

    def missing(self, run: TrainedRun, count: int) -> list[int]:
        """List the scenes of which predictions, or feature vectors that the training has a head for, are not there.

        Args:
            run: the training.
            count: the number of scenes.

        Returns:
            Those of the first ``count`` that are missing, in their order.

        Raises:
            ValueError: if the store holds scenes of other weights.
        """
        there = set.intersection(*(_indices(self._files(run, kind)) for kind in self._kinds(run)))
        return [index for index in range(count) if index not in there]

    def fill(self, run: TrainedRun, count: int, progress: Callable[[int, int], Any] | None = None) -> int:
        """Run the detector on the scenes that are not there yet.

        An interruption loses at most the last ``BATCH`` scenes; the next call goes on from there.

        Args:
            run: the training.
            count: the number of scenes, 1 or more.
            progress: called as ``progress(done, count)`` after each scene; what it raises ends the work.

        Returns:
            How many were computed.

        Raises:
            ValueError: if the store holds scenes of other weights, or the count is below 1.
        """
        if count < 1:
            raise ValueError(f"at least 1 scene, got {count}")
        missing = self.missing(run, count)
        if not missing:
            return 0
        there = {kind: _indices(self._files(run, kind)) for kind in self._kinds(run)}
        for kind in there:
            self._claim(run, kind)
        dataset, detector = self.settings.scenes(count), run.open(self.settings.norm_statistics)
        embedding = run.embedding(detector)
        waiting: dict[str, dict[int, Any]] = {kind: {} for kind in there}
        for done, index in enumerate(missing, start=count - len(missing) + 1):
            opened = OpenScene(detector, dataset[index].image, self.settings)
            if index not in there[SCENES]:
                waiting[SCENES][index] = opened.compared()
            if embedding is not None and index not in there[FEATURES]:
                waiting[FEATURES][index] = opened.features(embedding)
            if done % BATCH == 0 or done == count:
                for kind, parts in waiting.items():
                    _write(self._home(run, kind), parts)
                    parts.clear()
            if progress is not None:
                progress(done, count)
        return len(missing)

    def read(self, run: TrainedRun, count: int) -> Iterator[tuple[SceneCandidates, np.ndarray | None]]:
        """Read the predictions of the first scenes.

        Args:
            run: the training.
            count: the number of scenes.

        Yields:
            Those of each scene, and their feature vectors ``[N,D]`` if the training has a head for them.

        Raises:
            ValueError: if one is missing, a file is damaged, or they are of other weights.
        """
        if missing := self.missing(run, count):
            raise ValueError(
                f"{self.folder} lacks {len(missing)} of {count} scenes of {run.title}; fill it first, by the command "
                "detxai-nb evaluate odam-nms or by fill"
            )
        columns = [self._parts(run, kind, count) for kind in self._kinds(run)]
        for found in zip(*columns, strict=True):
            candidates = SceneCandidates(**{**found[0], "found": int(found[0]["found"])})
            yield candidates, found[1]["vectors"] if len(found) > 1 else None

    def _parts(self, run: TrainedRun, kind: str, count: int) -> Iterator[dict[str, np.ndarray]]:
        """The arrays of each scene, from the first to the last."""
        done = 0
        for path in self._files(run, kind):
            for index, part in _of_file(path):
                # Two processes that fill one store may have written a scene twice.
                if index == done < count:
                    done += 1
                    yield part

    def _kinds(self, run: TrainedRun) -> tuple[str, ...]:
        return (SCENES, FEATURES) if run.head is not None else (SCENES,)

    def _home(self, run: TrainedRun, kind: str) -> Path:
        return self.folder / run.title / kind

    def _files(self, run: TrainedRun, kind: str) -> list[Path]:
        """The files of a training, by their first scenes."""
        home = self._home(run, kind)
        if not (home / _RUN).is_file():
            return []
        what = "holds what was computed with other weights: remove that folder, and it is computed again;"
        _require_same(home / _RUN, run.digests(), what, only=kind)
        return sorted(home.glob("*.npz"))

    def _claim(self, run: TrainedRun, kind: str) -> None:
        """Say whose scenes a folder holds."""
        home = self._home(run, kind)
        home.mkdir(parents=True, exist_ok=True)
        _write_json(home / _RUN, run.digests())


def _indices(files: list[Path]) -> set[int]:
    """The scenes of files, which are named by the first and the last."""
    found: set[int] = set()
    for path in files:
        first, last = path.stem.split("-")
        found |= set(range(int(first), int(last) + 1))
    return found


def _write(home: Path, parts: dict[int, dict[str, np.ndarray]]) -> None:
    """Write what there is of scenes, each run of neighbours into a file."""
    runs: list[list[int]] = []
    for index in sorted(parts):
        if runs and runs[-1][-1] == index - 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    for run in runs:
        write_whole(home / f"{run[0]:06d}-{run[-1]:06d}.npz", _to_bytes([parts[index] for index in run]))


def _to_bytes(scenes: list[dict[str, np.ndarray]]) -> bytes:
    content = io.BytesIO()
    arrays: dict[str, Any] = {f"{name} {i}": array for i, part in enumerate(scenes) for name, array in part.items()}
    np.savez(content, **arrays)
    return content.getvalue()


def _of_file(path: Path) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """The number of each scene with its arrays."""
    first, last = (int(number) for number in path.stem.split("-"))
    parts: list[dict[str, np.ndarray]] = [{} for _ in range(first, last + 1)]
    try:
        # Members are read whole, so that each is compared with its checksum.
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            for key in file.files:
                name, _, number = key.partition(" ")
                parts[int(number)][name] = file[key]
    except (OSError, EOFError, IndexError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} is damaged ({error}); remove it, and its scenes are computed again") from error
    yield from enumerate(parts, start=first)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    write_whole(path, (json.dumps(content, indent=2) + "\n").encode())


def _require_same(path: Path, wanted: dict[str, Any], what: str, only: str = SCENES) -> None:
    """Raise an error unless a file holds these values."""
    try:
        there = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}); remove the folder {path.parent}") from error
    for name, value in wanted.items():
        # A head that was trained later changes nothing about predictions.
        if there.get(name) != value and not (only == SCENES and name == "head"):
            raise ValueError(f"{path.parent} {what} {name} is {there.get(name)!r} there and {value!r} here")
