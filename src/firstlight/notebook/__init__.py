"""Asking from a notebook: ``%load_ext firstlight``, then ``%promql`` and ``%sql``."""
