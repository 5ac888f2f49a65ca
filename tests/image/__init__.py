"""The image, without an engine: its file is read, linted, and its steps are run in a plain directory."""
