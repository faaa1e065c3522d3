"""Ties to training libraries. Nothing here is imported unless it is asked for by name."""
