"""Judges manifests by the schemas of Kubernetes itself: prints what is wrong with them, by version and kind."""

import json
import sys

import kubernetes_validate
import yaml

VERSIONS = ["1.25", "1.31", "1.37"]


def main(path):
    with open(path, encoding="utf-8") as file:
        objects = [one for one in yaml.safe_load_all(file) if one]
    faults = []
    for version in VERSIONS:
        for one in objects:
            try:
                # Strict: an unknown key is a fault.
                kubernetes_validate.validate(one, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                faults.append(f"{version} {one['kind']}: {error.message}")
    print(json.dumps({"kinds": sorted(one["kind"] for one in objects), "faults": faults}))


main(sys.argv[1])
