"""The YOLO detectors of Ultralytics (AGPL-3.0; nothing of it is part of this package).

From an image to a gradient: ``detector.UltralyticsDetector`` letterboxes the image. ``network.UltralyticsNetwork`` runs
the model's numbered modules up to the head and, for a layer before the head's maps, once more from that layer on with a
graph. ``outputs`` knows the branches of each kind of head and what they say: class logits, distances, angles. A head
of plain convolutions becomes a ``dense.head.DenseHead``, whose gradients come from small windows; for any other head
``head.BatchedHead`` differentiates whole levels. Both are driven by ``dense.trace.OneStageTrace``, as in every dense
one-stage family. ``rtdetr`` traces RT-DETR whole, and ``classify`` hands classification models to the family of image
classifiers.
"""
