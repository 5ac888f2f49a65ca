"""Tests of the stand-in cluster: its rules one by one, then through kubectl and the Python client."""
