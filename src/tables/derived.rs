//! A table that comes at run time: what it does not give is derived from its name and its columns.

use super::{Column, ColumnKind, Origin, Table, Text, render::TIME};

/// The field of a stream that contains the collector's name.
const CONNECTOR_FIELD: &str = "friendlyName";

impl Table {
    /// A table of records with these columns, identified by the column `key`. Its names at destinations
    /// follow from its own: `VendorAlerts_CL` has the index `vendor-alerts`, the key `vendor_alerts` in
    /// settings, and so on. [`Tables::with`](super::Tables::with) checks whether it is valid.
    pub fn new(name: impl Into<Text>, key: impl Into<Text>, columns: Vec<Column>) -> Self {
        let name = name.into();
        let function = name.strip_suffix("_CL").unwrap_or(&name).to_owned();
        let words = words(&function);
        let lower: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
        let symbol: String = match words.split_first() {
            Some((first, rest)) => [first.to_lowercase(), rest.concat()].concat(),
            None => String::new(),
        };
        Self {
            settings_key: lower.join("_").into(),
            index: lower.join("-").into(),
            connector: words.join(" ").into(),
            stream_name: format!("Custom-{name}").into(),
            function: function.into(),
            symbol: symbol.into(),
            name,
            of_records: true,
            key: key.into(),
            time: TIME.into(),
            newest_wins: false,
            documents: Vec::new(),
            findings: Vec::new(),
            stream: stream(&columns),
            stream_asim: Vec::new(),
            has_asim: false,
            columns,
            omitted: Vec::new(),
        }
    }
}

/// The fields from which the columns are made, each once, under their names in a record.
fn stream(columns: &[Column]) -> Vec<Column> {
    let mut fields: Vec<Column> = Vec::with_capacity(columns.len());
    for column in columns {
        let about = column.about.clone();
        let field = match &column.from {
            Origin::Field(name) => Column::new(name.clone(), column.kind, column.from.clone(), about),
            Origin::Time(name) => Column::new(name.clone(), ColumnKind::Long, column.from.clone(), about),
            Origin::Inner(name, _) => {
                Column::new(name.clone(), ColumnKind::Dynamic, Origin::Field(name.clone()), about)
            }
            Origin::Connector => Column::new(CONNECTOR_FIELD, ColumnKind::String, Origin::Connector, about),
            Origin::Details | Origin::Constant(_) => column.clone(),
        };
        if !fields.iter().any(|known| known.from == field.from) {
            fields.push(field);
        }
    }
    fields
}

/// The words of a name such as `OpenAIAuditLogs`: each begins with a capital letter, and several capitals in
/// a row are one word.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let letters: Vec<char> = name.chars().collect();
    for (place, letter) in letters.iter().copied().enumerate() {
        let before = place.checked_sub(1).and_then(|before| letters.get(before));
        let after = letters.get(place + 1);
        let begins = letter.is_uppercase()
            && before.is_some_and(|before| {
                !before.is_uppercase() || after.is_some_and(|after| after.is_lowercase())
            });
        match words.last_mut() {
            _ if letter == '_' => words.push(String::new()),
            Some(word) if !begins => word.push(letter),
            Some(_) | None => words.push(letter.to_string()),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_cut_into_its_words() {
        for (name, wanted) in [
            ("OpenAIAuditLogs", vec!["Open", "AI", "Audit", "Logs"]),
            ("Alerts", vec!["Alerts"]),
            ("vendor_alerts", vec!["vendor", "alerts"]),
            ("A", vec!["A"]),
            ("", vec![]),
        ] {
            assert_eq!(words(name), wanted, "{name}");
        }
    }

    #[test]
    fn what_a_table_does_not_say_follows_from_its_name() {
        let table = Table::new("VendorAlerts_CL", "Id", Vec::new());
        assert_eq!((&*table.settings_key, &*table.index), ("vendor_alerts", "vendor-alerts"));
        assert_eq!((&*table.function, &*table.symbol), ("VendorAlerts", "vendorAlerts"));
        assert_eq!((&*table.connector, &*table.stream_name), ("Vendor Alerts", "Custom-VendorAlerts_CL"));
    }
}
