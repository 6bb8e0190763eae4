"""Files of other programs, and of ours, into a lake: inputs → blocks → batches → the lake's log."""
