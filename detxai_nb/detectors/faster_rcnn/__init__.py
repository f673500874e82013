"""Faster R-CNN of torchvision: proposals, pooled regions and the box head."""
