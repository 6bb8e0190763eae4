"""Kernels over the windows of range vectors."""
