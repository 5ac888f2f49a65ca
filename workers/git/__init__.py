"""Commits: a service that is kept in Git is read from the cluster and written to its repository.

What never belongs here: deciding whether a change may happen, words for Slack, and any choice of a repository: which
ones there are is said by the administrators' configuration and nowhere else.
"""
