"""Every routing API meshbot knows: one row each."""

from __future__ import annotations

from workers.cluster.grpcroute import GRPC_ROUTE
from workers.cluster.httproute import HTTP_ROUTE
from workers.cluster.routing import RoutingApi
from workers.cluster.trafficsplit import TRAFFIC_SPLIT
from workers.cluster.virtualservice import VIRTUAL_SERVICE

ROUTING_APIS: tuple[RoutingApi, ...] = (
    VIRTUAL_SERVICE,
    TRAFFIC_SPLIT,
    HTTP_ROUTE,
    GRPC_ROUTE,
)
