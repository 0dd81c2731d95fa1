//! Finished reports as files: JSON, CSV, Parquet, PDF. The same table is the same bytes, but for the time it was made at.
//!
//! Amounts are minor units in JSON, CSV and Parquet, as everywhere in the API; a PDF, which people read, shows major units.
//! Never here: where the figures come from, a store, a clock.

mod csv;
mod json;
mod parquet;
mod pdf;

use strongroom_domain::reports::{Asked, ReportFormat, Table};
use strongroom_types::id::ReportId;
use strongroom_types::time::Timestamp;

/// What stands above the lines.
#[derive(Clone, Copy, Debug)]
pub struct Heading {
    pub id: ReportId,
    pub asked: Asked,
    pub made_at: Timestamp,
}

/// The file.
pub fn render(heading: &Heading, table: &Table) -> Vec<u8> {
    match heading.asked.format {
        ReportFormat::Json => json::render(heading, table),
        ReportFormat::Csv => csv::render(table),
        ReportFormat::Parquet => parquet::render(heading, table),
        ReportFormat::Pdf => pdf::render(heading, table),
    }
}

#[cfg(test)]
mod samples;
