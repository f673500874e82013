"""Image classifiers, explained as detectors whose every prediction is a class with the whole image as its box.

From an image to a gradient: ``detector.ClassifierDetector`` resizes the whole image to the network's input.
``capture.capture_layer`` runs the module once with a forward hook on the explained submodule, whose map becomes a leaf;
from there on the pass has a graph. ``trace.ClassifierTrace`` takes the classes' logits and computes their gradients
at the leaf as one batched product. No knowledge of the architecture is needed: ``capture.probe`` finds the submodules
whose outputs are maps when the detector is created.
"""
