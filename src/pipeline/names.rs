//! The names of routes, which are also the names of their checkpoints.

/// Directory below the state directory for records that no sink takes.
pub const REJECTS_DIR: &str = "rejects";

/// Directory below the state directory for copies of records that were delivered with fields cut.
pub const CUT_DIR: &str = "cut";

/// The name of a route's checkpoint.
pub fn route_name(collector: &str, sink: &str) -> String {
    format!("{collector}/{sink}")
}

/// The name of a backfill's checkpoint, from its arguments, so that the same command continues where it
/// ended.
pub fn backfill_name(route: &str, from: &str, to: &str) -> String {
    format!("{route}/backfill/{from}..{to}")
}

/// Whether a checkpoint belongs to a backfill of this route.
pub fn is_backfill_of(name: &str, route: &str) -> bool {
    name.strip_prefix(route).is_some_and(|rest| rest.starts_with("/backfill/"))
}

/// The name of the checkpoint with which a verification reads the source.
pub fn verify_name(route: &str, run: &str) -> String {
    format!("{route}/verify/{run}")
}

/// The name of the checkpoint with which a verification delivers what is missing.
pub fn repair_name(route: &str, run: &str) -> String {
    format!("{route}/repair/{run}")
}

/// Whether a checkpoint belongs to a verification, which needs it only while it runs.
pub fn is_of_verification(name: &str) -> bool {
    matches!(name.split('/').nth(2), Some("verify" | "repair"))
}

/// Whether a checkpoint belongs to a route rather than a backfill.
pub fn is_route_name(name: &str) -> bool {
    name.split('/').count() <= 2
}

/// The collector and the sink that a checkpoint belongs to.
pub fn parts_of(name: &str) -> (&str, &str) {
    let mut parts = name.split('/');
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}
