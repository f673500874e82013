"""From a detector, an image and its detections to heat maps: ``explain``, ``compare`` and the jobs they run."""
