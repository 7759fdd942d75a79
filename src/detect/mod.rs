//! Rules over collected records, and the alerts that they raise. No HTTP, and no action on an alert.
//!
//! | part | what it does |
//! | --- | --- |
//! | `model` | a checked set of rules as data, and what one record means to it: the seam between the other parts |
//! | `rules` | the language of rules: Sigma files, checked and compiled into a set that judges records |
//! | `episodes` | correlation by event time: which matches belong together, whatever the order of their arrival |

pub mod episodes;
mod match_shown;
mod matches;
pub mod model;
pub mod rules;
mod seen_by;
