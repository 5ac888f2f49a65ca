"""The stand-in Slack, seen through the real slack_sdk and slack_bolt."""
