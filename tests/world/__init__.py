"""The whole playground with real processes: the main job, end to end."""
