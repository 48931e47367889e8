"""S3's API by moto, which checks each request's signature against the one user that it knows."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
}


@dataclass(frozen=True)
class Store:
    """S3's API by moto, which knows one user and no other."""

    endpoint: str
    key: str
    secret: str

    def environment(self, **changes: str) -> dict[str, str]:
        """The two variables that open it, with options changed."""
        options = {
            "endpointurl": self.endpoint,
            "region": "us-east-1",
            "access_key_id": self.key,
            "secret_access_key": self.secret,
        }
        return {
            "DVC_REMOTE_URL": "s3://portfolio/dvc",
            "DVC_REMOTE_CREDENTIALS": json.dumps(options | changes),
        }

    def client(self) -> Any:
        """Amazon's own client, as that user."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
        )


@contextmanager
def signed_store() -> Iterator[Store]:
    """A server in this process with the bucket `portfolio` and one user; it checks signatures."""
    import boto3
    import requests
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    first = {"aws_access_key_id": "first", "aws_secret_access_key": "user"}
    iam = boto3.client("iam", endpoint_url=url, region_name="us-east-1", **first)
    user = f"pipeline-{uuid.uuid4().hex[:8]}"  # the users outlive a server of this process
    iam.create_user(UserName=user)
    iam.put_user_policy(UserName=user, PolicyName="s3", PolicyDocument=json.dumps(POLICY))
    made = iam.create_access_key(UserName=user)["AccessKey"]
    store = Store(url, made["AccessKeyId"], made["SecretAccessKey"])
    store.client().create_bucket(Bucket="portfolio")
    requests.post(f"{url}/moto-api/reset-auth", data="0", timeout=10)
    yield store
    requests.post(f"{url}/moto-api/reset-auth", data=str(1 << 62), timeout=10)
    server.stop()
