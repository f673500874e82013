"""Training and measuring of the bundled detectors and classifiers; nothing here is needed to explain a detector."""

from detxai_nb import light_torchvision as _light_torchvision  # noqa: F401
