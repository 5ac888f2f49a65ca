"""The chart, rendered by a real helm, and what is made of it."""
