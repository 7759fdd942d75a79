"""Talks to Kibana's connectors with kibana-py, a public client, and prints Kibana's answer as JSON.

usage: kibana.py URL API_KEY SPACE COMMAND [ARGUMENT...]

    types                   the connector types
    list                    all connectors of the space
    create NAME INDEX       an index connector
    get ID
    execute ID DOCUMENTS    DOCUMENTS is a file with a JSON array of objects
    delete ID

An answer that the client takes for an error is printed as {"error": {"status", "message"}}.
"""

import json
import sys

from kibana import Kibana
from kibana.exceptions import ApiError


def run(connectors, space, command, *arguments):
    if command == "types":
        return connectors.list_types(space_id=space).body
    if command == "list":
        return connectors.get_all(space_id=space).body
    if command == "create":
        name, index = arguments
        config = {"index": index}
        return connectors.create(name=name, connector_type_id=".index", config=config, space_id=space).body
    if command == "get":
        return connectors.get(id=arguments[0], space_id=space).body
    if command == "execute":
        with open(arguments[1], "rb") as file:
            documents = json.load(file)
        return connectors.execute(id=arguments[0], params={"documents": documents}, space_id=space).body
    if command == "delete":
        connectors.delete(id=arguments[0], space_id=space)
        return None
    sys.exit(__doc__)


def main(url, api_key, space, *command):
    # Without retries: one command is one request, beside the look whether the space exists.
    with Kibana(url, api_key=api_key, max_retries=0) as client:
        try:
            answer = run(client.connectors, space, *command)
        except ApiError as error:
            answer = {"error": {"status": error.status_code, "message": str(error.message)}}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
