"""Acts: the RQ job, the adapters that read and patch the cluster and read metrics, the clock that starts due work.

Never here: parsing of Slack payloads, policy.
"""
