"""Does with kibana-py, a public client of Kibana, what its published examples and its own tests do with connectors, and prints
what it saw as JSON.

usage: connectors.py URL API_KEY SCENARIO

    simple      a connector, a document, the end of the connector
    debug       types, and responses as they come
    manager     a class: find or create, batches, an update, a deletion, and its log
    spaces      a space with a connector of its own, by argument and by a client for the space
    errors      each class of exceptions
    suite       the behaviour that the client's own tests of connectors need, a name and "ok" or the reason for each; also with
                its asynchronous client, which has another HTTP library
"""

import asyncio
import json
import logging
import sys
import uuid
from datetime import datetime, timezone

from elastic_transport import TextApiResponse
from kibana import AsyncKibana, Kibana
from kibana import exceptions as e

PREFIX = "judge-connectors-"
CONFIG = {"index": "judged", "refresh": True, "executionTimeField": "@timestamp"}


def document(**more):
    return {"message": "hello", "level": "INFO", "@timestamp": datetime.now(timezone.utc).isoformat(), **more}


def simple(client):
    id = PREFIX + "simple"
    try:
        client.actions.delete(id=id)
        removed = True
    except e.NotFoundError:
        removed = False
    made = client.actions.create(id=id, name="Simple", connector_type_id=".index", config=CONFIG).body
    run = client.actions.execute(id=id, params={"documents": [document()]}).body
    read = client.actions.get(id=id).body
    deleted = client.actions.delete(id=id).meta.status
    return {"removed": removed, "made": made, "run": run, "read": read, "deleted": deleted, "after": caught(lambda: client.actions.get(id=id))}


def debug(client):
    types = client.connectors.list_types()
    made = client.connectors.create(id=PREFIX + "debug", name="Debug", connector_type_id=".index", config=CONFIG)
    listed = client.connectors.get_all()
    seen = {
        "types": types.body,
        "made": made.body,
        "classes": [type(response).__name__ for response in (types, made, listed)],
        "statuses": [response.meta.status for response in (types, made, listed)],
        "content_types": [response.meta.mimetype for response in (types, made, listed)],
        "listed": listed.body,
    }
    client.connectors.delete(id=made.body["id"])
    return seen


class Manager:
    """As somebody would write it: finds or creates a connector, writes through it, and logs."""

    def __init__(self, client, log):
        self.client, self.log, self.id = client, log, None

    def find_or_create(self, id, name):
        try:
            self.id = self.client.connectors.create(id=id, name=name, connector_type_id=".index", config=CONFIG)["id"]
            self.log.info("created %s", self.id)
        except e.ConflictError:
            found = [one for one in self.client.connectors.get_all() if one["name"] == name]
            self.id = found[0]["id"]
            self.log.info("found %s", self.id)
        return self.id

    def write(self, documents):
        answer = self.client.connectors.execute(id=self.id, params={"documents": documents}).body
        self.log.info("wrote %s: %s", len(documents), answer["status"])
        return answer

    def update(self, name, config):
        return self.client.connectors.update(id=self.id, name=name, config=config).body

    def delete(self):
        try:
            self.client.connectors.delete(id=self.id)
            self.log.info("deleted %s", self.id)
        except e.NotFoundError:
            self.log.warning("gone already: %s", self.id)


def manager(client):
    lines = []
    log = logging.getLogger("manager")
    log.setLevel(logging.INFO)
    log.propagate = False
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    log.addHandler(handler)
    one, other = Manager(client, log), Manager(client, log)
    ids = [manager.find_or_create(PREFIX + "manager", "Managed") for manager in (one, other)]
    batches = [one.write([document(number=number) for number in range(size)]) for size in (1, 250, 4)]
    updated = one.update("Managed again", {"index": "judged-again"})
    renamed = one.write([document()])
    refused = caught(lambda: one.client.connectors.update(id=one.id, name="without config"))
    one.delete()
    other.delete()
    return {
        "ids": ids,
        "written": [len(batch["data"]["items"]) for batch in batches],
        "statuses": [batch["status"] for batch in [*batches, renamed]],
        "updated": updated,
        "refused": refused,
        "log": lines,
    }


def spaces(client):
    id = "judged-space"
    space = client.spaces.create(id=id, name="Judged", description="for a test", color="#4ECDC4", initials="JS").body
    config = {"index": "judged-in-space", "refresh": True}
    by_argument = client.actions.create(name="By argument", connector_type_id=".index", config=config, space_id=id).body
    run = client.actions.execute(id=by_argument["id"], params={"documents": [document(space=id)]}, space_id=id).body
    scoped = client.space(id)
    by_client = scoped.actions.create(name="By client", connector_type_id=".index", config=config).body
    again = scoped.actions.execute(id=by_client["id"], params={"documents": [document(space=id)]}).body
    seen = {
        "space": space,
        "runs": [run["status"], again["status"]],
        "listed": sorted(one["name"] for one in scoped.actions.get_all().body),
        "elsewhere": caught(lambda: client.actions.get(id=by_argument["id"])),
        "no_space": caught(lambda: client.actions.get_all(space_id="no-such-space")),
        "deleted": client.spaces.delete(id=id).meta.status,
    }
    # Not through the client's own memory of spaces.
    seen["space_after"] = caught(lambda: client.spaces.get(id=id))
    client.spaces.create(id=id, name="Judged")
    seen["left"] = client.actions.get_all(space_id=id, validate_space=False).body
    client.spaces.delete(id=id)
    return seen


