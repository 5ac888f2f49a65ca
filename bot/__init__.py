"""Hears: requests from Slack, over HTTP and Socket Mode, made durable and acknowledged in time.

Verify, parse, authorise, write the operation, answer; nothing slower ever happens here.
Never here: Kubernetes, Prometheus, workers, waiting for work to finish. The bot's pod needs no cluster rights.
"""
