"""The DETRs of Hugging Face transformers."""