def errors(client, url, api_key):
    id = PREFIX + "errors"
    client.connectors.create(id=id, name="Errors", connector_type_id=".index", config=CONFIG)
    many = {"documents": [{"text": "x" * (11 << 20)}]}
    with Kibana(url, api_key="bm9ib2R5OmFueXRoaW5n", max_retries=0) as nobody:
        unknown = caught(lambda: nobody.connectors.get_all())
    with Kibana(url, basic_auth=("elastic", "changeme"), max_retries=0) as basic:
        by_password = caught(lambda: basic.connectors.get_all())
    with Kibana("http://127.0.0.1:9", api_key=api_key, max_retries=0) as nowhere:
        unreachable = caught(lambda: nowhere.connectors.get_all())
    seen = {
        "bad_type": caught(lambda: client.connectors.create(name="x", connector_type_id=".no-such-type")),
        "bad_config": caught(lambda: client.connectors.create(name="x", connector_type_id=".index", config={})),
        "blank": caught(lambda: client.connectors.create(name=" ", connector_type_id=".index", config=CONFIG)),
        "missing": caught(lambda: client.connectors.get(id=PREFIX + "missing")),
        "taken": caught(lambda: client.connectors.create(id=id, name="x", connector_type_id=".index", config=CONFIG)),
        "too_large": caught(lambda: client.connectors.execute(id=id, params=many)),
        "unknown": unknown,
        "by_password": by_password,
        "unreachable": unreachable,
        # What a run could not do is no exception.
        "run": client.connectors.execute(id=id, params={"documents": "no list"}).body,
    }
    client.connectors.delete(id=id)
    return seen


def caught(call):
    """What a call raised: its class, and of an answer the status, the message and the whole body."""
    try:
        call()
    except e.ApiError as error:
        return {"class": type(error).__name__, "status": error.status_code, "message": error.message, "body": error.body}
    except e.KibanaException as error:
        return {"class": type(error).__name__}
    return None


