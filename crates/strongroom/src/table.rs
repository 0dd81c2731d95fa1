//! Aligned text without colours, the same on a terminal and in a file.

/// Lines of `name  value`, values in one column, each behind `indent` spaces.
pub(crate) fn pairs(indent: usize, rows: &[(&str, &str)]) -> String {
    let width = rows
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    let line = |(name, value): &(&str, &str)| format!("{:indent$}{name:width$}  {value}\n", "");
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn values_stand_in_one_column() {
        let text = super::pairs(2, &[("a", "1"), ("long", "2")]);
        assert_eq!(text, "  a     1\n  long  2\n");
    }
}
