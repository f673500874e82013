"""Dense one-stage detectors: a head of convolutions predicts at every cell of every pyramid level.

How an image becomes gradients, and which file does it:

1. ``torchvision`` (FCOS, RetinaNet, SSD; YOLOX and Ultralytics models have their own adapters) resizes the image and
   runs backbone and neck without a graph. The result is the pyramid. ``anchors`` maps flat outputs to cells and back.
2. ``backbone_layers``, for a layer before the pyramid: captures its maps as leaves and keeps the graph from them on.
3. ``head`` runs the head's branches on the levels; the family's ``Rule`` turns their outputs into the explained scalar.
4. ``branch`` describes one branch: a tower of convolutions and the last ones, which give the outputs; ``branch_run``
   runs it on a level. Its exact gradients come from small windows if the branch is local (``convolutions``), else from
   the whole level, through the statistics of GroupNorm (``group_norm``; on the CPU by the 3x3 convolutions of
   ``detxai_nb.winograd``). Where a method needs only the sum over channels of gradient times activation,
   ``contraction`` and ``norm_products`` compute it for many predictions without these gradients.
5. ``trace`` finds the level and cell of each detection and yields the gradients in chunks that fit the memory budget.
   For a layer before the pyramid ``stages`` carries them on through the neck.
"""
