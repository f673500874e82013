"""YOLOX (Ge et al., 2021): an anchor-free one-stage detector with a decoupled head.

- ``network``: the network of every size in plain PyTorch, with the parameter names of the official checkpoints:
  ``CSPDarknet`` (backbone, stages dark3 to dark5), ``PAFPN`` (neck, strides 8, 16, 32) and ``YoloxHead``; it is built
  of the modules in ``blocks``.
- ``detector``: the adapter. ``YoloxDetector.detect`` scales an image to fit the input, pads it, runs the network,
  decodes boxes and scores, and applies NMS.

How an image becomes gradients: ``YoloxDetector.trace`` prepares it likewise and runs backbone and neck without a graph
(for a layer before the neck's levels, with a graph from that layer on). The head becomes a class and a box branch for
each level, each the level's stem, a tower and the last 1x1 convolutions. ``dense.head.DenseHead`` differentiates the
scalar that the YOLOX rule computes from the branches, on small windows, because the head is local.
``dense.trace.OneStageTrace`` yields these gradients by level, or carries them on through the neck.
"""
