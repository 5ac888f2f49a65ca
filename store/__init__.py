"""Remembers: operations, locks, dedupe, due times and the audit log in Redis, and hands jobs to RQ. Never decides."""
