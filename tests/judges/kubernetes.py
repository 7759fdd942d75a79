"""Judges manifests by the schemas of Kubernetes itself: prints what is wrong with them, by version and kind."""

import json
import sys

import jsonschema
import kubernetes_validate
import yaml

VERSIONS = ["1.25", "1.31", "1.37"]


def closed(**properties):
    """An object with these keys, all of them, and no other."""
    return {"type": "object", "additionalProperties": False, "required": list(properties), "properties": properties}


TEXT = {"type": "string", "minLength": 1}
LABELS = {"type": "object", "additionalProperties": TEXT}
# Kinds that Kubernetes has only with an operator: what ccfd uses of them, under the names that the operator gives it.
OTHERS = {
    ("monitoring.coreos.com/v1", "ServiceMonitor"): closed(
        apiVersion=TEXT,
        kind=TEXT,
        metadata=closed(name=TEXT, labels=LABELS),
        spec=closed(
            selector=closed(matchLabels=LABELS),
            endpoints={
                "type": "array",
                "minItems": 1,
                "items": closed(
                    port=TEXT,
                    path=TEXT,
                    interval={"type": "string", "pattern": "^[0-9]+(ms|s|m|h)$"},
                    authorization=closed(type={"const": "Bearer"}, credentials=closed(name=TEXT, key=TEXT)),
                ),
            },
        ),
    )
}


def faults(one):
    schema = OTHERS.get((one["apiVersion"], one["kind"]))
    if schema:
        found = jsonschema.Draft7Validator(schema).iter_errors(one)
        yield from (f"{one['kind']}: {error.message}" for error in found)
        return
    for version in VERSIONS:
        try:
            # Strict: an unknown key is a fault.
            kubernetes_validate.validate(one, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{version} {one['kind']}: {error.message}"


def main(path):
    with open(path, encoding="utf-8") as file:
        objects = [one for one in yaml.safe_load_all(file) if one]
    found = [fault for one in objects for fault in faults(one)]
    print(json.dumps({"kinds": sorted(one["kind"] for one in objects), "faults": found, "objects": objects}))


main(sys.argv[1])
