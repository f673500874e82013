"""The networks of the bundled models."""
