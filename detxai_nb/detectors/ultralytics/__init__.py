"""The YOLOs of Ultralytics."""
