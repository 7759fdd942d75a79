#!/usr/bin/env python3
"""Holds the embedded tables against the records that were served.

usage: recorded.py TABLES.db CONNECTOR=RECORDS.ndjson CONNECTOR=RECORDS.ndjson

Every record must be in its table once, byte for byte in `Record`, and every column equal in value to the field that it is
made from. The columns are written down here a second time on purpose: what checks the mapping must not share it.
"""

import json
import sqlite3
import sys
from datetime import datetime, timezone


def iso(second):
    return datetime.fromtimestamp(second, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def field(name):
    return lambda record: record.get(name)


def time(name):
    return lambda record: iso(record[name])


def actor(name):
    return lambda record: (record.get("actor") or {}).get(name)


def details(record):
    return record.get(record["type"])


def tool_choice(record):
    value = record.get("tool_choice")
    return value if value is None or isinstance(value, str) else json.dumps(value, separators=(",", ":"))


# Column, kind, value. A dynamic column is JSON text; a long is compared as an integer of all 64 bits.
TABLES = {
    "OpenAIAuditLogs_CL": [
        ("TimeGenerated", "string", time("effective_at")),
        ("Id", "string", field("id")),
        ("EventType", "string", field("type")),
        ("EffectiveAt", "string", time("effective_at")),
        ("ActorType", "string", actor("type")),
        ("ActorApiKey", "dynamic", actor("api_key")),
        ("ActorSession", "dynamic", actor("session")),
        ("Project", "dynamic", field("project")),
        ("EventDetails", "dynamic", details),
    ],
    "OpenAIChatCompletions_CL": [
        ("TimeGenerated", "string", time("created")),
        ("Id", "string", field("id")),
        ("ObjectType", "string", field("object")),
        ("CreatedAt", "string", time("created")),
        ("Model", "string", field("model")),
        ("RequestId", "string", field("request_id")),
        ("ServiceTier", "string", field("service_tier")),
        ("SystemFingerprint", "string", field("system_fingerprint")),
        ("Choices", "dynamic", field("choices")),
        ("Usage", "dynamic", field("usage")),
        ("Metadata", "dynamic", field("metadata")),
        ("ToolChoice", "string", tool_choice),
        ("Tools", "dynamic", field("tools")),
        ("Temperature", "real", field("temperature")),
        ("TopProbability", "real", field("top_p")),
        ("FrequencyPenalty", "real", field("frequency_penalty")),
        ("PresencePenalty", "real", field("presence_penalty")),
        ("Seed", "long", field("seed")),
        ("InputUser", "string", field("input_user")),
        ("ResponseFormat", "dynamic", field("response_format")),
    ],
}
# Columns of what is asked for apart, and only if a collector is configured to: here they are empty.
ASKED_FOR = {"OpenAIChatCompletions_CL": ["Messages"]}
KINDS = {"string": str, "dynamic": str, "real": float, "long": int}


def table_of(record):
    return "OpenAIAuditLogs_CL" if "effective_at" in record else "OpenAIChatCompletions_CL"


def differences(record, line, row, connector, table):
    """What of a row is not as the record says."""
    if row["Record"].encode() != line:
        yield "Record is not the bytes that were served"
    if row["ConnectorName"] != connector:
        yield f"ConnectorName is {row['ConnectorName']!r}"
    for column in ASKED_FOR.get(table, []):
        if row[column] is not None:
            yield f"{column} is not null"
    for column, kind, value_of in TABLES[table]:
        wanted, found = value_of(record), row[column]
        if wanted is None or found is None:
            same = wanted is None and found is None
        elif type(found) is not KINDS[kind]:
            same = False
        elif kind == "dynamic":
            same = json.loads(found) == wanted
        else:
            same = found == wanted
        if not same:
            # Names, never values: they are somebody's prompts and addresses.
            yield f"{column} is not the value of the record ({kind})"


def main(database, given):
    tables = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    tables.row_factory = sqlite3.Row
    faults, served = [], {name: 0 for name in TABLES}
    for connector, path in (argument.split("=", 1) for argument in given):
        with open(path, "rb") as file:
            lines = [line.strip() for line in file if line.strip()]
        for line in lines:
            record = json.loads(line)
            table = table_of(record)
            served[table] += 1
            rows = tables.execute(f'SELECT * FROM "{table}" WHERE Id = ?', [record["id"]]).fetchall()
            if len(rows) != 1:
                faults.append(f"{table} {record['id']}: {len(rows)} rows")
                continue
            faults += [f"{table} {record['id']}: {what}" for what in differences(record, line, rows[0], connector, table)]
    for table, columns in TABLES.items():
        wanted = [column for column, _, _ in columns] + ["ConnectorName", *ASKED_FOR.get(table, []), "Record"]
        found = [row["name"] for row in tables.execute("SELECT name FROM pragma_table_info(?)", [table])]
        if found != wanted:
            faults.append(f"{table}: the columns are {found}, not {wanted}")
        count = tables.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]
        if count != served[table]:
            faults.append(f"{table}: {count} rows for {served[table]} records")
        print(f"{table}: {served[table]} records served, {count} rows, {len(columns)} columns compared")
    for fault in faults[:20]:
        print(f"FAULT {fault}", file=sys.stderr)
    if faults or not all(served.values()):
        sys.exit(f"{len(faults)} faults; both lists must have been served: {served}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
