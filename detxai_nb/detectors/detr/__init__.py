"""The DETRs of Hugging Face transformers: DETR and what has come of it, YOLOS and Table Transformer among them.

From an image to a gradient: ``detector.DetrDetector`` scales and normalises the image as the checkpoint's processor
does. ``variants`` holds a table of what sets the variants apart (softmax or sigmoid, learned or selected queries, how
images are scaled), ``anatomy`` where each build of network is cut. ``capture.capture_pass`` runs the module's own
forward pass and cuts it at the explained layer, whose features become a leaf; from there on the pass has a graph.
``trace.DetrTrace`` picks each prediction's query out of the outputs and computes the gradients at the leaf, batched on
a GPU and one by one on a CPU.

``attention`` gives DETR's attention maps; ``pretrained`` opens a folder or a name on the Hugging Face hub.
"""
