"""YOLOX: the network and its adapter."""
