"""The bundled models: weights, cards and networks.

Each model is three things under one name: ``<name>.safetensors`` holds its weights, ``<name>.json`` its card (class
names, how it was trained, measured quality), and a module in ``networks`` builds its network. ``load_detector`` opens
them by name, offline; ``detxai_nb.training.recipes`` says how each was trained.
"""
