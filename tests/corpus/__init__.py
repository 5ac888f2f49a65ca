"""Route objects of every shape, written by hand with what is true of each, and the properties every edit must have.

The YAML files hold the objects; `cases` reads them, `table` says which shapes there must be, `meaning` works out shares
on its own, `moves` carries out an edit and judges it. What is under test is never asked what is right.
"""
