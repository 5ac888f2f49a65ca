"""`meshbot doctor`: looks at a set-up from where it runs, and says what to mend. Never here: changing anything."""
