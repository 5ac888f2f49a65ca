"""Browser tests of the playground page, against a small fixture server."""
