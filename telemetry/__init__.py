"""Watches: what each process counts, times and traces of itself, and the port where that is read.

Wrappers around ports measure; nothing here decides, waits or keeps anybody waiting. Never in a metric, a trace or a
label: what a person wrote, who they are, where they wrote it, and secrets.
"""
