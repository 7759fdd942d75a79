"""Parses Bicep files with tree-sitter's grammar and prints each one's faults as JSON: [[line, text], ...] by file.

usage: bicep.py FILE...
"""

import json
import sys

import tree_sitter
import tree_sitter_bicep


def faults(node):
    if node.type == "ERROR" or node.is_missing:
        yield [node.start_point[0] + 1, node.text.decode()[:80]]
    for child in node.children:
        yield from faults(child)


parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bicep.language()))
found = {}
for name in sys.argv[1:]:
    with open(name, "rb") as file:
        found[name] = list(faults(parser.parse(file.read()).root_node))
print(json.dumps(found))
