"""ONNX models: the answers of the networks that they were exported from, and what is no such model."""

from __future__ import annotations

import copy
import pickle
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx_exports import Constant, LogitsAndBoxes, OfficialYolox, add_metadata, export
from torch import Tensor, nn

import detxai_nb as dx
from detxai_nb.capabilities import Capabilities
from detxai_nb.detectors.wrapping.onnx.decoders import ALIASES, DECODERS
from detxai_nb.detectors.wrapping.onnx.detector import OnnxDetector
from detxai_nb.detectors.wrapping.onnx.external_data import external_files
from detxai_nb.evaluation.fingerprint import detector_identity
from detxai_nb.testing import NAMES, photograph
from detxai_nb.types import Detector, TraceableDetector

pytestmark = [
    pytest.mark.skipif(find_spec("onnxruntime") is None or find_spec("onnx") is None, reason="onnxruntime is missing"),
    pytest.mark.filterwarnings("ignore:this picture does not look like"),
]
SCENE = dx.data.scenes.make(3, seed=1).image
IMAGES = [SCENE[20:220, 10:310].copy(), SCENE[:, 60:230].copy()]
"""Wide and tall, neither of the networks' shapes."""
LOW = 0.02
TINY = (256, 320)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("onnx")


@pytest.fixture(scope="module")
def yolox() -> Any:
    return dx.load_detector("tiny-yolox", device="cpu")


@pytest.fixture(scope="module")
def yolox_file(yolox: Any, folder: Path) -> Path:
    return export(OfficialYolox(yolox.module), folder / "yolox.onnx", TINY, open_axes=(0,))