class Suite:
    """The behaviour of which the client's own tests of connectors are made."""

    def __init__(self, client, url, api_key):
        self.client, self.url, self.api_key = client, url, api_key
        self.connectors = client.connectors
        self.made = []

    def create(self, **more):
        name = PREFIX + uuid.uuid4().hex[:8]
        made = self.connectors.create(**{"name": name, "connector_type_id": ".server-log", **more}).body
        self.made.append(made["id"])
        return made

    def raises(self, kind, call):
        try:
            call()
        except kind as error:
            return error
        raise AssertionError("nothing was raised")

    def types_are_listed(self):
        answer = self.connectors.list_types()
        types = {one["id"]: one for one in answer.body}
        assert answer.meta.status == 200 and {".server-log", ".index"} <= set(types)
        log = types[".server-log"]
        assert log["name"] and log["enabled"] is True and log["enabled_in_config"] is True
        assert "alerting" in log["supported_feature_ids"]

    def types_of_a_feature_are_some_of_all(self):
        every = {one["id"] for one in self.connectors.list_types().body}
        some = self.connectors.list_types(feature_id="alerting").body
        assert 0 < len(some) < len(every) and {one["id"] for one in some} < every
        assert all("alerting" in one["supported_feature_ids"] for one in some)

    def connectors_are_listed(self):
        answer = self.connectors.get_all()
        assert answer.meta.status == 200 and isinstance(answer.body, list)

    def config_may_be_left_out(self):
        made = self.create()
        assert made["connector_type_id"] == ".server-log" and made["config"] == {} and "secrets" not in made

    def a_log_connector_lives_and_ends(self):
        id = self.create()["id"]
        assert self.connectors.get(id=id).body["id"] == id
        assert any(one["id"] == id and "referenced_by_count" in one for one in self.connectors.get_all().body)
        assert self.connectors.update(id=id, name="renamed").body["name"] == "renamed"
        run = self.connectors.execute(id=id, params={"message": "from a judge", "level": "info"}).body
        assert run["status"] == "ok" and run["connector_id"] == id
        assert self.connectors.delete(id=id).meta.status in (200, 204)
        self.raises(e.NotFoundError, lambda: self.connectors.get(id=id))

    def the_caller_chooses_an_id(self):
        id = PREFIX + uuid.uuid4().hex[:12]
        assert self.create(id=id)["id"] == id and self.connectors.get(id=id).body["id"] == id

    def an_index_connector_is_replaced_whole(self):
        made = self.create(connector_type_id=".index", config={"index": "judged-suite", "refresh": True})
        id = made["id"]
        assert made["config"]["index"] == "judged-suite"
        assert self.connectors.execute(id=id, params={"documents": [{"message": "x"}]}).body["status"] == "ok"
        self.raises(e.BadRequestError, lambda: self.connectors.update(id=id, name="renamed"))
        changed = self.connectors.update(id=id, name="renamed", config={"index": "judged-suite", "refresh": False}).body
        assert changed["name"] == "renamed" and changed["config"]["refresh"] is False

    def the_default_space_may_be_named(self):
        answer = self.connectors.get_all(space_id="default")
        assert answer.meta.status == 200 and isinstance(answer.body, list)

    def the_default_space_is_the_path_without_one(self):
        id = self.create(space_id="default")["id"]
        assert self.connectors.get(id=id, space_id="default").body == self.connectors.get(id=id).body

    def types_are_listed_in_a_space(self):
        assert self.connectors.list_types(space_id="default", feature_id="alerting").body

    def an_authorization_ends_on_a_page(self):
        answer = self.connectors.oauth_callback()
        assert answer.meta.status == 200 and isinstance(answer, TextApiResponse) and "html" in answer.body.lower()

    def a_refused_authorization_ends_there_too(self):
        answer = self.connectors.oauth_callback(error="access_denied", error_description="no", state="x")
        assert answer.meta.status == 200

    def the_page_has_a_script(self):
        answer = self.connectors.get_oauth_callback_script()
        assert answer.meta.mimetype == "application/javascript" and "oauth_flow_completed" in answer.body
        assert isinstance(answer, TextApiResponse)

    def what_is_missing_is_not_found(self):
        id = PREFIX + "missing"
        calls = [
            lambda: self.connectors.get(id=id),
            lambda: self.connectors.update(id=id, name="x"),
            lambda: self.connectors.delete(id=id),
            lambda: self.connectors.execute(id=id, params={"message": "x"}),
        ]
        assert all(self.raises(e.NotFoundError, call).status_code == 404 for call in calls)

    def an_unknown_type_is_a_bad_request(self):
        call = lambda: self.connectors.create(name="x", connector_type_id=".no-such-type")
        assert self.raises(e.BadRequestError, call).status_code == 400

    def a_config_without_what_is_required_is_a_bad_request(self):
        call = lambda: self.connectors.create(name="x", connector_type_id=".index", config={})
        assert self.raises(e.BadRequestError, call).status_code == 400

    def options_of_a_request_are_kept(self):
        patient = self.client.options(request_timeout=60.0)
        headed = self.client.options(headers={"X-Judge": "value"})
        keyed = self.client.options(api_key=self.api_key)
        assert all(one.connectors.list_types().meta.status == 200 for one in (patient, headed, keyed))

    def the_old_name_of_the_client_works(self):
        assert self.client.actions.list_types().meta.status == 200
        made = self.client.actions.create(name=PREFIX + "old", connector_type_id=".server-log").body
        self.made.append(made["id"])
        assert self.client.actions.get(id=made["id"]).body["name"] == made["name"]

    def an_asynchronous_client_does_the_same(self):
        async def lifecycle():
            async with AsyncKibana(self.url, api_key=self.api_key, max_retries=0) as client:
                made = (await client.connectors.create(name=PREFIX + "async", connector_type_id=".server-log")).body
                self.made.append(made["id"])
                assert (await client.connectors.get(id=made["id"])).body == made
                assert (await client.connectors.update(id=made["id"], name="renamed")).body["name"] == "renamed"
                params = {"message": "from a judge", "level": "info"}
                assert (await client.connectors.execute(id=made["id"], params=params)).body["status"] == "ok"
                assert (await client.connectors.delete(id=made["id"])).meta.status in (200, 204)

        asyncio.run(lifecycle())

    def an_asynchronous_client_sees_types_and_pages(self):
        async def looks():
            async with AsyncKibana(self.url, api_key=self.api_key, max_retries=0) as client:
                assert (await client.connectors.list_types(feature_id="alerting")).body
                assert (await client.actions.list_types()).meta.status == 200
                script = await client.connectors.get_oauth_callback_script()
                assert isinstance(script, TextApiResponse) and "oauth_flow_completed" in script.body
                assert (await client.connectors.oauth_callback(error="access_denied")).meta.status == 200

        asyncio.run(looks())

    def run(self):
        seen = {}
        for name in [name for name in vars(Suite) if "_" in name and not name.startswith("_")]:
            try:
                getattr(self, name)()
                seen[name] = "ok"
            except Exception as error:
                seen[name] = f"{type(error).__name__}: {error}"
        for id in self.made:
            try:
                self.connectors.delete(id=id)
            except e.NotFoundError:
                pass
        return seen


def main(url, api_key, scenario):
    with Kibana(url, api_key=api_key, max_retries=0) as client:
        if scenario == "errors":
            seen = errors(client, url, api_key)
        elif scenario == "suite":
            seen = Suite(client, url, api_key).run()
        else:
            seen = {"simple": simple, "debug": debug, "manager": manager, "spaces": spaces}[scenario](client)
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
