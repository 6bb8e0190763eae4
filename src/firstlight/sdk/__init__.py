"""The recorder that lives in the host's process: standard library and msgspec only, never raises into the host."""
