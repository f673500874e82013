"""Faster R-CNN of torchvision: proposals, pooled regions and the box head.

From an image to a gradient: ``detector.FasterRcnnDetector`` prepares the image and runs backbone and neck once, without
a graph. For each explained detection, ``proposals.AnchorProposals`` recomputes the proposal from the anchor it came
from, ``pooling.Pooling`` cuts the pooled region out of the pyramid, and ``box_head.BoxHead`` runs on that region with a
graph and gives the scalar and its gradient at the pooled features. ``trace.RoiTrace`` drives these steps. The way down
to an earlier layer is the transpose of the forward pass: ``Pooling.windows`` goes from a pooled region to a window of
the pyramid level, and ``layers`` from there to the layer: the level itself, or what lies before torchvision's feature
pyramid (``pyramid_transpose``), or before any other neck (autograd).

``regions`` gives methods such as BBAM the pooled regions with the box head on them.
"""
