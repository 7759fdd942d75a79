"""Converts Sigma rules to SQL with pySigma, runs them over rows of SQLite, and prints the ids that each finds.

usage: sigma.py DATABASE TABLE FILE

FILE is JSON: {"fields": {NAME: {"sql": EXPRESSION, "numeric": BOOL}}, "rules": [YAML, ...]}. Each rule names these fields.
"fulltext" may name the field in which texts without a field are searched, and "placeholders" has their values.
Prints a list with a list of ids for each rule; a rule that pySigma refuses is {"error": TEXT}. Of correlations it prints
{"pairs", "windows", "singles"}: the pairs of group and id in all windows, the group as an object; each window as group, begin
and end; and the ids that each detection finds that is a rule of its own.
"""

import json
import re
import sqlite3
import sys

from sigma.backends.sqlite import sqliteBackend
from sigma.collection import SigmaCollection
from sigma.exceptions import SigmaError
from sigma.processing.pipeline import ProcessingItem, ProcessingPipeline
from sigma.processing.transformations import ValueListPlaceholderTransformation


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


def backend(asked):
    items = [ProcessingItem(ValueListPlaceholderTransformation())]
    pipeline = ProcessingPipeline(vars=asked.get("placeholders", {}), items=items)
    return sqliteBackend(pipeline, fulltext_field=asked.get("fulltext"))


def found(connection, asked, rule):
    try:
        queries = backend(asked).convert(SigmaCollection.from_yaml(rule))
    except SigmaError as error:
        return {"error": str(error)}
    correlations = [query for query in queries if query.startswith("WITH ")]
    singles = [ids(connection, query) for query in queries if query not in correlations]
    if not correlations:
        return sorted({name for single in singles for name in single})
    pairs, windows = set(), set()
    for query in correlations:
        for group, begin, end, names in windows_of(connection, query):
            windows.add((group, begin, end))
            pairs.update((group, name) for name in names)
    return {"pairs": sorted(pairs), "windows": sorted(windows), "singles": singles}


def ids(connection, query):
    query = query.replace("SELECT * FROM", "SELECT RowId FROM", 1)
    return sorted(row[0] for row in connection.execute(query))


def windows_of(connection, query):
    names = {str(number): name for number, name in connection.execute("SELECT rowid, RowId FROM logs")}
    # SQLite would look for each part of a sequence anew wherever a later one names it.
    cursor = connection.execute(query.replace(" AS (SELECT ", " AS MATERIALIZED (SELECT "))
    places = {column[0]: place for place, column in enumerate(cursor.description)}
    for row in cursor:
        group = json.dumps(json.loads(row[places["group_keys"]] or "{}"), sort_keys=True)
        events = json.loads(row[places["event_ids"]])
        span = (int(row[places[place]]) for place in ("window_start", "window_end"))
        yield (group, *span, [names[event.rpartition(":")[2]] for event in events])


def main(database, table, file):
    with open(file, encoding="utf-8") as text:
        asked = json.load(text)
    connection = rows(database, table, asked["fields"])
    print(json.dumps([found(connection, asked, rule) for rule in asked["rules"]]))


main(*sys.argv[1:])
