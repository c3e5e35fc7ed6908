//! What a Lua file assigns, without executing it: values that are written out are read, and any other
//! is unknown.

/// What is in a table within so many others is unknown: nobody writes that.
const DEEPEST: usize = 32;

/// A piece of Lua.
#[derive(Clone, Debug, PartialEq)]
enum Token {
    Name(String),
    Text(String),
    Number(f64),
    Sign(char),
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum LuaValue {
    /// A string.
    Text(String),
    /// A number.
    Number(f64),
    /// True or false.
    Flag(bool),
    /// The values of a table without keys.
    Table(Vec<LuaValue>),
    /// What only Lua can tell.
    Unknown,
}

/// Something that a file does at its top, with its line.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Statement {
    /// It gives a name a value.
    Assign(String, LuaValue),
    /// It calls a function with a value, as in `VirtualHost "example.com"`.
    Call(String, LuaValue),
}

/// What a file does, as far as that is written out. The error is the line where it is no Lua.
pub(super) fn read(source: &str) -> Result<Vec<(usize, Statement)>, usize> {
    let tokens = tokens(source)?;
    let mut reader = LuaReader { tokens: &tokens, at: 0, depth: 0 };
    let mut statements = Vec::new();
    // Within how many blocks: whether what stands there is done is for Lua to tell.
    let mut blocks = 0_usize;
    while let Some((token, line)) = reader.next() {
        match token {
            // A loop has its `do`.
            Token::Name(name) if ["if", "do", "function", "repeat"].contains(&&**name) => {
                blocks += 1
            }
            Token::Name(name) if ["end", "until"].contains(&&**name) => {
                blocks = blocks.saturating_sub(1);
            }
            Token::Sign('{' | '(' | '[') => {
                reader.at -= 1;
                reader.skip_group();
            }
            // What is local is no setting.
            Token::Name(name) if name == "local" => reader.skip_local(),
            Token::Name(name) => match reader.peek() {
                Some(Token::Sign('=')) if reader.peek_at(1) != Some(&Token::Sign('=')) => {
                    reader.at += 1;
                    let value = match reader.value() {
                        value if blocks == 0 => value,
                        _ => LuaValue::Unknown,
                    };
                    statements.push((line, Statement::Assign(name.clone(), value)));
                }
                Some(Token::Text(text)) => {
                    reader.at += 1;
                    let text = LuaValue::Text(text.clone());
                    statements.push((line, Statement::Call(name.clone(), text)));
                }
                Some(Token::Sign('(')) => {
                    let with = match (reader.peek_at(1), reader.peek_at(2)) {
                        (Some(Token::Text(text)), Some(Token::Sign(')'))) => {
                            LuaValue::Text(text.clone())
                        }
                        _ => LuaValue::Unknown,
                    };
                    statements.push((line, Statement::Call(name.clone(), with)));
                }
                _ => {}
            },
            _ => {}
        }
    }
    Ok(statements)
}

struct LuaReader<'a> {
    tokens: &'a [(Token, usize)],
    at: usize,
    /// Within how many tables.
    depth: usize,
}

impl<'a> LuaReader<'a> {
    fn next(&mut self) -> Option<(&'a Token, usize)> {
        let (token, line) = self.tokens.get(self.at)?;
        self.at += 1;
        Some((token, *line))
    }

