"""The shipped manifests hold what the code needs, nothing more."""
