"""Training of the bundled detectors."""
