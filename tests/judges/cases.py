"""Works on cases with kibana-py, a public client, by every method that it has for them, and prints what it found as JSON.

usage: cases.py URL API_KEY SPACE

Each line of the result is one assertion: {"what": true}. An exception of the client ends the script, unless it is expected.
"""

import json
import sys

from kibana import Kibana
from kibana.exceptions import ApiError, BadRequestError, ConflictError, NotFoundError

FOUND = {}


def check(what, holds):
    FOUND[what] = bool(holds)


def refused(kind, call, **arguments):
    try:
        call(**arguments)
    except kind as error:
        return error
    return None


def whole(cases, space):
    made = cases.create(title="one", description="first", tags=["a", "b"], severity="high", category="abuse",
                        assignees=[{"uid": "ann"}], space_id=space).body
    check("create", made["status"] == "open" and made["severity"] == "high" and made["totalComment"] == 0)
    case = made["id"]
    check("get", cases.get(case_id=case, space_id=space).body["description"] == "first")
    changed = cases.update(id=case, version=made["version"], status="in-progress", title="two", space_id=space).body
    check("update", changed[0]["status"] == "in-progress" and changed[0]["title"] == "two")
    check("a new version", changed[0]["version"] != made["version"])
    stale = refused(ConflictError, cases.update, id=case, version=made["version"], title="three", space_id=space)
    check("an old version", stale is not None)
    many = cases.update(cases=[{"id": case, "version": changed[0]["version"], "tags": ["only"]}], space_id=space).body
    check("update of several", many[0]["tags"] == ["only"])
    other = cases.create(title="other", description="second", tags=["only"], space_id=space).body
    found = cases.find(tags="only", per_page=10, sort_field="createdAt", sort_order="asc", space_id=space).body
    check("find", found["total"] == 2 and [one["id"] for one in found["cases"]] == [case, other["id"]])
    check("find by status", cases.find(tags="only", status="closed", space_id=space).body["total"] == 0)
    both = cases.find(severity=["high", "low"], assignees=["ann"], category="abuse", owner="cases", space_id=space)
    check("find by lists", both.body["total"] == 1)
    searched = cases.find(search="two", search_fields="title", default_search_operator="AND", space_id=space)
    check("find by words", searched.body["total"] == 1)
    check("find by time", cases.find(from_="now-1d", to="now+1d", space_id=space).body["total"] == 2)
    hostile = cases.find(search="\" OR title:* (", space_id=space).body
    check("no word is syntax", hostile["total"] == 0)
    counts = found["count_open_cases"], found["count_in_progress_cases"], found["count_closed_cases"]
    check("counts", counts == (1, 1, 0))
    check("tags", "only" in cases.get_tags(owner="cases", space_id=space).body)
    reporters = cases.get_reporters(owner=["cases", "observability"], space_id=space).body
    check("reporters", reporters and all("username" in one for one in reporters))
    check("delete", cases.delete(ids=[other["id"]], space_id=space).meta.status == 204)
    check("deleted", refused(NotFoundError, cases.get, case_id=other["id"], space_id=space))
    check("delete of what is not there", refused(NotFoundError, cases.delete, ids=other["id"], space_id=space))
    long = refused(BadRequestError, cases.create, title="x" * 161, description="d", tags=[], space_id=space)
    check("too long", long is not None and "title" in str(long))
    return case


def comments(cases, case, space):
    commented = cases.add_comment(case_id=case, comment="note", space_id=space).body
    comment = commented["comments"][-1]
    check("add_comment", commented["totalComment"] == 1 and comment["type"] == "user")
    page = cases.get_comments(case_id=case, page=1, per_page=10, sort_order="desc", space_id=space).body
    check("get_comments", page["total"] == 1 and page["comments"][0]["id"] == comment["id"])
    one = cases.get_comment(case_id=case, comment_id=comment["id"], space_id=space).body
    check("get_comment", one["comment"] == "note")
    cases.update_comment(case_id=case, id=comment["id"], version=one["version"], comment="edited", space_id=space)
    edited = cases.get_comment(case_id=case, comment_id=comment["id"], space_id=space).body
    check("update_comment", edited["comment"] == "edited")
    stale = refused(ConflictError, cases.update_comment, case_id=case, id=comment["id"], version=one["version"],
                    comment="again", space_id=space)
    check("an old version of a comment", stale is not None)
    cases.delete_comment(case_id=case, comment_id=comment["id"], space_id=space)
    check("delete_comment", cases.get_comments(case_id=case, space_id=space).body["total"] == 0)
    for number in range(2):
        cases.add_comment(case_id=case, comment=f"note {number}", space_id=space)
    check("delete_all_comments", cases.delete_all_comments(case_id=case, space_id=space).meta.status == 204)
    check("all are deleted", cases.get_comments(case_id=case, space_id=space).body["total"] == 0)


