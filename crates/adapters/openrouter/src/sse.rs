//! Server-sent events, from bytes that are cut anywhere.

/// The longest line, and the most data of one event, in bytes.
pub(crate) const LINE_LIMIT: usize = 1024 * 1024;

/// A line or an event is longer than [`LINE_LIMIT`].
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("a line of the event stream is longer than {LINE_LIMIT} bytes")]
pub(crate) struct TooLong;

/// Puts events together. Only their data is kept: comments and the other fields are skipped.
#[derive(Debug, Default)]
pub(crate) struct SseParser {
    line: Vec<u8>,
    data: Option<Vec<u8>>,
    /// The last byte ended a line as CR, so a LF now belongs to it.
    after_cr: bool,
    /// The first line is behind us: only it can start with a byte order mark.
    begun: bool,
}

impl SseParser {
    /// Takes the next bytes; the data of each event they complete goes to `events`.
    pub(crate) fn push(&mut self, mut bytes: &[u8], events: &mut Vec<Vec<u8>>) -> Result<(), TooLong> {
        loop {
            if self.after_cr && !bytes.is_empty() {
                self.after_cr = false;
                bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
            }
            let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                return self.extend(bytes);
            };
            self.extend(&bytes[..end])?;
            self.after_cr = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            self.end_line(events)?;
        }
    }

    /// The event that was not closed by an empty line when the bytes ended.
    pub(crate) fn finish(mut self) -> Option<Vec<u8>> {
        let mut events = Vec::new();
        if !self.line.is_empty() && self.end_line(&mut events).is_err() {
            return None;
        }
        events.pop().or(self.data)
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        if self.line.len() + bytes.len() > LINE_LIMIT {
            return Err(TooLong);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self, events: &mut Vec<Vec<u8>>) -> Result<(), TooLong> {
        let mut line = self.line.as_slice();
        if !self.begun {
            self.begun = true;
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        if line.is_empty() {
            events.extend(self.data.take());
        } else {
            let value = match line.strip_prefix(b"data") {
                Some([]) => Some(&[][..]),
                Some([b':', value @ ..]) => Some(value.strip_prefix(b" ").unwrap_or(value)),
                Some(_) | None => None,
            };
            if let Some(value) = value {
                match &mut self.data {
                    None => self.data = Some(value.to_vec()),
                    Some(data) if data.len() + 1 + value.len() > LINE_LIMIT => return Err(TooLong),
                    Some(data) => {
                        data.push(b'\n');
                        data.extend_from_slice(value);
                    }
                }
            }
        }
        self.line.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
        let (mut parser, mut events) = (SseParser::default(), Vec::new());
        for piece in pieces {
            parser.push(piece, &mut events).unwrap();
        }
        events.extend(parser.finish());
        events.into_iter().map(|event| String::from_utf8(event).unwrap()).collect()
    }

    #[test]
    fn every_cut_gives_the_same_events() {
        let text = "\u{feff}: comment\r\n\r\ndata: {\"a\":\"ção 日本 😀\"}\n\nevent: x\nid: 7\ndata:two\r\ndata: lines\r\n\r\n:\rdata\r\rdata: [DONE]\n\n";
        let expected = ["{\"a\":\"ção 日本 😀\"}", "two\nlines", "", "[DONE]"];
        let bytes = text.as_bytes();
        assert_eq!(parse([bytes]), expected);
        for size in 1..bytes.len() {
            assert_eq!(parse(bytes.chunks(size)), expected, "pieces of {size}");
        }
        for cut in 0..bytes.len() {
            assert_eq!(parse([&bytes[..cut], &[], &bytes[cut..]]), expected, "cut at {cut}");
        }
    }

    #[test]
    fn only_one_space_and_only_data_counts() {
        assert_eq!(parse([&b"data:  two\n\n"[..]]), [" two"]);
        assert_eq!(parse([&b"dataset: no\n data: no\nretry: 3\n\n\n\n"[..]]), Vec::<String>::new());
    }

    #[test]
    fn the_last_event_needs_no_empty_line() {
        assert_eq!(parse([&b"data: a\n\ndata: [DONE]"[..]]), ["a", "[DONE]"]);
        assert_eq!(parse([&b"data: a\n\ndata: b\n"[..]]), ["a", "b"]);
    }

    #[test]
    fn lines_and_events_have_a_limit() {
        let mut parser = SseParser::default();
        let part = vec![b'a'; LINE_LIMIT / 2];
        assert_eq!(parser.push(&part, &mut Vec::new()), Ok(()));
        assert_eq!(parser.push(&part, &mut Vec::new()), Ok(()));
        assert_eq!(parser.push(b"a", &mut Vec::new()), Err(TooLong));

        let (mut parser, mut line) = (SseParser::default(), b"data:".to_vec());
        line.extend(&part);
        line.push(b'\n');
        assert_eq!(parser.push(&line, &mut Vec::new()), Ok(()));
        assert_eq!(parser.push(&line, &mut Vec::new()), Err(TooLong));
    }
}
