//! The kinds of values: what each looks like, how it is read, and how it is shown.

mod flag;
mod kind;
mod list;
mod number;
mod span;
mod table;
mod text;
mod user;

pub(super) use self::flag::Flag;
pub(super) use self::kind::{Or, ValueKind};
pub(super) use self::list::{List, OneOrMore};
pub(super) use self::number::{Count, Number};
pub(super) use self::span::{Span, Within};
pub(super) use self::table::{Subtable, Subtables};
pub(super) use self::text::{FilePath, Text, Word};
pub(super) use self::user::{UserName, Users};