def alerts(cases, case, space):
    check("no alerts", cases.get_alerts(case_id=case, space_id=space).body == [])
    nothing = cases.get_cases_by_alert(alert_id="no-such-alert", owner="cases", space_id=space).body
    check("no cases of an alert", nothing == [])
    rule = {"id": "r-1", "name": "A rule"}
    added = cases.add_comment(case_id=case, type="alert", alert_id=["a-1", "a-2"], index=["i", "i"], rule=rule,
                              space_id=space).body
    check("attach alerts", added["totalAlerts"] == 2 and added["comments"][-1]["alertId"] == ["a-1", "a-2"])
    listed = cases.get_alerts(case_id=case, space_id=space).body
    check("get_alerts", [one["id"] for one in listed] == ["a-1", "a-2"] and "attached_at" in listed[0])
    of_alert = cases.get_cases_by_alert(alert_id="a-1", space_id=space).body
    check("get_cases_by_alert", [one["id"] for one in of_alert] == [case])


def files(cases, case, space):
    added = cases.add_file(case_id=case, file=b"what happened", filename="notes.txt", mime_type="text/plain",
                           space_id=space).body
    attached = added["comments"][-1]
    file = attached["externalReferenceMetadata"]["files"][0]
    check("add_file", attached["type"] == "externalReference" and file["name"] == "notes.txt")
    check("the type of a file", file["mimeType"] == "text/plain" and file["extension"] == "txt")


def history(cases, case, space):
    version = cases.get(case_id=case, space_id=space).body["version"]
    closed = cases.update(id=case, version=version, status="closed", close_reason="false_positive", space_id=space).body
    check("close_reason", closed[0]["disposition"] == "false-positive")
    page = cases.find_user_actions(case_id=case, types=["status"], sort_order="asc", space_id=space).body
    statuses = [one["payload"]["status"] for one in page["userActions"]]
    check("find_user_actions", statuses == ["in-progress", "closed"] and page["total"] == 2)


def configuration(cases, space):
    field = {"key": "env", "label": "Environment", "type": "text", "required": False}
    made = cases.create_configuration(closure_type="close-by-user", owner="cases", custom_fields=[field],
                                      space_id=space).body
    check("create_configuration", made["closure_type"] == "close-by-user" and made["owner"] == "cases")
    listed = cases.get_configuration(owner="cases", space_id=space).body
    check("get_configuration", [one["customFields"][0]["key"] for one in listed] == ["env"])
    changed = cases.update_configuration(configuration_id=made["id"], version=made["version"],
                                         closure_type="close-by-pushing", space_id=space).body
    check("update_configuration", changed["closure_type"] == "close-by-pushing")
    check("find_connectors", isinstance(cases.find_connectors(space_id=space).body, list))


def main(url, api_key, space):
    with Kibana(url, api_key=api_key, max_retries=0) as client:
        cases = client.cases
        case = whole(cases, space)
        comments(cases, case, space)
        alerts(cases, case, space)
        files(cases, case, space)
        history(cases, case, space)
        unknown = refused((NotFoundError, ApiError), cases.push, case_id=case, connector_id="nowhere", space_id=space)
        check("push", unknown is not None and unknown.status_code == 404)
        configuration(cases, space)
        check("another space", refused(NotFoundError, cases.get, case_id=case))
    json.dump(FOUND, sys.stdout)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
