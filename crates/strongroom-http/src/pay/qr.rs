//! A page's address as a QR code, drawn as one path.

use std::fmt::Write;

use bytes::Bytes;
use hyper::header::HeaderValue;
use qrcode::{Color, EcLevel, QrCode};

use crate::call::Answer;
use crate::edge::Passed;
use crate::pay::Shown;

/// Light modules around the code, as readers expect them.
const QUIET: usize = 4;

/// The code; `None` for a text that is too long for one.
pub(super) fn code(text: &str) -> Option<Passed> {
    let svg = drawn(text, "QR code of the payment page")?;
    Some(Passed {
        status: 200,
        answer: Answer {
            body: Bytes::from(svg),
            shown: Some(Box::new(Shown {
                kind: "image/svg+xml",
                policy: HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
                location: None,
                retry: None,
                embeddable: true,
            })),
            ..Answer::default()
        },
    })
}

/// A text as a drawing; `label` is what it is to those who do not see it.
pub(crate) fn drawn(text: &str, label: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let width = code.width();
    let mut path = String::new();
    for (y, row) in code.to_colors().chunks(width).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|a, b| a == b) {
            if run.first() == Some(&Color::Dark) {
                // Writing to a string has no error to give.
                let _ = write!(
                    path,
                    "M{} {}h{}v1h-{}z",
                    x + QUIET,
                    y + QUIET,
                    run.len(),
                    run.len()
                );
            }
            x += run.len();
        }
    }
    let size = width + 2 * QUIET;
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {size} {size}\" width=\"{0}\" height=\"{0}\" \
         role=\"img\" aria-label=\"{label}\" shape-rendering=\"crispEdges\">\
         <path fill=\"#fff\" d=\"M0 0h{size}v{size}H0z\"/><path d=\"{path}\"/></svg>\n",
        size * 8
    ))
}
