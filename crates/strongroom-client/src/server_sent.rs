//! Reads server-sent events (the event stream format of the HTML standard) out of bytes that come in any pieces.
//!
//! A line, and the data of an event, are bounded: whatever the other end sends, no more than that is held.

/// The most bytes of a line and of an event's data; the largest event of the API is 102,400.
const MOST_BYTES: usize = 256 * 1_024;

/// What stood between two empty lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    pub id: Option<String>,
    pub event: String,
    /// Its lines; without any it is no event, but tells an id or nothing at all.
    pub data: Option<String>,
}

/// A line or an event is larger than any that the API has.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// Where the reading stands.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    line: Vec<u8>,
    message: Message,
}

impl Reader {
    /// Takes bytes in and gives the messages that they complete.
    pub fn read(&mut self, bytes: &[u8]) -> Result<Vec<Message>, TooLarge> {
        let mut messages = Vec::new();
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, behind) = rest.split_at(end);
            self.extend(line)?;
            rest = behind.get(1..).unwrap_or_default();
            let line = std::mem::take(&mut self.line);
            messages.extend(self.line(&line)?);
        }
        self.extend(rest)?;
        Ok(messages)
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), TooLarge> {
        if self.line.len().saturating_add(bytes.len()) > MOST_BYTES {
            return Err(TooLarge);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn line(&mut self, line: &[u8]) -> Result<Option<Message>, TooLarge> {
        let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
        if line.is_empty() {
            return Ok(Some(std::mem::take(&mut self.message)));
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" => self.message.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut self.message.event),
            "data" => self.data(value)?,
            // A comment, or a field that means nothing here.
            _ => {}
        }
        Ok(None)
    }

    fn data(&mut self, line: &str) -> Result<(), TooLarge> {
        let Some(data) = &mut self.message.data else {
            self.message.data = Some(line.to_owned());
            return Ok(());
        };
        if data.len().saturating_add(line.len()) >= MOST_BYTES {
            return Err(TooLarge);
        }
        data.push('\n');
        data.push_str(line);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: Option<&str>, event: &str, data: Option<&str>) -> Message {
        Message {
            id: id.map(str::to_owned),
            event: event.to_owned(),
            data: data.map(str::to_owned),
        }
    }

    const TEXT: &str = "retry: 1000\nid: evt_0\n\n:\n\nid: evt_1\nevent: a.b\ndata: {\"note\":\"Peña ₱\"}\n\n\
                        data:one\r\ndata: two\r\n\r\nid\nunknown: x\ndata\n\nid: evt_9";

    #[test]
    fn the_same_messages_however_the_bytes_are_cut() {
        let expected = [
            message(Some("evt_0"), "", None),
            message(None, "", None),
            message(Some("evt_1"), "a.b", Some("{\"note\":\"Peña ₱\"}")),
            message(None, "", Some("one\ntwo")),
            message(Some(""), "", Some("")),
        ];
        for size in 1..TEXT.len() {
            let mut reader = Reader::default();
            let pieces = TEXT.as_bytes().chunks(size);
            let read: Vec<Message> = pieces.flat_map(|p| reader.read(p).unwrap()).collect();
            assert_eq!(read, expected, "pieces of {size}");
        }
    }

    #[test]
    fn a_line_that_never_ends_is_given_up() {
        let mut reader = Reader::default();
        let piece = [b'x'; 1_024];
        let taken = (0..).take_while(|_| reader.read(&piece).is_ok()).count();
        assert_eq!(taken, MOST_BYTES / piece.len());
        assert!(reader.line.capacity() <= 2 * MOST_BYTES);
    }

    #[test]
    fn an_event_of_endless_lines_is_given_up() {
        let mut reader = Reader::default();
        let piece = format!("data: {}\n", "x".repeat(1_000));
        let taken = (0..).take_while(|_| reader.read(piece.as_bytes()).is_ok());
        assert!(taken.count() < MOST_BYTES / 1_000 + 1);
    }
}
