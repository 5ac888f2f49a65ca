"""The command line: one short command for each process, and the ones people type.

Never here: deciding, Slack words. A command reads the settings, wires its process and gives way to it.
"""
