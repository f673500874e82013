"""Throw bad inputs at every door of the package; run by ``test_bad_inputs.py`` in a process of its own.

``python tests/fuzz/attack.py COUNT SEED FOLDER`` prints a JSON text: how many inputs there were by kind, and which
ended in an exception that is not documented. What it is at stands in ``FOLDER/at``, for the case that the process dies.
"""

from __future__ import annotations

import io
import json
import logging
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from bestiary import beast, changed, damaged
from PIL import Image
from safetensors.torch import save

import detxai_nb as dx
from detxai_nb.data.coco import CocoDataset
from detxai_nb.data.crowdhuman import CrowdHuman
from detxai_nb.data.voc import VocDataset
from detxai_nb.detectors.weights import fit_weights, read_weights
from detxai_nb.geometry import Placement
from detxai_nb.types import Detections, Target

DOCUMENTED: tuple[type[Exception], ...] = (ValueError, TypeError, OSError)
HEIGHT, WIDTH = 8, 12

COCO = {
    "images": [
        {"id": 1, "file_name": "a.png", "height": HEIGHT, "width": WIDTH},
        {"id": 2, "file_name": "sub/b.png", "height": 1, "width": 40},
    ],
    "categories": [{"id": 1, "name": "cat"}, {"id": 3, "name": "dog"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5], "segmentation": [[1, 1, 6, 1, 6, 6, 1, 6]]},
        {"id": 2, "image_id": 1, "category_id": 3, "bbox": [0.5, 1, 2, 2], "iscrowd": 1, "area": 4.0}
        | {"segmentation": {"size": [HEIGHT, WIDTH], "counts": [8, 3, 85]}},
        {
            "id": 3,
            "image_id": 2,
            "category_id": 3,
            "bbox": [0, 0, 5, 1],
            "segmentation": {"size": [1, 40], "counts": "0X1"},
        },
    ],
}
VOC = (
    "<annotation><filename>a.png</filename><size><width>12</width><height>8</height><depth>3</depth></size><object>"
    "<name>dog</name><difficult>0</difficult><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>5</xmax><ymax>6.5</ymax></bndbox>"
    "</object><object><name>cat</name><part><name>head</name></part><bndbox><xmin>3</xmin><ymin>2</ymin><xmax>9</xmax>"
    "<ymax>8</ymax></bndbox></object></annotation>"
)
PERSON = {"tag": "person", "fbox": [1, 1, 4, 5], "vbox": [1, 1, 4, 4], "hbox": [2, 1, 1, 1], "extra": {"ignore": 0}}
CROWD = [{"ID": "a", "gtboxes": [PERSON, {**PERSON, "tag": "mask"}]}, {"ID": "b", "gtboxes": []}]


def picture(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (height, width, 3)).astype(np.uint8)


def encoded() -> list[bytes]:
    """Small pictures in every common format and mode, one of them one pixel thin."""
    found = []
    whole, thin = Image.fromarray(picture()), Image.fromarray(picture(1, 40))
    kinds = [
        ("PNG", "RGB"),
        ("PNG", "P"),
        ("PNG", "RGBA"),
        ("PNG", "I;16"),
        ("PNG", "1"),
        ("JPEG", "RGB"),
        ("JPEG", "CMYK"),
    ]
    for form, mode in [
        *kinds,
        ("GIF", "P"),
        ("TIFF", "RGB"),
        ("TIFF", "F"),
        ("WEBP", "RGB"),
        ("BMP", "RGB"),
        ("TGA", "RGB"),
    ]:
        for one in (whole, thin):
            with io.BytesIO() as file:
                source = one.convert("L").convert("I;16") if mode == "I;16" else one.convert(mode)
                source.save(file, form)
                found.append(file.getvalue())
    return found


def maps(seed: int = 0) -> dx.HeatMaps:
    random = torch.Generator().manual_seed(seed)
    found = Detections(
        torch.tensor([[1.0, 2, 8, 7], [0, 0, 4, 4]]), torch.tensor([0.9, 0.5]), torch.tensor([0, 1]), ("a", "b")
    )
    grids = tuple(torch.rand(2, 3, generator=random) for _ in range(2))
    place = Placement.identity(HEIGHT, WIDTH)
    return dx.HeatMaps(grids, ((4.0, 4.0),) * 2, place, picture(), found, Target(), "odam", settings={"smooth": None})


def predict(image: np.ndarray) -> dict[str, Any]:
    return {"boxes": [[1.0, 1, 8, 7]], "scores": [float(image.mean()) / 255], "labels": [0]}


