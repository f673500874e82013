"""RF-DETR of transformers as a detector: a first adapter, exact and slow, in under 30 lines of code.

It shows how a detector is opened that the package does not know. RF-DETR itself is built in too, in the family "detr"
(``dx.wrap(module, family="detr")``), and gives the same maps.

module = RfDetrForObjectDetection.from_pretrained("Roboflow/rf-detr-base")
detector = RfDetrDetector(module, list(module.config.id2label.values()))
maps = dx.explain(detector, image, detector.detect([image])[0])
"""

from torchvision.ops import box_convert

from detxai_nb.detectors import GraphDetector, Predictions, box_side, resize_image
from detxai_nb.types import SIDES


class RfDetrDetector(GraphDetector):
    """RF-DETR: a sigmoid for each pair of query and class, the best 300 pairs, no suppression."""

    family = "rf_detr"
    layer_modules = {"neck": "model.backbone.projector"}

    def prepare(self, image):
        side = self.module.config.backbone_config.image_size
        return resize_image(image, (side, side), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

    def forward(self, batch):
        found, (height, width) = self.module(pixel_values=batch), batch.shape[2:]
        sides = batch.new_tensor([width, height, width, height])
        return found.logits[0], box_convert(found.pred_boxes[0], "cxcywh", "xyxy") * sides

    def decode(self, outputs):
        logits, boxes = outputs
        scores = logits.sigmoid()
        best, pair = scores.flatten().topk(min(300, scores.numel()))
        query, label = pair // scores.shape[1], pair % scores.shape[1]
        return Predictions(boxes[query], best, label, query[:, None], class_scores=scores[query])

    def scalar(self, outputs, origin, label, target):
        logits, boxes = outputs
        if target.part in SIDES:
            return box_side(boxes[origin[0]], target.part)
        logit = logits[origin[0], label]
        return logit if target.score == "logit" else logit.sigmoid()