    fn peek(&self) -> Option<&'a Token> {
        self.peek_at(0)
    }

    fn peek_at(&self, further: usize) -> Option<&'a Token> {
        self.tokens.get(self.at + further).map(|(token, _)| token)
    }

    /// Goes behind the bracket that closes the one that comes next.
    fn skip_group(&mut self) {
        let mut depth = 0_usize;
        while let Some((token, _)) = self.next() {
            match token {
                Token::Sign('{' | '(' | '[') => depth += 1,
                Token::Sign('}' | ')' | ']') => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// Goes behind the names of `local a, b = …`.
    fn skip_local(&mut self) {
        while let Some(Token::Name(_)) = self.peek() {
            self.at += 1;
            if self.peek() != Some(&Token::Sign(',')) {
                break;
            }
            self.at += 1;
        }
        if self.peek() == Some(&Token::Sign('=')) {
            self.at += 1;
        }
    }

    fn value(&mut self) -> LuaValue {
        let (value, tokens) = match self.peek() {
            Some(Token::Text(text)) => (LuaValue::Text(text.clone()), 1),
            Some(Token::Number(number)) => (LuaValue::Number(*number), 1),
            Some(Token::Name(name)) if name == "true" => (LuaValue::Flag(true), 1),
            Some(Token::Name(name)) if name == "false" => (LuaValue::Flag(false), 1),
            Some(Token::Sign('{')) => (self.table(), 0),
            Some(Token::Sign('-')) if matches!(self.peek_at(1), Some(Token::Number(_))) => {
                (LuaValue::Unknown, 2)
            }
            _ => return LuaValue::Unknown,
        };
        self.at += tokens;
        // More of an expression, such as a part of a text.
        match self.peek() {
            Some(Token::Sign('.' | '+' | '-' | '*' | '/' | '[' | '(' | ':' | '%')) => {
                LuaValue::Unknown
            }
            Some(Token::Name(name)) if ["and", "or"].contains(&name.as_str()) => LuaValue::Unknown,
            _ => value,
        }
    }

    /// A table, and goes behind it.
    fn table(&mut self) -> LuaValue {
        let start = self.at;
        self.skip_group();
        let end = self.at;
        if self.depth == DEEPEST {
            return LuaValue::Unknown;
        }
        let tokens = self.tokens.get(..end).unwrap_or_default();
        let mut inner = LuaReader { tokens, at: start + 1, depth: self.depth + 1 };
        let mut values = Vec::new();
        while inner.at + 1 < end {
            match (inner.peek(), inner.peek_at(1)) {
                (Some(Token::Sign(',' | ';')), _) => inner.at += 1,
                // With a key.
                (Some(Token::Name(_)), Some(Token::Sign('='))) => {
                    inner.at += 2;
                    inner.value();
                    inner.skip_to_comma();
                }
                (Some(Token::Sign('[')), _) => inner.skip_to_comma(),
                _ => {
                    values.push(inner.value());
                    inner.skip_to_comma();
                }
            }
        }
        LuaValue::Table(values)
    }

    /// Goes to the end of what stands before the next comma of this table.
    fn skip_to_comma(&mut self) {
        while let Some(token) = self.peek() {
            match token {
                Token::Sign(',' | ';' | '}') => return,
                Token::Sign('{' | '(' | '[') => self.skip_group(),
                _ => self.at += 1,
            }
        }
    }
}

fn tokens(source: &str) -> Result<Vec<(Token, usize)>, usize> {
    let mut tokens = Vec::new();
    let mut rest = source;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let start = rest;
        if let Some(comment) = rest.strip_prefix("--") {
            rest = match long_text(comment) {
                Some(Some((_, after))) => after,
                Some(None) => return Err(line),
                None => comment.find('\n').and_then(|end| comment.get(end..)).unwrap_or_default(),
            };
        } else if let Some(found) = long_text(rest) {
            let (text, after) = found.ok_or(line)?;
            tokens.push((Token::Text(text.to_owned()), line));
            rest = after;
        } else if matches!(first, '"' | '\'') {
            let (text, after) = short_text(rest, first).ok_or(line)?;
            tokens.push((Token::Text(text), line));
            rest = after;
        } else if first.is_whitespace() {
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        } else if first.is_alphanumeric() || first == '_' {
            let is_number = first.is_ascii_digit();
            let is_part = |c: char| c.is_alphanumeric() || c == '_' || (is_number && c == '.');
            let (word, after) = rest.split_at(rest.find(|c| !is_part(c)).unwrap_or(rest.len()));
            tokens.push((
                match word.parse() {
                    Ok(number) if is_number => Token::Number(number),
                    _ => Token::Name(word.to_owned()),
                },
                line,
            ));
            rest = after;
        } else {
            tokens.push((Token::Sign(first), line));
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
        let read = start.bytes().take(start.len() - rest.len());
        line += read.filter(|byte| *byte == b'\n').count();
    }
    Ok(tokens)
}

/// A text between `[[` and `]]`, or with as many `=` within both; `Some(None)` where it has no end.
fn long_text(source: &str) -> Option<Option<(&str, &str)>> {
    let inner = source.strip_prefix('[')?;
    let level = inner.find(|c| c != '=')?;
    let content = inner.get(level..)?.strip_prefix('[')?;
    let end = format!("]{}]", "=".repeat(level));
    Some(content.split_once(&end))
}

/// A text between these quotes, and what is behind it.
fn short_text(source: &str, quote: char) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut characters = source.char_indices().skip(1);
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => {
                let (end, character) = escape(source.get(at + 1..)?)?;
                text.extend(character);
                let end = at + 1 + end;
                while characters.clone().next().is_some_and(|(next, _)| next < end) {
                    characters.next();
                }
            }
            '\n' => return None,
            _ if c == quote => return Some((text, source.get(at + 1..)?)),
            _ => text.push(c),
        }
    }
    None
}

