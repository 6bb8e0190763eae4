"""The specifications' literal names over the same engine; thin, without logic."""
