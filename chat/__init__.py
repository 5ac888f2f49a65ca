"""Speaks: every word, block and button that Slack shows, the one escape function, and the outbox that posts and edits.

Never here: deciding anything, the cluster, metrics, the store, the parsing of what people type.
"""
