"""Benchmarks: every figure against its peers, in the same run."""
