"""What the bytes say: the dictionary, values, character sets, data sets."""
