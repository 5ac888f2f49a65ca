"""A stand-in Slack: the Web API, deliveries to the app, and the JSON under the page people type in.

Strict where Slack is strict (limits, deadlines, signatures), so that an app proven here is proven for Slack.
Nothing about meshbot's own rules belongs here.
"""
