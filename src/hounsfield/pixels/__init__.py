"""What the samples are: their layout, and the samples themselves."""
