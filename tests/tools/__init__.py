"""Tests of the tools that back a claim in the documents."""