def preparation_of(detector: Any) -> dict[str, Any]:
    """The bundled YOLOX takes RGB normalized by ImageNet's values."""
    assert detector.convention == "rgb-imagenet"
    return {"order": "rgb", "scale": 1, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


def assert_same(found: dx.Detections, expected: dx.Detections, most: float = 1e-4) -> None:
    """Scores to 1e-4, boxes to 1e-4 of the picture's side, in the same order and with all that goes with them."""
    assert len(found) == len(expected) > 3
    side = max(expected.image_size or (1, 1))
    torch.testing.assert_close(found.scores, expected.scores, rtol=0, atol=most)
    torch.testing.assert_close(found.boxes, expected.boxes, rtol=0, atol=most * side)
    assert found.labels.tolist() == expected.labels.tolist()
    assert found.highest_score == pytest.approx(expected.highest_score, abs=most)
    assert found.canvas_size == pytest.approx(expected.canvas_size)
    for name in ("class_scores", "objectness"):
        mine, other = getattr(found, name), getattr(expected, name)
        assert (mine is None) == (other is None), name
        if mine is not None:
            torch.testing.assert_close(mine, other, rtol=0, atol=most)


@pytest.mark.parametrize("decoded", [False, True], ids=["raw", "decoded"])
def test_yolox_has_the_answers_of_its_network(decoded: bool, yolox: Any, yolox_file: Path, folder: Path) -> None:
    path = yolox_file
    if decoded:
        path = export(OfficialYolox(yolox.module, decoded=True), folder / "decoded.onnx", TINY)
    decode = "yolox-decoded" if decoded else "yolox"
    detector = dx.load_detector(path, decode=decode, names=yolox.names, **preparation_of(yolox))
    for found, expected in zip(detector.detect(IMAGES, LOW), yolox.detect(IMAGES, LOW)):
        assert_same(found, expected)


def test_a_detr_has_the_answers_of_its_network(folder: Path) -> None:
    detr: Any = dx.load_detector("tiny-detr", device="cpu")
    size = detr._input_size(IMAGES[0].shape[:2])
    path = export(LogitsAndBoxes(detr.module), folder / "detr.onnx", size, ("logits", "pred_boxes"))
    detector = dx.load_detector(path, decode="conditional-detr", names=detr.names, mean=detr.mean, std=detr.std)
    assert_same(detector.detect([IMAGES[0]], LOW)[0], detr.detect([IMAGES[0]], LOW)[0])


def test_a_function_decodes_what_no_decoder_knows(folder: Path) -> None:
    """FCOS's raw outputs: class logits, sides and centerness of all cells."""
    fcos: Any = dx.load_detector("tiny-fcos", device="cpu")
    path = export(RawFcos(fcos.module), folder / "fcos.onnx", (256, 320), ("classes", "boxes", "centerness"))
    normal = {"mean": fcos.module.transform.image_mean, "std": fcos.module.transform.image_std, "fit": "stretch"}
    detector = OnnxDetector(path, fcos.names, decode=decode_fcos, nms_threshold=0.6, max_detections=100, **normal)
    image = dx.data.scenes.make(3, seed=1).image
    assert image.shape[:2] == (256, 320)
    found, expected = detector.detect([image], 0.3)[0], fcos.detect([image], 0.3)[0]
    assert len(found) == len(expected) > 3
    torch.testing.assert_close(found.scores, expected.scores, rtol=0, atol=1e-4)
    torch.testing.assert_close(found.boxes, expected.boxes, rtol=0, atol=0.02)
    assert found.label_names() == expected.label_names()


class RawFcos(nn.Module):
    def __init__(self, module: Any) -> None:
        super().__init__()
        self.module = module

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        found = self.module.head(list(self.module.backbone(images).values()))
        return found["cls_logits"], found["bbox_regression"], found["bbox_ctrness"]


def decode_fcos(outputs: Any, input_size: tuple[int, int]) -> dict[str, Tensor]:
    """What a user writes: torchvision's decoding of FCOS."""
    classes, sides, centre = (torch.from_numpy(outputs[name][0]) for name in ("classes", "boxes", "centerness"))
    places = []
    for stride in (8, 16, 32):
        rows, columns = input_size[0] // stride, input_size[1] // stride
        y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        places.append(torch.stack([x, y, torch.ones_like(x)], dim=-1).reshape(-1, 3) * stride)
    place = torch.cat(places).float()
    assert len(place) == len(sides)
    distance = sides * place[:, 2:]
    boxes = torch.cat([place[:, :2] - distance[:, :2], place[:, :2] + distance[:, 2:]], dim=1)
    scores = (classes.sigmoid() * centre.sigmoid()).sqrt()
    best, labels = scores.max(dim=1)
    return {"boxes": boxes, "scores": best, "labels": labels}


@pytest.mark.skipif(find_spec("ultralytics") is None, reason="ultralytics is not installed")
@pytest.mark.parametrize("name", ["yolov8n", "yolo26n"])
def test_an_ultralytics_export_has_the_answers_of_its_network(name: str, folder: Path) -> None:
    from families.ultralytics import network

    model = network(name)
    end_to_end = name == "yolo26n"
    if end_to_end:
        model.end2end = True
    expected = dx.wrap(model, family="ultralytics", names=NAMES, input_size=(128, 160), rectangular=False)
    thresholds = [float(expected.detect([image], 0.0)[0].scores[40:42].mean()) for image in IMAGES]
    wanted = [expected.detect([image], threshold)[0] for image, threshold in zip(IMAGES, thresholds)]
    stated = {
        "author": "Ultralytics",
        "task": "detect",
        "head": "Detect",
        "end2end": str(end_to_end),
        "names": str(dict(enumerate(NAMES))),
        "imgsz": "[128, 160]",
        "stride": "32",
    }
    head = model.model[-1]
    head.export, head.format = True, "onnx"
    path = export(model, folder / f"{name}.onnx", (128, 160), metadata=stated)
    detector: Any = dx.load_detector(path)
    assert detector.names == NAMES
    assert detector.decode.name == ("yolo26" if end_to_end else "yolov8")
    for image, threshold, other in zip(IMAGES, thresholds, wanted):
        found = detector.detect([image], threshold)[0]
        if end_to_end:
            assert found.class_scores is None
            # Random weights place sides the wrong way round, where the network's own adapter leaves them.
            first, second = other.boxes.split(2, dim=1)
            other = replace(other, class_scores=None, boxes=torch.cat([first, torch.maximum(first, second)], dim=1))
        assert_same(found, other)


def test_yolox_nano_on_photographs(shared: Path, folder: Path) -> None:
    weights = shared / "weights" / "yolox_nano_coco.safetensors"
    if not weights.is_file():
        pytest.skip(f"there are no weights at {weights}")
    nano: Any = dx.load_detector("yolox-nano", weights=weights, device="cpu")
    path = export(OfficialYolox(nano.module), folder / "nano.onnx", nano.input_size, open_axes=(0,))
    detector = dx.load_detector(path, decode="yolox", names=nano.names, **preparation_of(nano))
    images = [dx.load_image(one) for one in sorted((shared / "data" / "coco-mini" / "images").iterdir())[:4]]
    both = list(zip(detector.detect(images, 0.05), nano.detect(images, 0.05)))
    assert sum(len(found) for found, _ in both) > 8
    for found, expected in both:
        assert len(found) == len(expected)
        torch.testing.assert_close(found.scores, expected.scores, rtol=0, atol=1e-4)
        torch.testing.assert_close(found.boxes, expected.boxes, rtol=0, atol=1e-2)


# The layouts by hand: two boxes in an input of 64x96 (height, width), of a picture of 32x48.
BOXES = torch.tensor([[10.0, 20.0, 50.0, 60.0], [40.0, 4.0, 90.0, 30.0]])
CENTRES = torch.cat([(BOXES[:, :2] + BOXES[:, 2:]) / 2, BOXES[:, 2:] - BOXES[:, :2]], dim=1)
UNIT = CENTRES / torch.tensor([96.0, 64.0, 96.0, 64.0])
PROBABILITIES = torch.tensor([[0.1, 0.8, 0.2], [0.6, 0.3, 0.1]])
OBJECTNESS = torch.tensor([[0.5], [0.9]])
SCORES, LABELS = [0.8, 0.6], [1, 0]
SIX = torch.cat([torch.tensor(SCORES)[:, None], torch.tensor(LABELS)[:, None].float()], dim=1)
LOGITS = torch.logit(PROBABILITIES)
BY_HAND: dict[str, tuple[list[Tensor], list[float], list[int]]] = {
    "yolov5": ([torch.cat([CENTRES, OBJECTNESS, PROBABILITIES], 1)], [0.4, 0.54], LABELS),
    "yolox-decoded": ([torch.cat([CENTRES, OBJECTNESS, PROBABILITIES], 1)], [0.4, 0.54], LABELS),
    "yolov8": ([torch.cat([CENTRES, PROBABILITIES], 1).T], SCORES, LABELS),
    "yolo26": ([torch.cat([BOXES, SIX], 1)], SCORES, LABELS),
    "detr": (
        [torch.cat([PROBABILITIES, 1.2 - PROBABILITIES.sum(1, keepdim=True)], 1).log(), UNIT],
        [0.8 / 1.2, 0.6 / 1.2],
        LABELS,
    ),
    "rt-detr": ([LOGITS, UNIT], SCORES, LABELS),
    "deformable-detr": ([LOGITS, UNIT], SCORES, LABELS),
    "ultralytics-rt-detr": ([torch.cat([UNIT, SIX], 1)], SCORES, LABELS),
    "d-fine": ([torch.tensor(LABELS), BOXES, torch.tensor(SCORES)], SCORES, LABELS),
}


def by_hand(name: str, folder: Path, **settings: Any) -> Any:
    values = [value[None] for value in BY_HAND[name][0]]
    path = folder / f"hand-{name}.onnx"
    if not path.is_file():
        export(Constant(*values), path, (64, 96), [f"out{number}" for number in range(len(values))])
    return dx.load_detector(path, decode=name, names=["a", "b", "c"], **settings)


@pytest.mark.parametrize("name", sorted({*DECODERS} - {"yolox"}))
def test_each_layout_by_hand(name: str, folder: Path) -> None:
    _, scores, labels = BY_HAND[name]
    detector = by_hand(name, folder, fit="stretch")
    found = detector.detect([photograph(32, 48)], 0.35)[0]
    order = np.argsort(scores)[::-1].copy()
    torch.testing.assert_close(found.boxes, BOXES[order] / 2, rtol=0, atol=1e-4)
    assert found.scores.tolist() == pytest.approx([scores[row] for row in order], abs=1e-6)
    assert found.labels.tolist() == [labels[row] for row in order]
    assert (found.objectness is not None) == (name in ("yolov5", "yolox-decoded"))


def test_ultralytics_older_rt_detr_has_probabilities_for_scores(folder: Path) -> None:
    values = torch.cat([UNIT, PROBABILITIES], 1)[None]
    path = export(Constant(values), folder / "old-rt-detr.onnx", (64, 96))
    found = dx.load_detector(path, decode="ultralytics-rt-detr", names=["a", "b", "c"]).detect([photograph(64, 96)])[0]
    assert found.scores.tolist() == pytest.approx(SCORES)
    assert found.class_scores is not None
    two = export(Constant(values[..., :6]), folder / "two-rt-detr.onnx", (64, 96))
    found = dx.load_detector(two, decode="ultralytics-rt-detr", names=["a", "b"]).detect([photograph(64, 96)])[0]
    assert found.labels.tolist() == LABELS
    assert found.scores.tolist() == pytest.approx(SCORES)


def test_boxes_of_one_class_are_suppressed_and_cut(folder: Path) -> None:
    near = BOXES[[0, 0, 1]] + torch.tensor([[0.0], [2.0], [0.0]])
    rows = torch.cat([near, torch.tensor([[0.9, 1], [0.8, 1], [0.7, 1]])], dim=1)[None]
    rows[0, 2, 2] = 500
    centres = torch.cat([(rows[..., :2] + rows[..., 2:4]) / 2, rows[..., 2:4] - rows[..., :2]], dim=2)
    same = torch.tensor([[0.0, 0.9, 0], [0, 0.8, 0], [0, 0.7, 0]])[None]
    path = export(Constant(torch.cat([centres, same], 2).transpose(1, 2)), folder / "nms.onnx", (64, 96))
    image = photograph(64, 96)

    def scores(**settings: Any) -> list[float]:
        found = dx.load_detector(path, decode="yolov8", names=["a", "b", "c"], **settings).detect([image])[0]
        assert bool((found.boxes[:, 2] <= 96).all())
        return [round(score, 2) for score in found.scores.tolist()]

    assert scores() == [0.9, 0.7]
    assert scores(nms_threshold=1) == [0.9, 0.8, 0.7]
    assert scores(max_detections=1) == [0.9]


def test_a_preparation_is_what_is_said(folder: Path) -> None:
    """The network returns its own input: what it sees of a picture of one colour."""
    path = export(Seen(), folder / "seen.onnx", (64, 96))
    image = np.full((40, 30, 3), (255, 51, 0), np.uint8)

    def seen(**settings: Any) -> np.ndarray:
        kept: list[np.ndarray] = []

        def decode(outputs: Any, size: tuple[int, int]) -> Any:
            kept.append(outputs["output0"][0])
            assert size == (64, 96)
            return [], [], []

        OnnxDetector(path, ["a"], decode=decode, **settings).detect([image])
        return kept[0]

    letterbox = seen()
    assert letterbox[:, 32, 48] == pytest.approx([1, 0.2, 0])
    assert letterbox[:, 0, 23] == pytest.approx([114 / 255] * 3)
    assert letterbox[:, 0, 24] == pytest.approx([1, 0.2, 0])
    corner = seen(fit="corner", order="bgr", scale=255, pad=0)
    assert corner[:, 63, 47].tolist() == [0, 51, 255]
    assert corner[:, 0, 48].tolist() == [0, 0, 0]
    stretched = seen(fit="stretch", mean=(1, 0.2, 0), std=[1, 0.1, 2], resampling="pillow")
    assert np.abs(stretched).max() < 1e-6


class Seen(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images * 1


def test_open_sizes_are_padded_to_what_the_exporter_does(folder: Path) -> None:
    stated = {"author": "Ultralytics", "imgsz": "[96, 160]", "stride": "32"}
    path = export(Seen(), folder / "open.onnx", (64, 96), open_axes=(0, 2, 3), metadata=stated)
    sizes: list[Any] = []

    def decode(outputs: Any, size: tuple[int, int]) -> Any:
        sizes.append((size, outputs["output0"].shape))
        return [], [], []

    OnnxDetector(path, ["a"], decode=decode).detect([photograph(40, 100)])
    OnnxDetector(path, ["a"], decode=decode, input_size=(128, 64), multiple=None).detect([photograph(40, 100)])
    OnnxDetector(path, ["a"], decode=decode, input_size=50, multiple=1, fit="corner").detect([photograph(40, 100)])
    assert sizes == [((64, 160), (1, 3, 64, 160)), ((128, 64), (1, 3, 128, 64)), ((20, 50), (1, 3, 20, 50))]


def test_pictures_go_in_batches_where_the_model_takes_them(
    yolox: Any, yolox_file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [SCENE[row : row + 200, :280].copy() for row in range(10, 60, 10)]
    about = {"decode": "yolox", "names": yolox.names, **preparation_of(yolox)}
    fixed = export(OfficialYolox(yolox.module), folder / "two.onnx", TINY, batch=2)
    alone = OnnxDetector(yolox_file, batch_size=1, **about)
    expected = alone.detect(images, LOW)
    assert Capabilities(alone).batch_on_cpu(10_000) == 1
    assert Capabilities(OnnxDetector(yolox_file, batch_size=4, **about)).batch_on_cpu(10_000) == 4
    assert Capabilities(OnnxDetector(yolox_file, **about)).batch_on_cpu(10_000) == 1
    for detector, sizes in ((OnnxDetector(yolox_file, **about), [5]), (OnnxDetector(fixed, **about), [2, 2, 1])):
        counted: list[int] = []
        run = detector._session.run

        def counting(batch: np.ndarray, run: Any = run, counted: list[int] = counted) -> Any:
            counted.append(len(batch))
            return run(batch)

        monkeypatch.setattr(detector._session, "run", counting)
        for found, other in zip(detector.detect(images, LOW), expected):
            assert_same(found, other)
        assert counted == sizes


def test_d_rise_of_the_model_is_that_of_the_network(yolox: Any, yolox_file: Path) -> None:
    image = dx.data.scenes.make(3, seed=1).image
    detector = dx.load_detector(yolox_file, decode="yolox", names=yolox.names, **preparation_of(yolox))
    box = dx.wrap_predict(lambda picture: yolox.detect([picture], 0.0)[0], yolox.names)
    found = box.detect([image], 0.3)[0][:2]
    one, other = (dx.explain(each, image, found, method="d-rise", masks=40, seed=5) for each in (detector, box))
    assert one.values.max() > 0
    assert np.abs(np.asarray(one.values) - np.asarray(other.values)).max() <= 1e-4


def test_it_is_a_black_box_that_can_be_copied_sent_and_named(yolox: Any, yolox_file: Path, folder: Path) -> None:
    detector = dx.load_detector(str(yolox_file), decode="yolox", names=yolox.names, **preparation_of(yolox))
    assert isinstance(detector, Detector)
    assert not isinstance(detector, TraceableDetector)
    assert Capabilities(detector).title == "yolox.onnx"
    assert "yolox.onnx" in repr(detector)
    expected = detector.detect(IMAGES, LOW)
    for other in (copy.deepcopy(detector), pickle.loads(pickle.dumps(detector))):
        assert other._session is not detector._session  # type: ignore[attr-defined]
        for found, wanted in zip(other.detect(IMAGES, LOW), expected):
            assert found.scores.tolist() == wanted.scores.tolist()
        assert detector_identity(other) == detector_identity(detector)
    changed = OnnxDetector(yolox_file, yolox.names, decode="yolox", **{**preparation_of(yolox), "order": "bgr"})
    assert detector_identity(changed) != detector_identity(detector)
    with pytest.raises(TypeError, match="these methods look inside the detector, and OnnxDetector has no trace"):
        dx.explain(detector, IMAGES[0], expected[0])


def test_an_evaluation_knows_the_model_by_its_content(yolox: Any, yolox_file: Path, tmp_path: Path) -> None:
    about = {"names": yolox.names, "decode": "yolox", **preparation_of(yolox)}
    path = tmp_path / "model.onnx"
    path.write_bytes(yolox_file.read_bytes())
    settings = {"d-rise": {"masks": 8, "stop_agreement": None}}

    def evaluate(**more: Any) -> Any:
        asked = {"store": tmp_path / "run", "method_settings": settings, "progress": False, "controls": ()}
        detector = OnnxDetector(path, **about)
        return dx.evaluate(detector, dx.data.scenes.Scenes(1), ["d-rise"], ["energy-pointing-box"], **asked, **more)

    rows = evaluate()
    assert len(rows) > 1
    assert evaluate().equals(rows)
    path.write_bytes(path.read_bytes() + b"\x10\x00")
    with pytest.raises(ValueError, match="detector"):
        evaluate()


def test_any_damage_to_a_file_is_told_in_words(tmp_path: Path) -> None:
    """Of the part that is read here, whatever onnxruntime says afterwards."""
    (tmp_path / "weights.bin").write_bytes(bytes(48))
    path = pointing_at("weights.bin", tmp_path / "model.onnx")
    whole, random, said = path.read_bytes(), np.random.default_rng(0), []
    for _ in range(400):
        content = bytearray(whole)
        for at in random.integers(0, len(whole), 3):
            content[at] = random.integers(256)
        path.write_bytes(content[: random.integers(len(whole) // 2, len(whole) + 1)])
        try:
            found = external_files(path)
        except (ValueError, FileNotFoundError) as error:
            said.append(str(error))
        else:
            assert all(one.parent == tmp_path for one in found)
    assert len(said) > 100
    assert all("model.onnx" in one for one in said)


def test_a_file_that_changes_is_not_taken_for_the_same(yolox: Any, yolox_file: Path, folder: Path) -> None:
    path = folder / "changing.onnx"
    path.write_bytes(yolox_file.read_bytes())
    sent = pickle.dumps(OnnxDetector(path, yolox.names, decode="yolox"))
    add_metadata(path, {"note": "another"})
    with pytest.raises(ValueError, match=r"changing\.onnx was changed since the detector was opened; open it again"):
        pickle.loads(sent)


def test_weights_beside_the_model_are_read_and_belong_to_it(yolox: Any, yolox_file: Path, folder: Path) -> None:
    import onnx

    beside = folder / "beside"
    beside.mkdir()
    path = beside / "model.onnx"
    onnx.save(onnx.load(str(yolox_file)), str(path), save_as_external_data=True, location="weights.data")
    assert [one.name for one in external_files(path)] == ["weights.data"]
    assert external_files(yolox_file) == ()
    about = {"decode": "yolox", "names": yolox.names, **preparation_of(yolox)}
    detector, single = OnnxDetector(path, **about), OnnxDetector(yolox_file, **about)
    assert_same(detector.detect(IMAGES, LOW)[0], single.detect(IMAGES, LOW)[0])
    content = bytearray((beside / "weights.data").read_bytes())
    content[100] ^= 1
    (beside / "weights.data").write_bytes(content)
    assert OnnxDetector(path, **about).identity != detector.identity
    (beside / "weights.data").unlink()
    with pytest.raises(FileNotFoundError, match=r"keeps its weights in 'weights\.data'.*copy both files"):
        OnnxDetector(path, **about)


def pointing_at(location: str, path: Path) -> Path:
    """A model whose only tensor is kept in a file of that name, deep inside the graph of a branch."""
    from onnx import TensorProto, helper

    def kept(name: str) -> Any:
        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[12], data_location=TensorProto.EXTERNAL)
        for key, value in (("location", location), ("offset", "0"), ("length", "48")):
            tensor.external_data.add(key=key, value=value)
        return tensor

    out = helper.make_tensor_value_info("z", TensorProto.FLOAT, [12])
    branch = helper.make_graph([helper.make_node("Identity", ["w"], ["z"])], "inner", [], [out], [kept("w")])
    condition = helper.make_tensor("c", TensorProto.BOOL, [], [True])
    nodes = [
        helper.make_node("Constant", [], ["c"], value=condition),
        helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch),
    ]
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [12])
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])
    model = helper.make_model(helper.make_graph(nodes, "outer", [x], [y]), opset_imports=[helper.make_opsetid("", 17)])
    path.write_bytes(model.SerializeToString())
    return path


def test_no_model_reads_outside_of_its_folder(tmp_path: Path) -> None:
    inside, secret = tmp_path / "models", tmp_path / "secret.bin"
    inside.mkdir()
    secret.write_bytes(bytes(48))
    (inside / "link.bin").symlink_to(secret)
    (inside / "weights.bin").write_bytes(bytes(48))
    path = inside / "model.onnx"
    for location in (
        "../secret.bin",
        str(secret),
        "sub/../../secret.bin",
        "link.bin",
        "..\\secret.bin",
        "a\0b",
        "x" * 400,
        "C:\\secret.bin",
    ):
        with pytest.raises(ValueError, match=r"is refused: it asks for weights from .* outside of its own folder"):
            OnnxDetector(pointing_at(location, path), ["a"], decode="yolov8")
    assert external_files(pointing_at("./weights.bin", path)) == (inside / "weights.bin",)


def test_a_cache_of_links_is_a_folder(tmp_path: Path) -> None:
    """As the Hugging Face hub keeps its files: names that are links into one folder of contents."""
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshot"
    for one in (blobs, snapshot):
        one.mkdir()
    pointing_at("model.data", blobs / "1a")
    (blobs / "2b").write_bytes(bytes(48))
    (snapshot / "model.onnx").symlink_to(blobs / "1a")
    (snapshot / "model.data").symlink_to(blobs / "2b")
    assert external_files(snapshot / "model.onnx") == (snapshot / "model.data",)


@pytest.mark.parametrize(
    "content", [b"", b"\x08\x08", b"hello world, no model", b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"]
)
def test_what_is_no_model_is_told_in_words(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"broken\.onnx is no ONNX model, or not whole; export or download it again"):
        dx.load_detector(path, decode="yolov8", names=["a"])


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_a_cut_file_is_told_in_words(share: float, yolox_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.onnx"
    content = yolox_file.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"cut\.onnx"):
        dx.load_detector(path, decode="yolov8", names=["a"])


def test_what_onnxruntime_does_not_know_is_told_in_words(tmp_path: Path) -> None:
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 8, 8]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("NoSuchOperator", ["x"], ["y"])], "g", ends[:1], ends[1:])
    path = tmp_path / "unknown.onnx"
    path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString())
    with pytest.raises(ValueError, match=r"onnxruntime cannot open .*unknown\.onnx \(.*NoSuchOperator.*older"):
        OnnxDetector(path, ["a"], decode="yolov8")


