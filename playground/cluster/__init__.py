"""Pretends to be a Kubernetes API server, for kubectl and for the Python client, without a cluster behind it.

What belongs here: the kinds it serves, the rules of reading and writing objects (resourceVersion, patches, managed
fields, watch), what definitions say of custom kinds, the HTTP face of all that, the knobs under `/_playground/` that
load worlds and cause trouble, and the one controller that answers a change of a route: whether its parents accept it.
What never does: other controllers, traffic, knowledge of weights, and any knob inside the API itself.
"""
