"""What is no family of ours as a detector: any function, and any module with the function that reads it."""
