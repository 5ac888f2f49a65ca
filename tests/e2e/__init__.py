"""Tests against a real etcd and kube-apiserver; collected only with MESHBOT_E2E=1 (`make e2e`)."""
