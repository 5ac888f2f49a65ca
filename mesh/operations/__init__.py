"""The verbs: each takes values and ports, and returns values. Imports `mesh.domain` and `mesh.ports` only."""