/// How long an escape behind its backslash is, and for what it stands.
fn escape(source: &str) -> Option<(usize, Option<char>)> {
    let first = source.chars().next()?;
    let number = |from: usize, most: usize, radix: u32| {
        let digits = source.get(from..)?.bytes().take(most);
        let end = from + digits.take_while(|it| char::from(*it).is_digit(radix)).count();
        let number = u32::from_str_radix(source.get(from..end)?, radix).ok()?;
        Some((end, Some(char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER))))
    };
    match first {
        'n' => Some((1, Some('\n'))),
        't' => Some((1, Some('\t'))),
        'x' => number(1, 2, 16),
        'u' => {
            let (end, character) = number(2, 8, 16)?;
            source.get(end..)?.starts_with('}').then_some((end + 1, character))
        }
        '0'..='9' => number(0, 3, 10),
        // The blanks behind it are left out.
        'z' => Some((source.len() - source.get(1..)?.trim_start().len(), None)),
        other => Some((other.len_utf8(), Some(other))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> LuaValue {
        LuaValue::Text(text.to_owned())
    }

    #[test]
    fn what_is_written_out_is_read_and_what_is_computed_is_unknown() {
        let source = r#"
            -- a = "comment"
            --[==[ b = 1
            ]] ]==]
            admins = { "a@b", 'c"d'; key = { 7, "x" }, [1] = "e", f(g) .. "h" }
            log = { { levels = { min = "info" }, to = "syslog" } }
            plugin_paths = "/a"; timeout = 2.5
            local auth, x = "no", { y = 1 }
            computed = "a" .. b
            called = getenv("HOME")
            if os then inner = true end
            for _, host in ipairs { "x" } do VirtualHost(host) end
            escaped = "\100\x65\u{66}\z
                       g"
            VirtualHost "one"
                authentication = [[long]]
            Component("two") ("muc")
            Include 'conf.d/*.lua'
        "#;
        let read: Vec<Statement> = read(source).unwrap().into_iter().map(|(_, it)| it).collect();
        let assign = |name: &str, value| Statement::Assign(name.to_owned(), value);
        let call = |name: &str, with: &str| Statement::Call(name.to_owned(), text(with));
        assert_eq!(
            read,
            [
                assign(
                    "admins",
                    LuaValue::Table(vec![text("a@b"), text("c\"d"), LuaValue::Unknown])
                ),
                assign("log", LuaValue::Table(vec![LuaValue::Table(Vec::new())])),
                assign("plugin_paths", text("/a")),
                assign("timeout", LuaValue::Number(2.5)),
                assign("computed", LuaValue::Unknown),
                assign("called", LuaValue::Unknown),
                call("getenv", "HOME"),
                assign("inner", LuaValue::Unknown),
                Statement::Call("VirtualHost".to_owned(), LuaValue::Unknown),
                assign("escaped", text("defg")),
                call("VirtualHost", "one"),
                assign("authentication", text("long")),
                call("Component", "two"),
                call("Include", "conf.d/*.lua"),
            ]
        );
    }

    #[test]
    fn tables_within_tables_without_end_are_read_quickly_and_not_far() {
        for source in ["{".repeat(20_000), "{".repeat(20_000) + &"}".repeat(20_000) + "\nb = 1"] {
            let last = read(&format!("a = {source}")).unwrap().pop();
            let is_expected = match last.unwrap() {
                (1, Statement::Assign(name, LuaValue::Table(_))) => name == "a",
                (2, Statement::Assign(name, value)) => {
                    name == "b" && value == LuaValue::Number(1.0)
                }
                _ => false,
            };
            assert!(is_expected);
        }
    }

    #[test]
    fn lines_are_told_and_a_text_without_an_end_is_no_lua() {
        assert_eq!(read("\n--[[\n]]\na = 1\n").unwrap()[0].0, 4);
        for broken in ["a = 1\nb = \"x\n", "\na = [[x", "\n--[[x"] {
            assert_eq!(read(broken), Err(2), "{broken}");
        }
    }
}
