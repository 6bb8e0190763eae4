"""Formats: bytes to model and model to bytes, one format per file or folder, no input or output."""
