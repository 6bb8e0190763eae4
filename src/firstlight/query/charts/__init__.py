"""Charts of series without a library: characters for terminals, SVG for notebooks."""
