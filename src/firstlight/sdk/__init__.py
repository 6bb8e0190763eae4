"""The recorder that lives in the host's process: standard library and msgspec only, nothing ever raised into the host."""
