"""Commits, against a real Git server."""