def test_wrong_arguments(yolox: Any, yolox_file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = yolox.names
    cases: list[tuple[type[Exception], str, dict[str, Any]]] = [
        (ValueError, "unknown decoder 'yolo8'; did you mean 'yolov8'", {"decode": "yolo8"}),
        (TypeError, "decode is the name of a decoder, or a function", {"decode": 8}),
        (
            ValueError,
            r"decode='yolov8' does not fit yolox\.onnx: expected \[4\+C, N\].*output0 float",
            {"decode": "yolov8"},
        ),
        (ValueError, "3 class names were given", {"decode": "yolox", "names": ["a", "b", "c"]}),
        (ValueError, r"does not know its classes, of which its outputs have 10; hand in names", {"names": None}),
        (ValueError, "yolox and yolox-decoded all fit.*Name one of the decoders", {"decode": None}),
        (TypeError, "no setting 'meam'.*did you mean 'mean'", {"meam": 0}),
        (ValueError, "fit is one of letterbox, corner, stretch", {"fit": "centre"}),
        (ValueError, r"std holds a value above 0", {"std": [1, 0, 1]}),
        (ValueError, r"mean is a number, or one for each of R, G and B", {"mean": [1, 2]}),
        (ValueError, r"takes inputs of .* = .256, 320., got input_size=.640, 640.", {"input_size": 640}),
        (ValueError, "input_size is a side in pixels", {"input_size": "big"}),
        (ValueError, "multiple is for models that take any", {"multiple": 32}),
        (ValueError, "nms_threshold is a number from 0 to 1", {"nms_threshold": 65}),
        (ValueError, "max_detections is a whole number", {"max_detections": 0}),
        (ValueError, "batch_size is a whole number", {"batch_size": 0}),
        (ValueError, "an ONNX model runs on cpu or cuda", {"device": "mps"}),
        (ValueError, "unknown device 'gpu'", {"device": "gpu"}),
        (ValueError, "an ONNX model holds its weights", {"weights": "a.pth"}),
        (ValueError, "an ONNX model computes as it was exported", {"precision": "bf16"}),
    ]
    for kind, words, changed in cases:
        with pytest.raises(kind, match=words):
            dx.load_detector(yolox_file, **{"decode": "yolox", "names": names, **changed})
    with pytest.raises(FileNotFoundError, match=r"there is no ONNX model at .*none\.onnx"):
        dx.load_detector("none.onnx", decode="yolov8", names=names)
    if "CUDAExecutionProvider" not in __import__("onnxruntime").get_available_providers():
        with pytest.raises(ValueError, match="onnxruntime finds no CUDA here; put onnxruntime-gpu in place of"):
            dx.load_detector(yolox_file, decode="yolox", names=names, device="cuda")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setattr("detxai_nb.detectors.wrapping.onnx.session.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r'onnxruntime, which is not installed: pip install "detxai-nb\[onnx\]"'):
        dx.load_detector(yolox_file, decode="yolox", names=names)


def test_the_one_layout_that_fits_is_taken(folder: Path) -> None:
    cells = 8 * 12 + 4 * 6 + 2 * 3
    for name, shape in (("yolov5", (1, 3 * cells, 8)), ("yolov8", (1, 7, cells))):
        path = export(Constant(torch.zeros(shape)), folder / f"guess-{name}.onnx", (64, 96))
        detector: Any = dx.load_detector(path, names=["a", "b", "c"])
        assert detector.decode.name == name
    six = export(Constant(torch.zeros(1, 100, 6)), folder / "six.onnx", (64, 96))
    with pytest.raises(ValueError, match="yolo26 and ultralytics-rt-detr all fit"):
        dx.load_detector(six, names=["a", "b", "c"])
    add_metadata(six, {"author": "Ultralytics", "task": "detect", "head": "RTDETRDecoder", "end2end": "False"})
    found: Any = dx.load_detector(six, names=["a", "b", "c"])
    assert found.decode.name == "ultralytics-rt-detr"


def test_other_names_of_layouts_lead_to_decoders() -> None:
    assert set(ALIASES.values()) <= set(DECODERS)
    assert not set(ALIASES) & set(DECODERS)


def test_answers_that_are_none_are_told_in_words(folder: Path) -> None:
    wrong = torch.cat([CENTRES, PROBABILITIES], 1).T.clone()
    for number, (value, words) in enumerate(
        [(float("nan"), "scores that are no numbers"), (7.0, "probabilities in 0..1")]
    ):
        values = wrong.clone()
        values[4:, 0] = value
        path = export(Constant(values[None]), folder / f"wrong{number}.onnx", (64, 96))
        with pytest.raises(ValueError, match=words):
            dx.load_detector(path, decode="yolov8", names=["a", "b", "c"]).detect([IMAGES[0]])
    detector = by_hand("yolo26", folder)
    other = OnnxDetector(detector.path, ["a"], decode="yolo26")
    with pytest.raises(ValueError, match=r"decode's label 0 is 1; labels are whole numbers from 0 to 0"):
        other.detect([IMAGES[0]])
    with pytest.raises(ValueError, match=r"decode returned 2 things; expected \(boxes, scores, labels\)"):
        OnnxDetector(detector.path, ["a"], decode=lambda outputs, size: ([], [])).detect([IMAGES[0]])


def test_models_of_other_inputs_are_told_in_words(folder: Path) -> None:
    path = folder / "three.onnx"
    with torch.no_grad():
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(nn.Identity(), (torch.zeros(3, 8, 8),), str(path), dynamo=False, input_names=["image"])
    with pytest.raises(
        ValueError, match=r"no model from pictures \[B,3,height,width\] alone: its inputs are image float"
    ):
        OnnxDetector(path, ["a"], decode="yolov8")


class WithSizes(nn.Module):
    """As RT-DETR's and D-FINE's own exports: boxes in pixels of the sizes that are handed in."""

    def forward(self, images: Tensor, orig_target_sizes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        nothing = images.sum() * 0
        boxes = torch.tensor([[[0.25, 0.5, 0.5, 1.0]]]) * orig_target_sizes.repeat(1, 2)[:, None].float() + nothing
        return torch.tensor([[1]]) + nothing.long(), boxes, torch.tensor([[0.8]]) + nothing


def test_sizes_and_masks_are_handed_in_where_a_model_asks_for_them(folder: Path) -> None:
    import warnings

    path = folder / "sizes.onnx"
    inputs = (torch.rand(1, 3, 64, 96), torch.tensor([[96, 64]]))
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            WithSizes(),
            inputs,
            str(path),
            dynamo=False,
            input_names=["images", "orig_target_sizes"],
            output_names=["labels", "boxes", "scores"],
        )
    detector: Any = dx.load_detector(path, names=["a", "b"])
    assert detector.decode.name == "d-fine"
    found = detector.detect([photograph(100, 50)])[0]
    assert found.boxes.tolist() == [[12.5, 50, 25, 100]]
    assert found.label_names() == ["b"]
