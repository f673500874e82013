"""``detxai-nb explain`` of many pictures: those of a folder or of a COCO file, one after the other, resumable."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import detxai_nb as dx
from detxai_nb.cli.commands import detector_opener
from detxai_nb.cli.explains import OUTPUTS, explain_picture, write_maps_to
from detxai_nb.cli.wording import in_own_words
from detxai_nb.files import as_path, write_atomically

SETTINGS, RESULTS = "explain.json", "explain.jsonl"
"""In the folder of results: what they were computed with, and a line for each picture that is done."""
_OF_RESULTS = (
    *("detector", "weights", "names", "decode", "detector_setting", "method", "target", "against", "layer"),
    *("score_threshold", "classes", "object", "setting", "colormap"),
)
"""The options on which the results depend."""


def are_many(source: Path) -> bool:
    """Return whether a path names many pictures.

    Args:
        source: what the command was given.

    Returns:
        True for a folder and for a file of annotations.
    """
    return source.is_dir() or source.suffix.lower() == ".json"


def run_many(options: argparse.Namespace) -> int:
    """Explain the objects of many pictures; what goes wrong with one is said at the end.

    Each picture ``a/b.jpg`` gets ``a/b.jpg.png`` and ``a/b.jpg.npz`` in the folder of results, each there whole or not
    at all. A picture that is done and has not changed since is passed over.

    Args:
        options: the parsed command line.

    Returns:
        The exit status: 1 if a picture could not be explained.

    Raises:
        ValueError: if there are no pictures, or the folder of results is a file or holds those of other settings.
        FileNotFoundError: for a missing annotation file or folder of images.
    """
    if len(options.out) != 1:
        raise ValueError("--out names one folder for the results of many pictures; give it once")
    folder = as_path(options.out[0], "the folder of results")
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; for many pictures --out names a folder")
    if folder.suffix in OUTPUTS and not folder.exists():
        raise ValueError(f"for many pictures --out names a folder, and {folder.name!r} looks like a file")
    pictures = dict(_pictures(as_path(options.photo, "a folder of pictures"), folder))
    if not pictures:
        raise ValueError(f"there are no pictures in {options.photo}")
    settings = {name: _plain(getattr(options, name)) for name in _OF_RESULTS}
    from detxai_nb.capabilities import Capabilities
    from detxai_nb.evaluation.fingerprint import to_plain

    detector = detector_opener(options)()
    if (identity := Capabilities(detector).identity) is not None:
        # That of a file of its own, such as an ONNX model, says what is in it.
        settings["content"] = to_plain(identity, "the detector's identity")
    folder.mkdir(parents=True, exist_ok=True)
    _require_settings(folder / SETTINGS, settings)
    done = _done(folder / RESULTS)
    # What `main` says of an interrupted command depends on it.
    options.store = folder
    counts, failed = {"explained": 0, "without objects": 0, "done before": 0}, {}
    for number, (name, path) in enumerate(pictures.items(), start=1):
        try:
            if isinstance(path, ValueError):
                raise path
            state = _state(path)
            if _is_done(done.get(name), state, folder, name):
                counts["done before"] += 1
                continue
            found = _explain_one(options, detector, path, folder / name)
        except (ValueError, TypeError, OSError, RuntimeError) as error:
            failed[name] = in_own_words(str(error))
            print(f"{number} of {len(pictures)}  {name}  failed", flush=True)
            continue
        _add_line(folder / RESULTS, {"picture": name, "objects": found, **state})
        counts["explained" if found else "without objects"] += 1
        print(f"{number} of {len(pictures)}  {name}  {found} explained", flush=True)
    told = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    print(f"{folder}: {told or 'nothing done'}{f', {len(failed)} failed' if failed else ''}")
    for name, message in failed.items():
        print(f"detxai-nb: {name}: {message}", file=sys.stderr)
    return 1 if failed else 0


def _pictures(source: Path, results: Path) -> Iterator[tuple[str, Path | ValueError]]:
    """Each picture's name within the source, with its path, or with what is wrong with its name."""
    from detxai_nb.data.pictures import ENDINGS

    if source.is_dir():
        own = results.resolve()
        for path in sorted(source.rglob("*")):
            hidden = any(part.startswith(".") for part in path.relative_to(source).parts)
            if path.suffix.lower() in ENDINGS and path.is_file() and not hidden and own not in path.resolve().parents:
                yield path.relative_to(source).as_posix(), path
        return
    dataset = dx.data.coco.CocoDataset(source)
    for index in range(len(dataset)):
        try:
            path = dataset.image_path(index)
            yield path.relative_to(dataset.folder).as_posix(), path
        except ValueError as error:
            yield str(dataset.coco["images"][index]["file_name"]), error


def _explain_one(options: argparse.Namespace, detector: Any, path: Path, out: Path) -> int:
    """Explain one picture and write its files; how many objects were explained."""
    explained = explain_picture(options, detector, dx.load_image(path), allow_none=True)
    if explained is None:
        return 0
    out.parent.mkdir(parents=True, exist_ok=True)
    for ending in OUTPUTS:
        write_maps_to(out.with_name(out.name + ending), explained[0], options.colormap)
    return len(explained[0])


def _state(path: Path) -> dict[str, Any]:
    """What says whether a picture is still the same."""
    return {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def _is_done(line: Any, state: dict[str, Any], folder: Path, name: str) -> bool:
    """Whether a picture was explained as it is now, and its files are there."""
    if line is None or any(line.get(key) != value for key, value in state.items()):
        return False
    return not line.get("objects") or all((folder / f"{name}{ending}").is_file() for ending in OUTPUTS)


def _done(path: Path) -> dict[str, Any]:
    """The line of each picture that is done; a line that an interruption cut is none."""
    found: dict[str, Any] = {}
    if path.is_file():
        for text in path.read_text(encoding="utf-8", errors="replace").split("\n"):
            try:
                line = json.loads(text)
            except (ValueError, RecursionError):
                continue
            if isinstance(line, dict) and isinstance(line.get("picture"), str):
                found[line["picture"]] = line
    return found


def _add_line(path: Path, line: dict[str, Any]) -> None:
    # It begins with a line end too, so that what follows a line that was cut is whole.
    with path.open("a", encoding="utf-8") as file:
        file.write(f"\n{json.dumps(line)}\n")


def _plain(value: Any) -> Any:
    """An option as JSON keeps it; a file of weights by its content."""
    if isinstance(value, Path):
        return hashlib.sha256(value.read_bytes()).hexdigest() if value.is_file() else str(value)
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def _require_settings(path: Path, settings: dict[str, Any]) -> None:
    """Write what the results depend on, or raise an error if those that are there depend on something else."""
    if not path.exists():
        write_atomically(path, lambda file: file.write(json.dumps(settings, indent=1).encode()))
        return
    try:
        there = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged ({error}); name another folder") from error
    if there != settings:
        other = [name for name in settings if not isinstance(there, dict) or there.get(name) != settings[name]]
        raise ValueError(
            f"{path.parent} holds results of another {', '.join(other) or 'version'}; name another folder, or give the "
            "options that those were made with"
        )
