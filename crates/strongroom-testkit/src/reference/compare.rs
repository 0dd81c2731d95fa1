//! Comparing JSON where ids are not known beforehand.

use std::collections::HashMap;

use serde_json::Value;

/// What a placeholder begins with; no text of the product does.
const MARK: char = '\u{1}';

/// Placeholders and the ids they stand for. A name has one id for ever, and an id one name.
#[derive(Clone, Default)]
pub struct Names {
    ids: HashMap<String, String>,
    names: HashMap<String, String>,
}

impl Names {
    /// A placeholder for the `n`-th resource of a kind.
    pub fn slot(kind: &str, n: usize) -> Value {
        Value::String(format!("{MARK}{kind}:{n}"))
    }

    /// A placeholder for a time nobody has told.
    pub fn anything() -> Value {
        Value::String(format!("{MARK}*"))
    }

    /// The id of the `n`-th resource of a kind, once it was seen.
    pub fn id(&self, kind: &str, n: usize) -> Option<&str> {
        self.ids
            .get(&format!("{MARK}{kind}:{n}"))
            .map(String::as_str)
    }

    /// The id that a placeholder stands for, once it was seen.
    pub fn known(&self, slot: &Value) -> Option<String> {
        self.ids.get(slot.as_str()?).cloned()
    }

    /// The number behind an id.
    pub fn number(&self, kind: &str, id: &str) -> Option<usize> {
        let name = self.names.get(id)?.strip_prefix(MARK)?;
        name.strip_prefix(kind)?.strip_prefix(':')?.parse().ok()
    }

    fn bind(&mut self, name: &str, id: &str) -> Result<(), String> {
        if let Some(known) = self.ids.get(name) {
            let same = known == id;
            return if same {
                Ok(())
            } else {
                Err(format!("`{}` is `{known}`, not `{id}`", bare(name)))
            };
        }
        if let Some(other) = self.names.get(id) {
            return Err(format!(
                "`{id}` is `{}` already, not `{}`",
                bare(other),
                bare(name)
            ));
        }
        let kind = bare(name).split(':').next().unwrap_or_default();
        if id
            .strip_prefix(kind)
            .is_none_or(|rest| !rest.starts_with('_'))
        {
            return Err(format!("`{id}` is no id for `{}`", bare(name)));
        }
        self.ids.insert(name.to_owned(), id.to_owned());
        self.names.insert(id.to_owned(), name.to_owned());
        Ok(())
    }
}

fn bare(name: &str) -> &str {
    name.trim_start_matches(MARK)
}

/// Holds `found` against `wanted`, field by field; binds placeholders.
///
/// # Errors
/// The first difference with the path to it.
pub fn compare(wanted: &Value, found: &Value, names: &mut Names, path: &str) -> Result<(), String> {
    match (wanted, found) {
        (Value::String(name), _) if name.starts_with(MARK) => {
            if name.ends_with('*') {
                return Ok(());
            }
            let id = found
                .as_str()
                .ok_or_else(|| format!("{path}: {found} is no id"))?;
            names
                .bind(name, id)
                .map_err(|text| format!("{path}: {text}"))
        }
        (Value::Object(wanted), Value::Object(found)) => {
            if let Some(extra) = found.keys().find(|key| !wanted.contains_key(*key)) {
                return Err(format!("{path}: unexpected `{extra}`"));
            }
            for (key, value) in wanted {
                let path = format!("{path}.{key}");
                let other = found.get(key).ok_or_else(|| format!("{path} is missing"))?;
                compare(value, other, names, &path)?;
            }
            Ok(())
        }
        (Value::Array(wanted), Value::Array(found)) => {
            if wanted.len() != found.len() {
                return Err(format!(
                    "{path}: {} elements, expected {}",
                    found.len(),
                    wanted.len()
                ));
            }
            let mut pairs = wanted.iter().zip(found).enumerate();
            pairs.try_for_each(|(n, (wanted, found))| {
                compare(wanted, found, names, &format!("{path}[{n}]"))
            })
        }
        _ if wanted == found => Ok(()),
        _ => Err(format!("{path}: {found}, expected {wanted}")),
    }
}
