"""Reads Sigma files with pySigma, and looks at them with its validators, as `sigma check` does.

usage: sigma_check.py DIRECTORY

Prints a list of what is wrong. Left out are validators that download data (tags of ATT&CK and D3FEND), and the list
of namespaces, which has neither ATLAS nor OWASP, and the doubt about every escaped wildcard.
"""

import json
import sys

from sigma.collection import SigmaCollection
from sigma.plugins import InstalledSigmaPlugins
from sigma.validation import SigmaValidator

LEFT_OUT = {"attacktag", "d3_fendtag", "namespace_tag", "escaped_wildcard"}


def main(directory):
    collection = SigmaCollection.load_ruleset([directory], collect_errors=True)
    collection.resolve_rule_references()
    wrong = [str(error) for error in collection.errors]
    wrong += [str(error) for rule in collection.rules for error in rule.errors]
    validators = InstalledSigmaPlugins.autodiscover().validators
    used = {validator for name, validator in validators.items() if name not in LEFT_OUT}
    for issue in SigmaValidator(used).validate_rules(collection):
        rules = ", ".join(str(rule.name or rule.title) for rule in issue.rules)
        wrong.append(f"{rules}: {type(issue).__name__}: {issue.description}")
    print(json.dumps({"rules": len(collection.rules), "wrong": sorted(wrong)}))


main(*sys.argv[1:])
