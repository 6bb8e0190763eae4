"""Mergeable arithmetic over samples; pure, so that history can be replayed."""
