//! Parquet: one row group, texts and whole numbers, not compressed.

use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::errors::Result;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use strongroom_domain::reports::{Cell, Column, ColumnKind, Table};

use crate::Heading;

pub fn render(heading: &Heading, table: &Table) -> Vec<u8> {
    // Memory takes all that is written, and the schema is made of names of our own.
    written(heading, table).unwrap_or_default()
}

fn written(heading: &Heading, table: &Table) -> Result<Vec<u8>> {
    let fields = table.columns.iter().map(field);
    let fields = fields
        .map(|field| Ok(Arc::new(field?)))
        .collect::<Result<_>>()?;
    let schema = Type::group_type_builder("report")
        .with_fields(fields)
        .build()?;
    let asked = &heading.asked;
    let about = [
        ("type", asked.kind.as_str().to_owned()),
        ("from", asked.from.to_string()),
        ("to", asked.to.to_string()),
        ("report_id", heading.id.to_string()),
    ];
    let about = about.map(|(name, value)| KeyValue::new(format!("strongroom.{name}"), value));
    let properties = WriterProperties::builder()
        .set_created_by("strongroom".to_owned())
        .set_key_value_metadata(Some(about.to_vec()))
        .build();
    let mut file = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties))?;
    let mut group = file.next_row_group()?;
    let mut place = 0;
    while let Some(mut writer) = group.next_column()? {
        let cells = || table.lines.iter().filter_map(|(_, cells)| cells.get(place));
        let levels: Vec<i16> = cells()
            .map(|cell| i16::from(*cell != Cell::Nothing))
            .collect();
        match table.columns.get(place).map(|column| column.kind) {
            Some(ColumnKind::Text) | None => {
                let texts = cells().filter_map(|cell| match cell {
                    Cell::Text(text) => Some(ByteArray::from(text.as_str())),
                    _ => None,
                });
                let texts: Vec<ByteArray> = texts.collect();
                let typed = writer.typed::<ByteArrayType>();
                typed.write_batch(&texts, Some(&levels), None)?;
            }
            Some(ColumnKind::Count | ColumnKind::Minor) => {
                let numbers = cells().filter_map(|cell| match cell {
                    Cell::Number(number) => Some(*number),
                    _ => None,
                });
                let numbers: Vec<i64> = numbers.collect();
                let typed = writer.typed::<Int64Type>();
                typed.write_batch(&numbers, Some(&levels), None)?;
            }
        }
        writer.close()?;
        place += 1;
    }
    group.close()?;
    file.into_inner()
}

fn field(column: &Column) -> Result<Type> {
    let builder = match column.kind {
        ColumnKind::Text => Type::primitive_type_builder(column.name, Physical::BYTE_ARRAY)
            .with_logical_type(Some(LogicalType::String)),
        ColumnKind::Count | ColumnKind::Minor => {
            Type::primitive_type_builder(column.name, Physical::INT64)
        }
    };
    builder.with_repetition(Repetition::OPTIONAL).build()
}

#[cfg(test)]
mod tests {
    use parquet::data_type::ByteArray;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    use super::*;
    use crate::samples::{heading, table};

    #[test]
    fn what_is_written_is_read_back() {
        let bytes = render(&heading(), &table());
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
        let rows: Vec<Vec<Field>> = reader
            .get_row_iter(None)
            .unwrap()
            .map(|row| {
                row.unwrap()
                    .into_columns()
                    .into_iter()
                    .map(|(_, f)| f)
                    .collect()
            })
            .collect();
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[0][2], Field::Str("=cmd|'/C calc'!A0".into()));
        assert_eq!(rows[1][2], Field::Null);
        assert_eq!(rows[1][4], Field::Long(-250));
        assert_eq!(ByteArray::from("a").len(), 1);
        let metadata = reader.metadata().file_metadata();
        assert_eq!(metadata.created_by(), Some("strongroom"));
    }
}
