"""Policies, decisions and the engine that acts; the only part that may change the world."""