class Attack:
    """Everything that is attacked, made once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pictures = encoded()
        for name in (
            "coco/images/sub",
            "voc/JPEGImages",
            "voc/Annotations",
            "voc/ImageSets/Main",
            "crowd/Images",
            "files",
        ):
            (folder / name).mkdir(parents=True)
        Image.fromarray(picture()).save(folder / "coco/images/a.png")
        Image.fromarray(picture(1, 40)).save(folder / "coco/images/sub/b.png")
        Image.fromarray(picture()).save(folder / "voc/JPEGImages/a.png")
        for name in "ab":
            Image.fromarray(picture()).save(folder / f"crowd/Images/{name}.jpg")
        self.maps = maps()
        self.saved = self.maps.save(folder / "files/maps.npz").read_bytes()
        self.network = torch.nn.Conv2d(3, 2, 3)
        state = self.network.state_dict()
        torch.save({"model": state, "epoch": 3}, folder / "files/weights.pt")
        self.weights = {".pt": (folder / "files/weights.pt").read_bytes(), ".safetensors": save(state)}
        self.black_box = dx.wrap_predict(predict, ("a", "b"))
        self.found = self.black_box.detect([picture()], 0.0)[0]
        self.widgets: Any = None

    def load_picture(self, random: Random) -> None:
        content = damaged(random.choice(self.pictures), random)
        if random.random() < 0.3:
            (self.folder / "files/p.png").write_bytes(content)
            dx.load_image(self.folder / "files/p.png")
        else:
            dx.load_image(content)

    def load_anything(self, random: Random) -> None:
        found = dx.load_image(beast(random))
        if type(found) is not np.ndarray or found.dtype != np.uint8:
            raise RuntimeError(f"load_image gave a {type(found).__name__}")

    def read_coco(self, random: Random) -> None:
        text = json.dumps(changed(COCO, random) if random.random() < 0.9 else COCO).encode()
        if random.random() < 0.15:
            text = damaged(text, random)
        (self.folder / "coco/instances.json").write_bytes(text)
        dataset = CocoDataset(self.folder / "coco")
        for index in range(len(dataset)):
            dataset.image_path(index).resolve().relative_to((self.folder / "coco").resolve())
            _whole(dataset[index])
        dx.metrics.average_precision(dataset, [self.found[:0]] * len(dataset))

    def read_voc(self, random: Random) -> None:
        text = VOC
        if random.random() < 0.7:
            places = [
                place
                for place in range(len(text))
                if text[place] == ">" and text[place + 1 : place + 2] not in ("<", "")
            ]
            at = random.choice(places) + 1
            new = random.choice(["", "0", "-3", "nan", "1e9", "inf", "a&#0;", "dog", "9" * 400, "../x", "&amp;", "4.5"])
            text = text[:at] + new + text[text.index("<", at) :]
        content = text.encode() if random.random() < 0.6 else damaged(text.encode(), random)
        (self.folder / "voc/Annotations/a.xml").write_bytes(content)
        listed = damaged(b"a\n", random) if random.random() < 0.2 else b"a  1\n"
        (self.folder / "voc/ImageSets/Main/val.txt").write_bytes(listed)
        for sample in VocDataset(self.folder / "voc"):
            _whole(sample, masks=False)

    def read_crowd(self, random: Random) -> None:
        lines = [json.dumps(line) for line in changed(CROWD, random)]
        content = "\n".join(lines).encode()
        (self.folder / "crowd/val.odgt").write_bytes(damaged(content, random) if random.random() < 0.3 else content)
        for box in ("full", "head"):
            for sample in CrowdHuman(self.folder / "crowd/val.odgt", box=box):
                _whole(sample, masks=False)

    def load_maps(self, random: Random) -> None:
        path = self.folder / "files/m.npz"
        if random.random() < 0.6:
            path.write_bytes(damaged(self.saved, random))
            _same(dx.HeatMaps.load(path), self.maps)
            return
        with np.load(io.BytesIO(self.saved)) as file:
            arrays = dict(file)
        meta = changed(json.loads(arrays["meta"].tobytes()), random)
        arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), np.uint8)
        np.savez(path, **arrays)
        found = dx.HeatMaps.load(path)
        _ = (found.values, found.status, found[:1].normalized())

    def read_weights(self, random: Random) -> None:
        ending = random.choice(list(self.weights))
        path = self.folder / f"files/w{ending}"
        path.write_bytes(damaged(self.weights[ending], random))
        fit_weights(self.network, read_weights(path), "a convolution")

    def call(self, random: Random) -> None:
        one, two = beast(random), beast(random)
        detector, image, found = self.black_box, picture(), self.found
        few = {"masks": 4, "cells": 2}
        calls: list[Callable[[], Any]] = [
            lambda: detector.detect([one]),
            lambda: detector.detect(one),
            lambda: detector.detect([image], one),
            lambda: dx.wrap_predict(lambda _: one, ("a",)).detect([image]),
            lambda: dx.wrap_predict(lambda _: {"boxes": one, "scores": two, "labels": [0]}, ("a",)).detect([image]),
            lambda: dx.wrap_predict(lambda _: {"boxes": [[1, 1, 5, 5]], "scores": one, "labels": two}, ("a",)).detect(
                [image]
            ),
            lambda: dx.wrap_predict(predict, one),
            lambda: Target(one),
            lambda: Target("class", label=one),
            lambda: Target(one, against=two),
            lambda: Target(score=one, label=two, against="cat"),
            lambda: dx.explain(detector, one, found, method="d-rise", **few),
            lambda: dx.explain(detector, image, one, method="d-rise", **few),
            lambda: dx.explain(detector, image, found, method=one),
            lambda: dx.explain(detector, image, found, method="d-rise", target=one, **few),
            lambda: dx.explain(detector, image, found, method="d-rise", layer=one, **few),
            lambda: dx.explain(detector, image, found, method="d-rise", masks=one, cells=2),
            lambda: dx.explain(detector, image, found, method="d-rise", masks=4, cells=one),
            lambda: dx.compare(detector, image, found, methods=one),
            lambda: dx.load_detector(one),
            lambda: dx.load_detector("tiny-fcos", weights=one),
            lambda: dx.load_detector("tiny-fcos", device=one),
            lambda: dx.load_detector("tiny-fcos", precision=one),
            lambda: self.maps.save(self.folder / "nowhere" / one if isinstance(one, (str, Path)) else one),
            lambda: dx.HeatMaps.load(one),
            lambda: dx.evaluate(detector, [], ["d-rise"], ["compactness"]),
            lambda: dx.evaluate(detector, one, ["d-rise"], ["compactness"], progress=False),
            lambda: dx.evaluate(detector, dx.data.scenes.Scenes(1), one, two, progress=False),
            lambda: dx.read_evaluation(one),
            lambda: CocoDataset(one),
            lambda: VocDataset(one),
            lambda: CrowdHuman(one),
            lambda: Detections(one, two, torch.zeros(1).long(), ("a",)),
            lambda: Detections(torch.zeros(1, 4), torch.ones(1), one, ("a",)),
        ]
        # Indexing may say so by an IndexError.
        indexing: list[Callable[[], Any]] = [
            lambda: self.maps[one],
            lambda: self.maps.values_of(one),
            lambda: self.maps.difference(one),
            lambda: found[one],
        ]
        number = random.randrange(len(calls) + len(indexing))
        try:
            [*calls, *indexing][number]()
        except IndexError:
            if number < len(calls):
                raise
        except Exception as error:
            error.add_note(f"call {number} with {_shown(one)} and {_shown(two)}")
            raise

    def browser(self, random: Random) -> None:
        if self.widgets is None:
            from attack_widgets import BrowserAttack

            self.widgets = BrowserAttack()
        self.widgets(random)


def _whole(sample: Any, masks: bool = True) -> None:
    """All that a sample says fits together."""
    if not (sample.boxes.shape == (len(sample), 4) and np.isfinite(sample.boxes).all() and sample.image.ndim == 3):
        raise RuntimeError("a sample does not fit together")
    if masks:
        sample.check_masks()
        if sample.masks.shape != (len(sample), *sample.image.shape[:2]):
            raise RuntimeError("masks of another shape than their image")


def _same(one: dx.HeatMaps, other: dx.HeatMaps) -> None:
    grids = all(torch.equal(a, b) for a, b in zip(one.grids, other.grids, strict=True))
    if not (
        grids and np.array_equal(one.image, other.image) and torch.equal(one.detections.boxes, other.detections.boxes)
    ):
        raise RuntimeError("a damaged file was read as another one")


def _shown(value: Any) -> str:
    try:
        return f"{type(value).__name__} {str(value)[:60]!r}"
    except Exception:
        return type(value).__name__


SHARES = {
    "load_picture": 22,
    "load_anything": 5,
    "read_coco": 22,
    "read_voc": 10,
    "read_crowd": 6,
    "load_maps": 10,
    "read_weights": 7,
    "call": 8,
    "browser": 10,
}
"""Of a hundred inputs."""


def limit() -> None:
    """A declared size that is believed ends in MemoryError and not in the machine's."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (12 * 2**30,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(count: int, seed: int, folder: Path) -> None:
    limit()
    warnings.simplefilter("ignore")
    logging.disable()
    torch.set_num_threads(1)
    attack, counts, wrong = Attack(folder / "inside"), dict.fromkeys(SHARES, 0), []
    marker = (folder / "at").open("w")
    for kind, share in SHARES.items():
        for number in range(max(1, count * share // 100)):
            marker.seek(0)
            marker.write(f"{kind} {number} ")
            marker.flush()
            counts[kind] += 1
            try:
                getattr(attack, kind)(Random(f"{seed} {kind} {number}"))
            except DOCUMENTED:
                continue
            except Exception as error:
                place = traceback.extract_tb(error.__traceback__)[-1]
                notes = "; ".join(getattr(error, "__notes__", ()))
                what = f"{type(error).__name__} {str(error)[:150]}"
                wrong.append(f"{kind} {number}: {what} ({place.filename}:{place.lineno}) {notes}")
    if attack.widgets is not None:
        attack.widgets.close()
    print(json.dumps({"inputs": sum(counts.values()), "counts": counts, "wrong": wrong}))


if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parents[1] / "widgets"))
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
