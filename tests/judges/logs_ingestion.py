"""Sends records with Microsoft's own client of the Logs Ingestion API, and prints what became of them.

usage: logs_ingestion.py ENDPOINT CA_FILE TOKEN DCR_IMMUTABLE_ID STREAM RECORDS.json

RECORDS.json is an array of objects in the shape of the stream. Prints {"requests": [{"status", "request_id"}, ...],
"errors": [{"status", "code", "message"}, ...], "failed_logs": count}. An ENDPOINT without TLS is taken as well; the CA_FILE is
not read then.
"""

import json
import sys
import time

from azure.core.credentials import AccessToken
from azure.monitor.ingestion import LogsIngestionClient


class StaticToken:
    """A credential that somebody else has fetched."""

    def __init__(self, token):
        self.token = token

    def get_token(self, *scopes, **options):
        return AccessToken(self.token, int(time.time()) + 3600)


def main(endpoint, ca_file, token, rule, stream, records_file):
    with open(records_file, "rb") as file:
        records = json.load(file)
    requests, errors, failed = [], [], []

    def answered(response):
        answer = response.http_response
        requests.append({"status": answer.status_code, "request_id": answer.headers.get("x-ms-request-id")})

    def refused(error):
        answer = getattr(error.error, "response", None)
        details = getattr(error.error, "error", None)
        status, code = answer and answer.status_code, details and details.code
        errors.append({"status": status, "code": code, "message": str(error.error)})
        failed.extend(error.failed_logs)

    tls = endpoint.startswith("https://")
    client = LogsIngestionClient(endpoint, StaticToken(token), connection_verify=ca_file if tls else True, retry_total=0)
    with client:
        client.upload(rule, stream, records, on_error=refused, raw_response_hook=answered, enforce_https=tls)
    json.dump({"requests": requests, "errors": errors, "failed_logs": len(failed)}, sys.stdout)


if __name__ == "__main__":
    if len(sys.argv) != 7:
        sys.exit(__doc__)
    main(*sys.argv[1:])
