use ccfd::metrics::markdown;

use super::is_written;

#[test]
fn the_metrics_in_the_manual_are_those_of_the_list() {
    is_written("deploy/README.md", "metrics", &format!("\n{}", markdown()));
}
