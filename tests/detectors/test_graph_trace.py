"""GraphDetector: any differentiable module, exact and slow; its example is RF-DETR of transformers."""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from families import fcos
from torch import Tensor, nn

import detxai_nb as dx
from detxai_nb.detectors import GraphDetector, Predictions, box_side, resize_image
from detxai_nb.detectors.trace import graph_trace
from detxai_nb.detectors.trace.capture import capture
from detxai_nb.geometry import Placement
from detxai_nb.testing import NAMES, check_detector, photograph, slow_gradients
from detxai_nb.types import SIDES, Target

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
IMAGE = photograph()


def rf_detr(dtype: torch.dtype) -> Any:
    """The example's detector on a small RF-DETR with random, lively weights."""
    from transformers import RfDetrConfig, RfDetrForObjectDetection

    sys.path.insert(0, str(EXAMPLES))
    try:
        from rf_detr import RfDetrDetector
    finally:
        sys.path.remove(str(EXAMPLES))
    backbone = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 112}
    backbone |= {"patch_size": 14, "num_windows": 2, "out_features": ["stage1", "stage2"]}
    decoder = {"d_model": 32, "decoder_layers": 2, "num_queries": 8, "group_detr": 1, "decoder_ffn_dim": 32}
    heads = {"decoder_self_attention_heads": 4, "decoder_cross_attention_heads": 4, "dropout": 0.0}
    labels = {"id2label": dict(enumerate(NAMES)), "label2id": {name: i for i, name in enumerate(NAMES)}}
    config = RfDetrConfig(backbone_config={"model_type": "rf_detr_dinov2", **backbone}, **decoder, **heads, **labels)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = RfDetrForObjectDetection(config).eval()
        nn.init.normal_(module.class_embed.weight, 0, 0.3)
        nn.init.normal_(module.class_embed.bias, 0, 0.3)
        for part in module.bbox_embed.layers:
            nn.init.normal_(part.weight, 0, 0.1)
    return RfDetrDetector(module.to(dtype), NAMES)


def rf_detr_scalar(
    detector: Any, trace: Any, leaves: list[Tensor], one: dx.Detections, label: int, target: Target
) -> Tensor:
    """The module with the leaf in place of its projector's output, by a hook of the test's own."""
    module, batch = detector.module, detector._input(IMAGE)[0]
    handle = module.model.backbone.projector.register_forward_hook(lambda *_: leaves[0].clone())
    try:
        found = module(pixel_values=batch)
    finally:
        handle.remove()
    query, side = int(one.origins[0, 0]), batch.shape[-1]
    if target.part in SIDES:
        x, y, w, h = (found.pred_boxes[0, query] * side).unbind()
        return {"x1": w / 2 - x, "y1": h / 2 - y, "x2": x + w / 2, "y2": y + h / 2}[target.part]
    logit = found.logits[0, query, label]
    return logit if target.score == "logit" else logit.sigmoid()


def test_rf_detr_keeps_the_contract() -> None:
    ran = check_detector(
        rf_detr(torch.float64), IMAGE, scalar=rf_detr_scalar, single=rf_detr(torch.float32), tolerance=3e-4
    )
    assert {"gradients", "maps", "restoration", "batches", "placement"} <= set(ran)


def test_rf_detr_has_the_maps_of_the_built_in_adapter() -> None:
    example = rf_detr(torch.float64)
    built_in = dx.wrap(example.module, family="detr", names=NAMES)
    image = photograph(112, 112)  # Of the network's size: the two scale pictures by other rounding.
    own = built_in.detect([image], 0.0)[0]  # As many as queries; the example reports up to 300.
    found = example.detect([image], 0.0)[0][: len(own)]
    assert torch.allclose(found.boxes, own.boxes)
    assert torch.allclose(found.scores, own.scores)
    maps = [dx.explain(detector, image, found[:3]) for detector in (example, built_in)]
    assert torch.allclose(maps[0].values, maps[1].values, rtol=1e-5)


def test_rf_detr_takes_at_most_30_lines_of_code() -> None:
    tree = ast.parse((EXAMPLES / "rf_detr.py").read_text(encoding="utf-8"))
    owner = next(node for node in tree.body if isinstance(node, ast.ClassDef))
    assert len(ast.unparse(owner).splitlines()) - 1 <= 30


class GraphFcos(GraphDetector):
    """torchvision's FCOS, the slow way: several levels, named by the origins."""

    layer_modules: Mapping[str, Any] = {"neck": "backbone", "stage": lambda module: [module.backbone.body]}
    origin_fields = ("level", "row", "column")

    def prepare(self, image: Tensor) -> Any:
        images, _ = self.module.transform([image / 255])
        size, resized = tuple(image.shape[1:]), tuple(images.image_sizes[0])
        return images.tensors, Placement(size, resized, tuple(images.tensors.shape[2:]))

    def forward(self, batch: Tensor) -> Any:
        pyramid = list(self.module.backbone(batch).values())
        return self.module.head(pyramid), [tuple(x.shape[2:]) for x in pyramid]

    def decode(self, outputs: Any) -> Predictions:
        raise NotImplementedError

    def scalar(self, outputs: Any, origin: tuple[int, ...], label: int, target: Target) -> Tensor:
        found, sizes = outputs
        level, row, column = origin
        flat = sum(h * w for h, w in sizes[:level]) + row * sizes[level][1] + column
        if target.part in SIDES:
            return found["bbox_regression"][0, flat, SIDES.index(target.part)]
        logit = found["cls_logits"][0, flat, label]
        if target.score == "logit":
            return logit
        return (logit.sigmoid() * found["bbox_ctrness"][0, flat, 0].sigmoid()).sqrt()


