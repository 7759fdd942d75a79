"""Converts Sigma rules to SQL with pySigma, runs them over rows of SQLite, and prints the ids that each finds.

usage: sigma.py DATABASE TABLE FILE

FILE is JSON: {"fields": {NAME: {"sql": EXPRESSION, "numeric": BOOL}}, "rules": [YAML, ...]}. Each rule names these fields.
Prints a list with a list of ids for each rule; a rule that pySigma refuses is {"error": TEXT}. Of a correlation these are the
pairs of group and id in all of its windows, the group as an object.
"""

import json
import re
import sqlite3
import sys

from sigma.backends.sqlite import sqliteBackend
from sigma.collection import SigmaCollection
from sigma.exceptions import SigmaError


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def rows(database, table, fields):
    """The rows under the names that rules use. pySigma compares plain texts by `=`, so case is left to the column."""
    connection = sqlite3.connect(database)
    connection.create_function("REGEXP", 2, matches, deterministic=True)
    kinds = {name: "NUMERIC" if field["numeric"] else "TEXT COLLATE NOCASE" for name, field in fields.items()}
    columns = ", ".join(f"{quoted(name)} {kind}" for name, kind in kinds.items())
    connection.execute(f"CREATE TEMP TABLE logs (RowId TEXT, timestamp TEXT, {columns})")
    values = ", ".join(field["sql"] for field in fields.values())
    connection.execute(f"INSERT INTO logs SELECT Id, TimeGenerated, {values} FROM {table}")
    return connection


def matches(expression, text):
    return text is not None and re.search(expression, str(text)) is not None


def found(connection, rule):
    try:
        queries = sqliteBackend().convert(SigmaCollection.from_yaml(rule))
    except SigmaError as error:
        return {"error": str(error)}
    correlations = [query for query in queries if query.startswith("WITH ")]
    if correlations:
        return sorted({pair for query in correlations for pair in windows(connection, query)})
    ids = set()
    for query in queries:
        query = query.replace("SELECT * FROM", "SELECT RowId FROM", 1).replace("<TABLE_NAME>", "logs", 1)
        ids.update(row[0] for row in connection.execute(query))
    return sorted(ids)


def windows(connection, query):
    names = {str(number): name for number, name in connection.execute("SELECT rowid, RowId FROM logs")}
    cursor = connection.execute(query)
    places = {column[0]: place for place, column in enumerate(cursor.description)}
    for row in cursor:
        group = json.dumps(json.loads(row[places["group_keys"]] or "{}"), sort_keys=True)
        for event in json.loads(row[places["event_ids"]]):
            yield (group, names[event.rpartition(":")[2]])


def main(database, table, file):
    with open(file, encoding="utf-8") as text:
        asked = json.load(text)
    connection = rows(database, table, asked["fields"])
    print(json.dumps([found(connection, rule) for rule in asked["rules"]]))


main(*sys.argv[1:])
