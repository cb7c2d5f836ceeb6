"""Shards, from whatever is given, of whatever kind, and however often they are begun."""
