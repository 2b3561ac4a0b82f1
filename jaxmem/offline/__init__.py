"""Sequence models that imitate recorded trajectories, and what their memory holds."""
