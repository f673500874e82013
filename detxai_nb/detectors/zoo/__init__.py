"""The bundled models: weights, cards and networks."""
