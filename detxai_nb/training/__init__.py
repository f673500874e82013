"""Training and measuring of the bundled detectors and classifiers; nothing here is needed to explain a detector."""
