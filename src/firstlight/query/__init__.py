"""Questions over what a lake holds."""
