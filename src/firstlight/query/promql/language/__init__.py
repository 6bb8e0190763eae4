"""The text of PromQL: from and to a tree."""
