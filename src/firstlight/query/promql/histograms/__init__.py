"""Native histograms: what they are, arithmetic, and their part in every operation."""
