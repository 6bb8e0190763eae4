"""Streaming detectors, one per file; each turns samples into findings."""
