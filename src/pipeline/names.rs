//! The names of routes, which are those of their checkpoints.

/// Below the state directory: records that no sink takes.
pub const REJECTS_DIR: &str = "rejects";

/// Below the state directory: copies of records that were delivered with fields cut.
pub const CUT_DIR: &str = "cut";

/// The name of a route's checkpoint.
pub fn route_name(collector: &str, sink: &str) -> String {
    format!("{collector}/{sink}")
}

/// The name of a backfill's checkpoint, by the words it was asked for with: the same command goes on where it ended.
pub fn backfill_name(route: &str, from: &str, to: &str) -> String {
    format!("{route}/backfill/{from}..{to}")
}

/// Whether a checkpoint is a route's own, and not a backfill's.
pub fn is_route_name(name: &str) -> bool {
    name.split('/').count() <= 2
}

/// The collector and the sink that a checkpoint belongs to.
pub fn parts_of(name: &str) -> (&str, &str) {
    let mut parts = name.split('/');
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}
