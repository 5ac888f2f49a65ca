"""The real parts that adapters of chat and metrics talk to; their own rooms' tests say how they are started."""

from tests.chat.conftest import slack
from tests.workers.metrics.conftest import catalog, prometheus_url, remembered

__all__ = ["catalog", "prometheus_url", "remembered", "slack"]
