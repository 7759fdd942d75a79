//! The tables of cases, in the database of the alerts.

/// Executed once, when the database is created. What a case is searched by follows its tables by triggers. What is recorded of
/// a case is only ever added to, and goes with the case. Each change of a case puts it into the outbox, in the same transaction.
pub(crate) const TABLES: &str = "
INSERT INTO counter VALUES ('case_version', 0);
CREATE TABLE case_number (space TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE cases (
    id INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT NOT NULL UNIQUE, space TEXT NOT NULL, owner TEXT NOT NULL,
    number INTEGER NOT NULL, version INTEGER NOT NULL, title TEXT NOT NULL, description TEXT NOT NULL, tags TEXT NOT NULL,
    status TEXT NOT NULL, severity TEXT NOT NULL, category TEXT, assignees TEXT NOT NULL, custom_fields TEXT NOT NULL,
    connector TEXT NOT NULL, settings TEXT NOT NULL, external TEXT, disposition TEXT, made_for TEXT,
    created_at INTEGER NOT NULL, created_by TEXT NOT NULL, updated_at INTEGER, updated_by TEXT, in_progress_at INTEGER,
    closed_at INTEGER, closed_by TEXT, UNIQUE (space, number)
);
CREATE INDEX cases_made_for ON cases (space, made_for) WHERE made_for IS NOT NULL;
CREATE TABLE case_attachment (
    id INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT NOT NULL UNIQUE, case_id INTEGER NOT NULL, type TEXT NOT NULL,
    owner TEXT NOT NULL, version INTEGER NOT NULL, comment TEXT, rule_id TEXT, rule_name TEXT, created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL, pushed_at INTEGER, pushed_by TEXT, updated_at INTEGER, updated_by TEXT
);
CREATE INDEX case_attachment_case ON case_attachment (case_id, type);
CREATE TABLE case_alert (
    case_id INTEGER NOT NULL, alert TEXT NOT NULL, attachment INTEGER NOT NULL, place INTEGER NOT NULL, idx TEXT NOT NULL,
    summary TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (case_id, alert)
) WITHOUT ROWID;
CREATE INDEX case_alert_alert ON case_alert (alert);
CREATE INDEX case_alert_attachment ON case_alert (attachment, place);
CREATE TABLE case_file (
    attachment INTEGER PRIMARY KEY, case_id INTEGER NOT NULL, uid TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
    extension TEXT NOT NULL, mime TEXT NOT NULL, bytes INTEGER NOT NULL, content BLOB NOT NULL
);
CREATE INDEX case_file_bytes ON case_file (case_id, bytes);
CREATE TABLE case_action (
    id INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT NOT NULL UNIQUE, case_id INTEGER NOT NULL, at INTEGER NOT NULL,
    by TEXT NOT NULL, type TEXT NOT NULL, action TEXT NOT NULL, payload TEXT NOT NULL, attachment TEXT, subject TEXT,
    version INTEGER NOT NULL
);
CREATE INDEX case_action_case ON case_action (case_id);
CREATE TRIGGER case_action_kept BEFORE UPDATE ON case_action BEGIN SELECT raise(ABORT, 'history is not rewritten'); END;
CREATE TABLE case_configuration (
    uid TEXT PRIMARY KEY, space TEXT NOT NULL, owner TEXT NOT NULL, version INTEGER NOT NULL, closure_type TEXT NOT NULL,
    connector TEXT NOT NULL, custom_fields TEXT NOT NULL, templates TEXT NOT NULL, created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL, updated_at INTEGER, updated_by TEXT, UNIQUE (space, owner)
) WITHOUT ROWID;
CREATE TABLE case_oracle (
    uid TEXT PRIMARY KEY, space TEXT NOT NULL, version INTEGER NOT NULL, counter INTEGER NOT NULL, rules TEXT NOT NULL,
    grouping TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER
) WITHOUT ROWID;
CREATE TABLE case_outbox (
    case_id INTEGER PRIMARY KEY, space TEXT NOT NULL, version INTEGER NOT NULL, state TEXT NOT NULL DEFAULT 'waiting',
    tries INTEGER NOT NULL DEFAULT 0, next_at INTEGER NOT NULL DEFAULT 0, unsure_until INTEGER NOT NULL DEFAULT 0,
    has_failed INTEGER NOT NULL DEFAULT 0, creates INTEGER NOT NULL DEFAULT 0, changed_at INTEGER NOT NULL, remote TEXT,
    fields TEXT, answer TEXT
);
CREATE INDEX case_outbox_due ON case_outbox (space, next_at, case_id) WHERE state = 'waiting';
CREATE INDEX case_outbox_state ON case_outbox (space, state);
CREATE TABLE case_sent (
    case_id INTEGER NOT NULL, remote TEXT NOT NULL, item TEXT NOT NULL, content TEXT, at INTEGER, attachment TEXT,
    tried INTEGER, refused INTEGER, why TEXT, PRIMARY KEY (case_id, remote, item)
) WITHOUT ROWID;
CREATE TABLE case_pushed (
    case_id INTEGER NOT NULL, connector TEXT NOT NULL, receiver TEXT NOT NULL, external_id TEXT NOT NULL,
    attachments TEXT NOT NULL, PRIMARY KEY (case_id, connector, receiver)
);
CREATE TABLE case_pushing (
    case_id INTEGER NOT NULL, receiver TEXT NOT NULL, claim TEXT NOT NULL, until INTEGER NOT NULL,
    PRIMARY KEY (case_id, receiver)
) WITHOUT ROWID;
CREATE TRIGGER case_pushed_removed AFTER DELETE ON cases BEGIN
    DELETE FROM case_pushed WHERE case_id = old.id;
    DELETE FROM case_pushing WHERE case_id = old.id;
END;
CREATE TABLE case_target (space TEXT PRIMARY KEY, target TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE case_elsewhere (
    case_id INTEGER NOT NULL, target TEXT NOT NULL, remote TEXT NOT NULL, fields TEXT, PRIMARY KEY (case_id, target)
) WITHOUT ROWID;
CREATE TRIGGER case_outbox_created AFTER INSERT ON cases BEGIN
    INSERT INTO case_outbox (case_id, space, version, changed_at) VALUES (new.id, new.space, new.version, new.created_at);
END;
CREATE TRIGGER case_outbox_changed AFTER UPDATE OF version ON cases BEGIN
    UPDATE case_outbox SET version = new.version, next_at = iif(state = 'waiting' AND has_failed, next_at, unsure_until),
        tries = iif(state IN ('waiting', 'running'), tries, 0), state = iif(state = 'running', state, 'waiting')
    WHERE case_id = new.id;
END;
CREATE TRIGGER case_outbox_removed AFTER DELETE ON cases BEGIN
    DELETE FROM case_sent WHERE case_id = old.id;
    DELETE FROM case_elsewhere WHERE case_id = old.id;
    DELETE FROM case_outbox WHERE case_id = old.id;
END;
CREATE VIRTUAL TABLE case_text USING fts5(title, description, content = 'cases', content_rowid = 'id');
CREATE TRIGGER case_text_added AFTER INSERT ON cases BEGIN
    INSERT INTO case_text (rowid, title, description) VALUES (new.id, new.title, new.description);
END;
CREATE TRIGGER case_text_removed AFTER DELETE ON cases BEGIN
    INSERT INTO case_text (case_text, rowid, title, description) VALUES ('delete', old.id, old.title, old.description);
END;
CREATE TRIGGER case_text_changed AFTER UPDATE OF title, description ON cases BEGIN
    INSERT INTO case_text (case_text, rowid, title, description) VALUES ('delete', old.id, old.title, old.description);
    INSERT INTO case_text (rowid, title, description) VALUES (new.id, new.title, new.description);
END;
CREATE VIRTUAL TABLE case_comment_text USING fts5(comment, content = 'case_attachment', content_rowid = 'id');
CREATE TRIGGER case_comment_added AFTER INSERT ON case_attachment WHEN new.comment IS NOT NULL BEGIN
    INSERT INTO case_comment_text (rowid, comment) VALUES (new.id, new.comment);
END;
CREATE TRIGGER case_comment_removed AFTER DELETE ON case_attachment WHEN old.comment IS NOT NULL BEGIN
    INSERT INTO case_comment_text (case_comment_text, rowid, comment) VALUES ('delete', old.id, old.comment);
END;
CREATE TRIGGER case_comment_changed AFTER UPDATE OF comment ON case_attachment WHEN new.comment IS NOT NULL BEGIN
    INSERT INTO case_comment_text (case_comment_text, rowid, comment) VALUES ('delete', old.id, old.comment);
    INSERT INTO case_comment_text (rowid, comment) VALUES (new.id, new.comment);
END;
";
