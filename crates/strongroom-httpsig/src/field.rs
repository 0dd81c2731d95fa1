//! Structured fields (RFC 9651) as their parser sees them: borrowed from the header, in order, nothing copied.

use std::borrow::Cow;
use std::convert::Infallible;

use sfv::visitor::{
    DictionaryVisitor, EntryVisitor, InnerListVisitor, ItemVisitor, ParameterVisitor,
};
use sfv::{BareItemFromInput, ItemSerializer, KeyRef, Parser};

use crate::fault::Fault;

/// Members of a dictionary, items of a list, and parameters of either. SECURITY: each is compared with all before it.
const MOST: usize = 64;

pub(crate) type Value<'a> = BareItemFromInput<'a>;

/// What stands behind semicolons; of two with one key the later counts, in the place of the first.
#[derive(Debug, Default)]
pub(crate) struct Parameters<'a> {
    pub each: Vec<(&'a KeyRef, Value<'a>)>,
    is_over: bool,
}

#[derive(Debug)]
pub(crate) struct Item<'a> {
    pub value: Value<'a>,
    pub parameters: Parameters<'a>,
}

impl Item<'_> {
    pub(crate) fn text(&self) -> Option<&str> {
        text(&self.value)
    }

    /// In the one form it has.
    pub(crate) fn written(&self) -> String {
        let own = self.parameters.each.iter();
        ItemSerializer::new()
            .bare_item(&self.value)
            .parameters(own.map(|(key, value)| (*key, value)))
            .finish()
    }
}

#[derive(Debug, Default)]
pub(crate) struct List<'a> {
    pub items: Vec<Item<'a>>,
    pub parameters: Parameters<'a>,
    is_over: bool,
}

#[derive(Debug)]
pub(crate) enum Member<'a> {
    Item(Item<'a>),
    List(List<'a>),
}

impl Member<'_> {
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Member::Item(Item {
                value: Value::ByteSequence(bytes),
                ..
            }) => Some(bytes),
            _ => None,
        }
    }

    fn is_over(&self) -> bool {
        match self {
            Member::Item(item) => item.parameters.is_over,
            Member::List(list) => {
                let of_items = list.items.iter().any(|item| item.parameters.is_over);
                list.is_over || list.parameters.is_over || of_items
            }
        }
    }
}

/// Labels and what they stand for; of two with one label the later counts.
#[derive(Debug, Default)]
pub(crate) struct Dictionary<'a> {
    pub members: Vec<(&'a KeyRef, Member<'a>)>,
    is_over: bool,
}

impl<'a> Dictionary<'a> {
    /// Reads the joined lines of a field.
    pub(crate) fn read(name: &'static str, line: &'a [u8]) -> Result<Dictionary<'a>, Fault> {
        let parsed = Parser::new(line).parse_dictionary_with_visitor(Dictionary::default());
        let read = parsed.map_err(|error| Fault::Malformed(name, error.index()))?;
        match read.is_over || read.members.iter().any(|(_, member)| member.is_over()) {
            true => Err(Fault::TooMany(name, MOST)),
            false => Ok(read),
        }
    }

    pub(crate) fn get(&self, label: &str) -> Option<&Member<'a>> {
        let mut own = self.members.iter();
        own.find_map(|(key, member)| (key.as_str() == label).then_some(member))
    }

    fn insert(&mut self, label: &'a KeyRef, member: Member<'a>) -> Option<&mut Member<'a>> {
        self.members.retain(|(own, _)| *own != label);
        self.is_over |= self.members.len() == MOST;
        if self.is_over {
            return None;
        }
        self.members.push((label, member));
        self.members.last_mut().map(|(_, member)| member)
    }
}

/// The lines of a field as one.
pub(crate) fn joined<'a>(lines: &[&'a [u8]]) -> Cow<'a, [u8]> {
    match lines {
        [line] => Cow::Borrowed(line),
        lines => Cow::Owned(lines.join(&b", "[..])),
    }
}

pub(crate) fn text<'v>(value: &'v Value<'_>) -> Option<&'v str> {
    match value {
        Value::String(text) => Some(text.as_str()),
        _ => None,
    }
}

