"""The networks of the bundled models, small enough to ship, each built with random weights.

``backbone`` is what most of them share: a residual body with a feature pyramid, the settings of the input, a variant
with towers. On it stand ``torchvision`` (tiny_fcos, tiny_retinanet, tiny_faster_rcnn, tiny_ssd: torchvision's own
detector classes) and ``detr`` (tiny_detr, transformers' Conditional DETR). ``pvt`` (tiny_pvt) puts a small transformer
in the body's place; ``classifiers`` holds tiny_resnet and tiny_vgg. tiny-yolox has its network in ``detectors.yolox``.

Most are trained from the weights of tiny-fcos: functions called ``*_weights`` rename its tensors for another network.
"""
