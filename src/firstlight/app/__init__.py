"""Wires everything together; the only package that reads the environment."""
