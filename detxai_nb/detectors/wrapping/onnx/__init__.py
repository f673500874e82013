"""ONNX models as black boxes, run by onnxruntime."""
