"""Make a bucket in the store that AWS_ENDPOINT_URL names, unless it is there: bucket.py NAME."""

from __future__ import annotations

import sys
import time

import boto3
from botocore.exceptions import BotoCoreError, ClientError

PRESENT = {"BucketAlreadyExists", "BucketAlreadyOwnedByYou"}
ATTEMPTS = 30


def make(name: str) -> None:
    """Ask once.

    Raises:
        ClientError, BotoCoreError: the store refuses or does not answer.
    """
    try:
        boto3.client("s3").create_bucket(Bucket=name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in PRESENT:
            raise


def main() -> None:
    """Ask until the store is up, at most a minute."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return make(sys.argv[1])
        except (BotoCoreError, ClientError) as error:
            if attempt == ATTEMPTS:
                sys.exit(f"Bucket {sys.argv[1]} not made: {error}")
            time.sleep(2)
    return None


if __name__ == "__main__":
    main()
