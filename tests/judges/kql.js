// Analyses KQL with Kusto's own language service and prints, for each query, what it finds wrong and the columns it gives.
//
// usage: kql.js DIR_OF_THE_PACKAGE <QUERIES
//
// Standard input is a JSON array of queries; the output one of {"faults": [...], "columns": [[name, type], ...]}.
"use strict";

const fs = require("fs");
const path = require("path");
const vm = require("vm");

// Two scripts for a browser, which expect each other's globals.
for (const name of ["bridge.min.js", "Kusto.Language.Bridge.min.js"]) {
    vm.runInThisContext(fs.readFileSync(path.join(process.argv[2], name), "utf8"), name);
}

const all = (list) => Array.from({ length: list.Count }, (_, place) => list.getItem(place));

const judge = (query) => {
    const code = Kusto.Language.KustoCode.ParseAndAnalyze(query);
    const faults = all(code.GetDiagnostics()).map((fault) => `${fault.Message}: ${query.substr(fault.Start, 40)}`);
    const columns = code.ResultType ? all(code.ResultType.Columns).map((column) => [column.Name, column.Type.Name]) : [];
    return { faults, columns };
};

process.stdout.write(JSON.stringify(JSON.parse(fs.readFileSync(0, "utf8")).map(judge)));