def test_gradients_equal_those_of_the_fast_adapter() -> None:
    fast = fcos.KINDS["fcos"].build(torch.float64)
    slow = GraphFcos(fast.module, NAMES)
    found = fast.detect([IMAGE], 0.0)[0][:6]
    for target in (Target(), Target(score="logit")):
        mine: dict[int, tuple[int, Tensor]] = {}
        for level, rows, gradients in slow.trace(IMAGE).gradients(found, target):
            mine.update({row: (level, gradient) for row, gradient in zip(rows.tolist(), gradients)})
        for level, rows, gradients in fast.trace(IMAGE).gradients(found, target):
            for row, gradient in zip(rows.tolist(), gradients):
                assert mine[row][0] == level
                assert (mine[row][1] - gradient).norm() <= 1e-9 * gradient.norm()


class Toy(nn.Module):
    """One prediction a cell of an 8-pixel grid, of which only the first is looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Conv2d(3, 4, 3, stride=8, padding=1)
        self.norm = nn.Sequential(nn.ReLU(inplace=True))
        self.unused = nn.Conv2d(3, 4, 1)
        self.linear = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.norm(self.features(x)).flatten(2).transpose(1, 2))[0]


class ToyDetector(GraphDetector):
    layer_modules: Mapping[str, Any] = {
        "features": "features",
        "unused": "unused",
        "missing": "no.such",
        "vector": "linear",
    }
    origin_fields = ("cell",)

    def prepare(self, image: Tensor) -> Any:
        return resize_image(image, (40, 64), (0.5,) * 3, (0.25,) * 3)

    def decode(self, outputs: Tensor) -> Predictions:
        scores, labels = outputs.sigmoid().max(dim=1)
        cells = torch.arange(len(scores))
        corner = torch.stack([cells % 8, cells // 8], dim=1) * 8.0
        return Predictions(torch.cat([corner, corner + 8], dim=1), scores, labels, cells[:, None])

    def scalar(self, outputs: Tensor, origin: tuple[int, ...], label: int, target: Target) -> Tensor:
        if target.part in SIDES:
            return box_side(outputs.new_tensor([0.0, 0, 8, 8]), target.part)
        return outputs[origin[0], label] if target.score == "logit" else outputs[origin[0], label].sigmoid()


def toy() -> ToyDetector:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return ToyDetector(Toy(), ["a", "b"])


def test_strides_come_from_the_shapes() -> None:
    level = toy().trace(IMAGE).levels[0]
    assert (level.name, level.features.shape, level.stride) == ("features", (4, 5, 8), (8.0, 8.0))
    assert not level.features.requires_grad


def test_a_layer_that_cannot_be_explained_is_told_in_words() -> None:
    detector = toy()
    with pytest.raises(ValueError, match=r"layer 'unused' of ToyDetector returned no map .* runs and returns one"):
        detector.trace(IMAGE, "unused")
    with pytest.raises(ValueError, match="layer 'vector' of ToyDetector returned no map"):
        detector.trace(IMAGE, "vector")
    with pytest.raises(ValueError, match=r"names the submodule 'no.such', which Toy does not have; .*features"):
        detector.trace(IMAGE, "missing")
    with pytest.raises(ValueError, match="unknown layer 'no'"):
        detector.trace(IMAGE, "no")
    with pytest.raises(TypeError, match=r"expects a torch.nn.Module, got int"):
        ToyDetector(3, ["a"])  # type: ignore[arg-type]


def test_a_scalar_without_a_graph_has_a_gradient_of_zero() -> None:
    detector = toy()
    found = detector.detect([IMAGE], 0.0)[0][:2]
    for chunk in detector.trace(IMAGE).chunks(found, Target("x2")):
        assert not chunk.gradient.any()


def test_gradients_are_chunked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_trace, "rows_per_chunk", lambda _: 3)
    detector = toy()
    found, trace = detector.detect([IMAGE], 0.0)[0], detector.trace(IMAGE)
    chunks = list(trace.chunks(found, Target()))
    assert [len(chunk.rows) for chunk in chunks] == [3] * 13 + [1]

    def scalar(_: Any, __: Any, leaves: list[Tensor], one: dx.Detections, label: int, ___: Target) -> Tensor:
        cell = detector.module.norm(leaves[0].clone()).flatten(2)[0, :, int(one.origins[0, 0])]
        return detector.module.linear(cell)[label].sigmoid()

    rows = torch.cat([chunk.rows for chunk in chunks]).tolist()
    together = dict(zip(rows, torch.cat([chunk.gradient for chunk in chunks])))
    for row, (_, slow) in enumerate(slow_gradients(scalar, detector, trace, found, Target())):
        assert torch.allclose(together[row], slow[0])


def test_wrong_origins_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToyDetector, "origin_fields", ("level", "cell"))
    with pytest.raises(ValueError, match=r"ToyDetector.decode returned origins of shape \[40, 1\]; expected \[40, 2\]"):
        toy().detect([IMAGE])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"boxes": lambda x: x[None]},
            r"boxes of shape \[1, 40, 4\]; expected \[40, 4\]: xyxy in pixels of the network",
        ),
        ({"boxes": lambda x: x[:3]}, r"boxes of shape \[3, 4\]; expected \[40, 4\]"),
        ({"scores": lambda x: x[:, None]}, r"scores of shape \[40, 1\]; expected \[40\]"),
        ({"labels": lambda x: x[:3]}, r"labels of shape \[3\]; expected \[40\]: one for each score"),
        ({"labels": lambda x: x.float()}, r"labels of torch.float32; expected whole numbers"),
        ({"origins": lambda x: x.float()}, r"origins of torch.float32; expected whole numbers"),
        ({"origins": lambda x: x.tolist()}, r"origins as a list; expected a tensor"),
        ({"scores": lambda x: x.tolist()}, r"scores as a list; expected a tensor"),
        ({"class_scores": lambda _: torch.rand(40, 3)}, r"\[40, 3\]; .* a column for each of the 2 names"),
    ],
)
def test_wrong_predictions_are_told(changes: Any, words: str) -> None:
    class Changed(ToyDetector):
        def decode(self, outputs: Tensor) -> Predictions:
            found = super().decode(outputs)
            return replace(found, **{name: change(getattr(found, name)) for name, change in changes.items()})

    with pytest.raises((TypeError, ValueError), match=r"Changed.decode returned .*" + words):
        Changed(Toy(), ["a", "b"]).detect([IMAGE])


@pytest.mark.parametrize(
    ("method", "answer", "words"),
    [
        ("decode", None, r"Wrong.decode returns Predictions\(.*\); got a NoneType"),
        ("prepare", torch.zeros(1, 3, 40, 64), r"Wrong.prepare returns a batch .* got a tensor \[1, 3, 40, 64\]"),
        ("prepare", (torch.zeros(3, 40, 64), None), r"Wrong.prepare .* got a tensor \[3, 40, 64\], a NoneType"),
        ("scalar", 0.5, r"Wrong.scalar returns a tensor of one number.* 'class' it returned a float"),
        ("scalar", torch.zeros(2), r"Wrong.scalar returns a tensor of one number.* it returned a tensor \[2\]"),
        ("layer_modules", None, r"Wrong has no layers: set layer_modules = {'name'"),
    ],
)
def test_wrong_answers_name_the_method(method: str, answer: Any, words: str) -> None:
    value = {} if method == "layer_modules" else lambda *_: answer
    detector: Any = type("Wrong", (ToyDetector,), {method: value})(Toy().train(), ["a", "b"])
    with pytest.raises((TypeError, ValueError), match=words):
        dx.explain(detector, IMAGE, detector.detect([IMAGE], 0.0)[0][:1])
    assert all(part.training and not part._forward_hooks for part in detector.module.modules())


@pytest.mark.parametrize("names", [None, "ab"])
def test_names_are_a_list_or_a_dict(names: Any) -> None:
    with pytest.raises(TypeError, match="ToyDetector expects names as a list"):
        ToyDetector(Toy(), names)
    assert ToyDetector(Toy(), {0: "a", 1: "b"}).names == ("a", "b")
    assert ToyDetector(Toy(), {0: "a", 1: "b"}.values()).names == ("a", "b")  # type: ignore[arg-type]


def test_several_maps_need_a_column_that_chooses() -> None:
    detector = toy()
    detector.layer_modules = {"both": ["features", "norm"]}
    with pytest.raises(ValueError, match=r"layer 'both' of ToyDetector has 2 maps, .* give origins a column 'level'"):
        detector.trace(IMAGE)


def test_maps_inside_tuples_and_dicts_become_leaves() -> None:
    class Holder(nn.Module):
        def forward(self, x: Tensor) -> Any:
            return {"maps": (x, [x * 2]), "mask": x > 0, "vector": x.mean((2, 3)), "none": None}

    part, x = Holder(), torch.rand(1, 2, 3, 4)
    leaves, outputs = capture(lambda: part(x), [part])
    assert [leaf.requires_grad for leaf in leaves] == [True, True]
    assert outputs["maps"][0].requires_grad
    assert not outputs["vector"].requires_grad
    assert outputs["none"] is None
    assert torch.equal(outputs["maps"][1][0], x * 2)
    assert not part._forward_hooks
    assert torch.is_grad_enabled()
