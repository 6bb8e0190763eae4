"""Rows of a lake as files of other programs: what is wanted → pieces of rows → a format → files that appear whole."""
