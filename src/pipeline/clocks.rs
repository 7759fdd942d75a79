//! The current time when two clocks disagree: `start = "7d"` must not become everything, or nothing, because
//! one of them is wrong.

use chrono::DateTime;

/// A difference up to this changes a look-back by a day at most.
const AGREE_SECONDS: i64 = 86_400;
/// A clock that shows an earlier second is wrong: 2024-01-01T00:00:00Z, when none of these records existed.
const EARLIEST: i64 = 1_704_067_200;

/// Two clocks, neither more credible than the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this machine's clock says {}, the API's says {}", shown(Some(*.local)), shown(*.server))]
pub struct Clocks {
    /// The local clock, in Unix seconds.
    pub local: i64,
    /// The API's clock, from its last `Date` header.
    pub server: Option<i64>,
}

impl Clocks {
    /// From the earlier of the two times, and how far the API's clock is ahead.
    pub fn of(now: i64, difference: Option<i64>) -> Self {
        let ahead = difference.unwrap_or(0);
        Self { local: now - ahead.min(0), server: difference.map(|ahead| now + ahead.max(0)) }
    }

    /// The second from which a look-back counts: the earlier clock if both agree, the plausible one if the
    /// other is plainly wrong. Fails if neither is the case.
    pub fn now(self) -> Result<i64, Self> {
        let server = self.server.unwrap_or(self.local);
        let (local_is_possible, server_is_possible) = (self.local >= EARLIEST, server >= EARLIEST);
        let agree = (self.local - server).abs() <= AGREE_SECONDS;
        match (local_is_possible, server_is_possible) {
            (true, true) if agree => Ok(self.local.min(server)),
            (false, true) => Ok(server),
            (true, false) => Ok(self.local),
            (true, true) | (false, false) => Err(self),
        }
    }
}

fn shown(second: Option<i64>) -> String {
    let Some(second) = second else { return "nothing".to_owned() };
    let time = DateTime::from_timestamp(second, 0);
    time.map_or_else(|| second.to_string(), |time| time.format("%Y-%m-%dT%H:%M:%SZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_767_225_600;
    const YEAR: i64 = 365 * 86_400;

    fn now(local: i64, server: Option<i64>) -> Result<i64, String> {
        let clocks =
            Clocks::of(server.map_or(local, |server| server.min(local)), server.map(|at| at - local));
        assert_eq!(clocks, Clocks { local, server });
        clocks.now().map_err(|clocks| clocks.to_string())
    }

    #[test]
    fn a_clock_that_is_plainly_wrong_is_left_out_of_account() {
        assert_eq!(now(5, Some(NOW)), Ok(NOW));
        assert_eq!(now(NOW, Some(5)), Ok(NOW));
        assert_eq!(now(NOW, Some(NOW - 3_600)), Ok(NOW - 3_600), "small errors cost nothing");
        assert_eq!(now(NOW, None), Ok(NOW));
    }

    #[test]
    fn where_either_may_be_right_both_are_named() {
        let text = "this machine's clock says 2026-01-01T00:00:00Z, the API's says 2025-01-01T00:00:00Z";
        assert_eq!(now(NOW, Some(NOW - YEAR)), Err(text.to_owned()));
        assert!(now(NOW - YEAR, Some(NOW)).is_err() && now(NOW + 2 * 86_400, Some(NOW)).is_err());
        let text = "this machine's clock says 1970-01-01T00:00:05Z, the API's says nothing";
        assert_eq!(now(5, None), Err(text.to_owned()));
        assert!(now(5, Some(6)).is_err());
    }
}
