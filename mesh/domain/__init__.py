"""Values and pure rules: commands, routes, plans, gates, policy, operations, audit. Standard library only."""
