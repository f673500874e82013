"""What is no family of ours as a detector: any function, any module with functions that read it, and ONNX models."""
