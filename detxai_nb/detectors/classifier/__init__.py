"""Image classifiers, seen as one whole-image prediction for each class."""
