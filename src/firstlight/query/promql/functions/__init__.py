"""Functions of PromQL, one family a file."""
