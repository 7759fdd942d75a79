//! What must be true of a table before anything is rendered from it: its names become part of SQL, KQL, paths
//! and file names.

use super::{ColumnKind, Origin, Table, render::RECORD};

/// Why a table cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// A name that is not safe everywhere.
    #[error("table {table}: `{name}` is not a name: a letter, then letters, digits and `_`")]
    Name {
        /// The table.
        table: String,
        /// The name.
        name: String,
    },
    /// Two columns, or a column and the one with the record as received, have the same name.
    #[error("table {table}: the column `{column}` is defined twice")]
    Repeated {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// The column that identifies rows, or the one that dates them, is missing or has another type.
    #[error("table {table}: there is no column `{column}` of kind {kind}")]
    Missing {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The kind that it must have.
        kind: &'static str,
    },
    /// Columns are taken from inside of two fields; mapping can open one.
    #[error(
        "table {table}: columns are taken from inside of `{one}` and of `{other}`; one field can be opened"
    )]
    TwoOpened {
        /// The table.
        table: String,
        /// A field.
        one: String,
        /// Another one.
        other: String,
    },
    /// Another table has this name already.
    #[error("table {table}: another table already has the name `{name}`")]
    Taken {
        /// The table.
        table: String,
        /// The name.
        name: String,
    },
}

/// Checks a table by itself.
pub(super) fn alone(table: &Table) -> Result<(), TableError> {
    let name = || table.name.to_string();
    let own = [&table.name, &table.settings_key, &table.function, &table.symbol];
    for text in own.into_iter().chain(table.columns.iter().chain(&table.stream).map(|column| &column.name)) {
        if !is_name(text) {
            return Err(TableError::Name { table: name(), name: text.to_string() });
        }
    }
    for (place, column) in table.columns.iter().enumerate() {
        let earlier = table.columns[..place].iter().map(|column| &*column.name).chain([RECORD]);
        // SQLite ignores the case of names.
        if earlier.into_iter().any(|earlier| earlier.eq_ignore_ascii_case(&column.name)) {
            return Err(TableError::Repeated { table: name(), column: column.name.to_string() });
        }
    }
    for (column, kind) in [(&table.key, ColumnKind::String), (&table.time, ColumnKind::DateTime)] {
        if !table.columns.iter().any(|found| found.name == *column && found.kind == kind) {
            let column = column.to_string();
            return Err(TableError::Missing { table: name(), column, kind: kind.name() });
        }
    }
    let mut opened = None;
    for column in &table.columns {
        if let Origin::Inner(field, _) = &column.from {
            let one = *opened.get_or_insert(field);
            if one != field {
                let (one, other) = (one.to_string(), field.to_string());
                return Err(TableError::TwoOpened { table: name(), one, other });
            }
        }
    }
    Ok(())
}

/// Checks a table against an earlier one.
pub(super) fn beside(known: &Table, table: &Table) -> Result<(), TableError> {
    let pairs = [
        (&known.name, &table.name),
        (&known.settings_key, &table.settings_key),
        (&known.function, &table.function),
        (&known.symbol, &table.symbol),
    ];
    match pairs.into_iter().find(|(known, own)| known.eq_ignore_ascii_case(own)) {
        None => Ok(()),
        Some((_, name)) => Err(TableError::Taken { table: table.name.to_string(), name: name.to_string() }),
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::{
        super::{AUDIT_LOGS, Column, Tables},
        *,
    };

    fn column(name: &'static str, kind: ColumnKind, from: Origin) -> Column {
        Column::new(name, kind, from, "")
    }

    fn sound() -> Table {
        let columns = vec![
            column("TimeGenerated", ColumnKind::DateTime, Origin::Time("seen".into())),
            column("Id", ColumnKind::String, Origin::Field("id".into())),
        ];
        Table::new("VendorAlerts_CL", "Id", columns)
    }

    fn refused(change: impl FnOnce(&mut Table)) -> String {
        let mut table = sound();
        change(&mut table);
        Tables::built_in().with(table).unwrap_err().to_string()
    }

    #[test]
    fn a_sound_table_is_found_by_its_name_and_once_only() {
        let tables = Tables::built_in().with(sound()).unwrap();
        assert_eq!(tables.named("VendorAlerts_CL").map(|table| &**table), Some(&sound()));
        assert!(matches!(tables.with(sound()), Err(TableError::Taken { .. })));
    }

    #[test]
    fn a_name_that_would_be_text_of_a_statement_or_a_path_is_refused() {
        for name in ["a\"; DROP", "../x", "", "1a", "a-b", "\u{e9}a"] {
            assert!(refused(|table| table.name = name.into()).contains("is not a name"), "{name}");
            assert!(refused(|table| table.columns[1].name = name.into()).contains("is not a name"), "{name}");
        }
    }

    #[test]
    fn columns_are_there_once_and_beside_the_record_as_received() {
        let repeated = |name: &'static str| {
            refused(|table| table.columns.push(column(name, ColumnKind::String, Origin::Connector)))
        };
        assert!(repeated("ID").ends_with("the column `ID` is defined twice"));
        assert!(repeated("record").ends_with("the column `record` is defined twice"));
    }

    #[test]
    fn a_row_has_what_it_is_known_and_ages_by() {
        assert!(refused(|table| table.key = "Name".into()).contains("no column `Name` of kind string"));
        assert!(refused(|table| table.time = "Id".into()).contains("no column `Id` of kind datetime"));
    }

    #[test]
    fn one_field_at_most_is_opened() {
        let inner = |name: &'static str, field: &'static str| {
            column(name, ColumnKind::String, Origin::Inner(field.into(), "x".into()))
        };
        let both = refused(|table| table.columns.extend([inner("A", "actor"), inner("B", "rule")]));
        assert!(both.contains("of `actor` and of `rule`"), "{both}");
    }

    #[test]
    fn no_name_of_another_table_is_taken() {
        let taken = refused(|table| table.settings_key = AUDIT_LOGS.settings_key.clone());
        assert!(taken.ends_with("another table already has the name `audit_logs`"), "{taken}");
    }
}
