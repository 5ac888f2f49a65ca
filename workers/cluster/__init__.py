"""Reads and patches routes through the API server: one file per routing API, one file that speaks HTTP.

What never belongs here: deciding whether a change may happen, or words for Slack.
"""
