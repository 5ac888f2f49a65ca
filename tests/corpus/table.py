"""Which shapes the corpus must have, and how to see that an object really has the shape it is filed under."""

from __future__ import annotations

import json
import re

from tests.corpus.cases import Case

ROWS: dict[str, str] = {
    # VirtualService
    "vs-http": r'"VirtualService".*"http"',
    "vs-tcp": r'"VirtualService".*"tcp": \[\{',
    "vs-tls": r'"VirtualService".*"tls": \[\{',
    "host-arms": r'"destination": \{"host": "[^"]+"[,}]',
    "subset-arms": r'"subset"',
    "one-weighted": r'"(weight)"',
    "many-by-name": r'"name".*"name"',
    "many-by-match": r'"match(es)?": \[\{',
    "many-by-port": r'"port": \d+.*"port": \d+',
    "many-by-sni": r'"sniHosts".*"sniHosts"',
    "totals": r'"weight"',
    "absent": "",
    "third-arms": r'v3"|"weight"(.*"weight"){2}',
    "zero-arms": "",
    "delegates": r'"delegate"',
    "delegate-chains": r'"delegate"',
    "several-objects": "",
    "gateways": r'"gateways": \["',
    "exportto": r'"exportTo": \["',
    "v1": r'"networking.istio.io/v1"',
    "v1beta1": r"/v1beta1",
    "v1alpha3": r'"networking.istio.io/v1alpha3"',
    # TrafficSplit
    "ts-v1alpha1": r'"split.smi-spec.io/v1alpha1"',
    "ts-v1alpha2": r'"split.smi-spec.io/v1alpha2"',
    "ts-v1alpha3": r'"split.smi-spec.io/v1alpha3"',
    "ts-v1alpha4": r'"split.smi-spec.io/v1alpha4"',
    # HTTPRoute and GRPCRoute
    "hr-service-parent": r'"HTTPRoute".*"kind": "Service"|"kind": "Service".*"HTTPRoute"',
    "hr-gateway-parent": r'"HTTPRoute".*"(public|infra)"',
    "hr-filters": r'"(filters|sessionPersistence|group)"',
    "hr-several-rules": r'"backendRefs".*"backendRefs"|"filters".*"backendRefs"',
    "hr-cross-namespace": r'"namespace": "(staging|vault|infra)"',
    "hr-absent": r'"(HTTP|GRPC)Route".*"port": \d+\}',
    "hr-status": r'"parentRefs"',
    "gr-service-parent": r'"GRPCRoute".*"kind": "Service"',
    "gr-gateway-parent": r'"GRPCRoute".*"public"',
    "gr-rules": r'"GRPCRoute".*"matches"',
    # What an edit must not touch
    "mirror": r"[mM]irror",
    "retries": r'"(retries|timeout)": ',
    "fault": r'"fault": \{',
    "cors": r'"corsPolicy": \{',
    "headers": r'"(headers|requestHeaderModifier)": [\[{]',
    "rewrite": r'"(rewrite|urlRewrite)": \{',
    "unknown-fields": r'"(x-[a-z]+|weights|sessionPersistence)": ',
    "annotations": "",
    "managed-fields": r'"managedFields": \[\{',
    "finalizers": r'"finalizers": \[',
    "labels": r'"labels": \{',
    "key-order": "",
    "unicode": r"\\u[0-9a-f]{4}|canary / 2",
    "floats": r"\d\.\d",
    "nulls": r": null",
    "empty-maps": r": \{\}|: \[\]",
    "owners": r'"(ownerReferences|annotations|labels)": [\[{]',
    "drift": r"meshbot\.dev/",
    "refused": "",
}
"""Row -> what must be found in the JSON of a case filed under it; empty where words are no sign of the shape."""
FEWEST = 3
"""Cases that each row must have."""


def belies(case: Case) -> list[str]:
    """Return the rows that a case is filed under without looking like it."""
    text = json.dumps(case.objects)
    return [row for row in sorted(case.rows) if not re.search(ROWS[row], text)]
