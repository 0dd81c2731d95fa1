//! The rows of REGRESSIONS.md that a failing disk proves.
