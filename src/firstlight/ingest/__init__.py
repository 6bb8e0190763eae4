"""Protocols and collectors that bring signals in; one file each."""
