"""Jobs that an earlier release left in the queues, exactly as it wrote them: one of each kind."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from rq.serializers import JSONSerializer

from store.connection import patient
from workers import jobs
from workers.runner import ALLOWED, OwnJob

KEPT = json.loads((Path(__file__).parent / "jobs_of_0_1.json").read_text())


def test_every_kind_is_kept() -> None:
    """A kind of job that is new needs its example here, before a release writes it."""
    assert {fields["description"].partition("(")[0] for fields in KEPT.values()} == set(ALLOWED)


@pytest.mark.redis
@pytest.mark.parametrize("job_id", KEPT)
def test_a_job_of_release_0_1_is_understood(redis_url: str, job_id: str) -> None:
    """It is let in, and calls a function that is still there, with its one argument."""
    fields = KEPT[job_id]
    client = patient(redis_url)
    client.hset(f"rq:job:{job_id}", mapping=fields | {"data": base64.b64decode(fields["data"])})
    job = OwnJob.fetch(job_id, connection=client, serializer=JSONSerializer)
    called = fields["description"].partition("(")[0].rpartition(".")[2]
    assert job.func is getattr(jobs, called)
    assert [f"workers.jobs.{called}({argument!r})" for argument in job.args] == [fields["description"]]
    client.close()