impl<'a> ParameterVisitor<'a> for &mut Parameters<'a> {
    type Out = ();
    type Error = Infallible;

    fn parameter(&mut self, key: &'a KeyRef, value: Value<'a>) -> Result<(), Infallible> {
        if let Some((_, earlier)) = self.each.iter_mut().find(|(own, _)| *own == key) {
            *earlier = value;
        } else if self.each.len() < MOST {
            self.each.push((key, value));
        } else {
            self.is_over = true;
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl<'a> ItemVisitor<'a> for &mut List<'a> {
    type Out = Option<()>;
    type Error = Infallible;

    fn bare_item(
        self,
        value: Value<'a>,
    ) -> Result<impl ParameterVisitor<'a, Out = Option<()>>, Infallible> {
        self.is_over |= self.items.len() == MOST;
        if self.is_over {
            return Ok(None);
        }
        self.items.push(Item {
            value,
            parameters: Parameters::default(),
        });
        Ok(self.items.last_mut().map(|item| &mut item.parameters))
    }
}

impl<'a> InnerListVisitor<'a> for &mut List<'a> {
    type Error = Infallible;

    fn item(&mut self) -> Result<impl ItemVisitor<'a>, Infallible> {
        Ok(&mut **self)
    }

    fn finish(self) -> Result<impl ParameterVisitor<'a>, Infallible> {
        Ok(&mut self.parameters)
    }
}

/// A label whose member is about to be read.
struct Entry<'a, 'd> {
    fields: &'d mut Dictionary<'a>,
    label: &'a KeyRef,
}

impl<'a> ItemVisitor<'a> for Entry<'a, '_> {
    type Out = Option<()>;
    type Error = Infallible;

    fn bare_item(
        self,
        value: Value<'a>,
    ) -> Result<impl ParameterVisitor<'a, Out = Option<()>>, Infallible> {
        let item = Member::Item(Item {
            value,
            parameters: Parameters::default(),
        });
        Ok(match self.fields.insert(self.label, item) {
            Some(Member::Item(item)) => Some(&mut item.parameters),
            _ => None,
        })
    }
}

impl<'a> EntryVisitor<'a> for Entry<'a, '_> {
    type Error = Infallible;

    fn item(self) -> Result<impl ItemVisitor<'a>, Infallible> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'a>, Infallible> {
        let list = Member::List(List::default());
        Ok(match self.fields.insert(self.label, list) {
            Some(Member::List(list)) => Some(list),
            _ => None,
        })
    }
}

impl<'a> DictionaryVisitor<'a> for Dictionary<'a> {
    type Out = Dictionary<'a>;
    type Error = Infallible;

    fn entry(&mut self, label: &'a KeyRef) -> Result<impl EntryVisitor<'a>, Infallible> {
        Ok(Entry {
            fields: self,
            label,
        })
    }

    fn finish(self) -> Result<Dictionary<'a>, Infallible> {
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Vec<String>, Fault> {
        let read = Dictionary::read("Signature", line.as_bytes())?;
        let written = |(label, member): &(&KeyRef, Member<'_>)| match member {
            Member::Item(item) => format!("{label}={}", item.written()),
            Member::List(list) => {
                let items: Vec<_> = list.items.iter().map(Item::written).collect();
                let own = list.parameters.each.len();
                format!("{label}=({})+{own}", items.join(" "))
            }
        };
        Ok(read.members.iter().map(written).collect())
    }

    #[test]
    fn the_later_of_two_counts_in_the_place_of_the_first() {
        assert_eq!(read("a=1;x=1;y;x=2").unwrap(), ["a=1;x=2;y"]);
        assert_eq!(
            read("a=(\"b\" \"c\";d);e;f;e=1").unwrap(),
            ["a=(\"b\" \"c\";d)+2"]
        );
        assert_eq!(read("a=1;x, b=2, a=(3)").unwrap(), ["b=2", "a=(3)+0"]);
        assert_eq!(read("").unwrap(), [""; 0]);
    }

    #[test]
    fn more_than_can_be_compared_is_refused() {
        let many = |count: usize, each: fn(usize) -> String, between: &str| {
            (0..count).map(each).collect::<Vec<_>>().join(between)
        };
        let over = Err(Fault::TooMany("Signature", MOST));
        for (count, refused) in [(MOST, false), (MOST + 1, true)] {
            for line in [
                many(count, |n| format!("l{n}=1"), ", "),
                format!("a=1;{}", many(count, |n| format!("p{n}"), ";")),
                format!("a=({})", many(count, |n| format!("\"{n}\""), " ")),
                format!("a=();{}", many(count, |n| format!("p{n}"), ";")),
                format!("a=(b;{})", many(count, |n| format!("p{n}"), ";")),
            ] {
                assert_eq!(read(&line) == over, refused, "{line}");
            }
        }
    }
}
