"""The demo world as files: `cluster.yaml` holds its Kubernetes objects. Data only, never code."""
