"""Pretends to be a Kubernetes API server, for kubectl and for the Python client, without a cluster behind it.

What belongs here: the kinds it serves, the rules of reading and writing objects (resourceVersion, patches, managed
fields, watch), the HTTP face of those rules, and the knobs under `/_playground/` that load worlds and cause trouble.
What never does: controllers, traffic, knowledge of weights, and any knob inside the API itself.
"""
