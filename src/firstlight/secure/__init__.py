"""Analysis of requests and behaviour; its rules are data."""
