//! The language of rules: Sigma 2.1 files, checked and compiled into a set that judges records.
//!
//! Whatever is unknown or not supported is an error when a set is loaded, never ignored. Nothing here knows of time or of
//! other records: what several matches mean is for others to say.
//!
//! | part | what it does |
//! | --- | --- |
//! | `source`, `builtin` | files |
//! | `yaml`, `section` | values that know their line, and maps of which every key must be known |
//! | `document`, `header`, `extension`, `correlation` | documents as written |
//! | `field`, `derived` | what a field is, and how its values are found |
//! | `modifier`, `item`, `step`, `placeholder`, `pattern`, `wildcards`, `contained`, `expressions`, `encoding`, `network`, `clock`, `fold`, `value` | what a value must be |
//! | `condition`, `detection`, `filter`, `check` | what a record must be |
//! | `possible` | whether that can be at all |
//! | `draft`, `link`, `assemble`, `load` | from documents to a set |
//! | `index`, `judged_row`, `matcher`, `judge` | judging one record |
//! | `presence` | which fields records have |

mod assemble;
mod builtin;
mod check;
mod clock;
mod condition;
mod contained;
mod correlation;
mod derived;
mod detection;
mod document;
mod draft;
mod encoding;
mod error;
mod exact;
mod expressions;
mod extension;
mod field;
mod filter;
mod fold;
mod header;
mod index;
mod item;
mod judge;
mod judged_row;
mod link;
mod load;
mod matcher;
mod modifier;
mod network;
mod pattern;
mod placeholder;
mod possible;
mod presence;
mod remembered;
mod section;
mod set;
mod source;
mod step;
mod type_plan;
mod value;
mod wildcards;
mod yaml;

#[cfg(test)]
mod tests;

pub use assemble::ENTITIES;
pub use builtin::{builtin_events, builtin_files};
pub use error::{RuleError, near_name};
pub use extension::RuleTest;
pub use field::RecordName;
pub use judge::RecordJudge;
pub use placeholder::Placeholders;
pub use presence::FieldPresence;
pub use set::{FieldRead, NotExamined, RuleSet, TestEvents, UnusableRule};
pub use source::RuleSource;
