//! Rules over collected records, and the alerts that they raise. No HTTP, and no action on an alert.
//!
//! | part | what it does |
//! | --- | --- |
//! | `model` | a checked set of rules as data, and what one record means to it: the seam between the other parts |

pub mod model;
