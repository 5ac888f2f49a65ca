"""Reads: the environment and the configuration file, into values of `mesh.domain`.

`environment` is the only module of the project that looks at environment variables; `schema` says what the file may
hold, `file` reads it and finds every mistake with its line. Never here: deciding, connections, Slack words.
"""
