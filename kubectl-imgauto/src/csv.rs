//! Lists inside one flag: `a,"b,c"`, as Go's CSV reader splits them.

/// Why a list cannot be split.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CsvError {
    /// There is nothing but line ends.
    #[error("EOF")]
    Empty,
    /// A quote inside an item that does not start with one.
    #[error("{start}parse error on line {line}, column {column}: bare \" in non-quoted-field", start = started(*record_line, *line))]
    BareQuote {
        /// Line the list starts on, from 1.
        record_line: usize,
        /// Line, from 1.
        line: usize,
        /// Byte of the line, from 1.
        column: usize,
    },
    /// An item that starts with a quote does not end with one.
    #[error("{start}parse error on line {line}, column {column}: extraneous or missing \" in quoted-field", start = started(*record_line, *line))]
    Quote {
        /// Line the list starts on, from 1.
        record_line: usize,
        /// Line, from 1.
        line: usize,
        /// Byte of the line, from 1.
        column: usize,
    },
}

fn started(record_line: usize, line: usize) -> String {
    if record_line == line {
        String::new()
    } else {
        format!("record on line {record_line}; ")
    }
}

/// Splits `list` at its commas; of several lines only the first that is not empty counts.
pub(crate) fn split(list: &str) -> Result<Vec<String>, CsvError> {
    if list.is_empty() {
        return Ok(Vec::new());
    }
    let text = list.replace("\r\n", "\n");
    let start = text.len() - text.trim_start_matches('\n').len();
    let mut reader = Reader {
        rest: &text[start..],
        record_line: start + 1,
        line: start + 1,
        column: 1,
    };
    // A carriage return at the very end counts as part of a line end.
    if reader.rest.is_empty() || reader.rest == "\r" {
        return Err(CsvError::Empty);
    }
    reader.record()
}

struct Reader<'a> {
    rest: &'a str,
    record_line: usize,
    line: usize,
    column: usize,
}

impl Reader<'_> {
    fn record(&mut self) -> Result<Vec<String>, CsvError> {
        let mut items = Vec::new();
        loop {
            let item = if self.rest.starts_with('"') {
                self.quoted()?
            } else {
                self.bare()?
            };
            items.push(item);
            if !self.rest.starts_with(',') {
                return Ok(items);
            }
            self.skip(1);
        }
    }

    fn bare(&mut self) -> Result<String, CsvError> {
        let line = self.rest.split('\n').next().unwrap_or_default();
        let line = if line.len() == self.rest.len() {
            line.strip_suffix('\r').unwrap_or(line)
        } else {
            line
        };
        let item = line.split(',').next().unwrap_or_default();
        if let Some(quote) = item.find('"') {
            return Err(CsvError::BareQuote {
                record_line: self.record_line,
                line: self.line,
                column: self.column + quote,
            });
        }
        let item = item.to_owned();
        self.skip(item.len());
        Ok(item)
    }

    fn quoted(&mut self) -> Result<String, CsvError> {
        let mut item = String::new();
        self.skip(1);
        loop {
            let Some(end) = self.rest.find('"') else {
                return Err(self.unclosed());
            };
            item.push_str(&self.rest[..end]);
            self.pass(end);
            if self.rest.starts_with("\"\"") {
                item.push('"');
                self.skip(2);
                continue;
            }
            let after = self.rest[1..].chars().next();
            let ends = matches!(after, None | Some(',' | '\n')) || &self.rest[1..] == "\r";
            if !ends {
                return Err(self.misplaced(self.column));
            }
            self.skip(1);
            return Ok(item);
        }
    }

    fn unclosed(&mut self) -> CsvError {
        let rest = self.rest.strip_suffix('\r').unwrap_or(self.rest);
        match rest.strip_suffix('\n') {
            // The line after the last line end does not count.
            Some(lines) => {
                self.pass(lines.len());
                self.misplaced(self.column + 1)
            }
            None => {
                self.pass(rest.len());
                self.misplaced(self.column)
            }
        }
    }

    fn misplaced(&self, column: usize) -> CsvError {
        CsvError::Quote {
            record_line: self.record_line,
            line: self.line,
            column,
        }
    }

    /// Goes on by `bytes`, which hold no line end.
    fn skip(&mut self, bytes: usize) {
        self.rest = &self.rest[bytes..];
        self.column += bytes;
    }

    /// Goes on by `bytes`, counting lines.
    fn pass(&mut self, bytes: usize) {
        let passed = &self.rest[..bytes];
        match passed.rfind('\n') {
            Some(last) => {
                self.line += passed.matches('\n').count();
                self.column = bytes - last;
            }
            None => self.column += bytes,
        }
        self.rest = &self.rest[bytes..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_split_as_go_splits_them() {
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            ("a", &["a"]),
            ("a,b", &["a", "b"]),
            ("a,,", &["a", "", ""]),
            (" a , b ", &[" a ", " b "]),
            ("\"a,b\",c", &["a,b", "c"]),
            ("\"a\"\"b\"", &["a\"b"]),
            ("\"a\r\nb\"", &["a\nb"]),
            ("\n\na\nb", &["a"]),
            ("a\r", &["a"]),
            ("a\rb", &["a\rb"]),
            ("x\r\r\r\n,", &["x\r\r"]),
        ];
        for (list, want) in cases {
            assert_eq!(split(list).unwrap(), *want, "{list:?}");
        }
    }

    #[test]
    fn mistakes_are_told_as_go_tells_them() {
        let cases = [
            ("\n", "EOF"),
            ("\r", "EOF"),
            (
                "a\"b",
                "parse error on line 1, column 2: bare \" in non-quoted-field",
            ),
            (
                "\n\u{e9},\u{e9}\"",
                "parse error on line 2, column 6: bare \" in non-quoted-field",
            ),
            (
                "\"a",
                "parse error on line 1, column 3: extraneous or missing \" in quoted-field",
            ),
            (
                "\"a\"b",
                "parse error on line 1, column 3: extraneous or missing \" in quoted-field",
            ),
            (
                "\"\n\n",
                "record on line 1; parse error on line 2, column 2: extraneous or missing \" in quoted-field",
            ),
            (
                "\"\n\"\"\",x\"",
                "record on line 1; parse error on line 2, column 6: bare \" in non-quoted-field",
            ),
        ];
        for (list, want) in cases {
            assert_eq!(split(list).unwrap_err().to_string(), want, "{list:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn plain_items_come_back(items in proptest::collection::vec("[a-z=. ]{1,5}", 1..5)) {
            proptest::prop_assert_eq!(split(&items.join(",")).unwrap(), items);
        }

        #[test]
        fn no_list_makes_it_panic(list in "[a\u{e9},\"\r\n]{0,20}") {
            let _ = split(&list);
        }
    }
}
