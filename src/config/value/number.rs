//! Numbers.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::ops::RangeInclusive;

use serde_json::{Value, json};
use toml::de::DeValue;

use super::kind::ValueKind;
use crate::config::keys::ValueForm;

/// A whole number within a range.
#[derive(Debug)]
pub struct Count<T>(RangeInclusive<usize>, PhantomData<fn() -> T>);

impl<T> Count<T> {
    /// A number of this range, every one of which is a `T`.
    pub const fn within(range: RangeInclusive<usize>) -> Self {
        Self(range, PhantomData)
    }
}

impl<T: TryFrom<usize> + serde::Serialize + Debug + Sync + 'static> ValueKind for Count<T> {
    type Parsed = T;

    fn form(&self) -> ValueForm {
        ValueForm::Count(*self.0.start(), *self.0.end())
    }

    fn read(&self, value: &DeValue<'_>) -> Result<T, String> {
        let number = value.as_integer();
        let number = number
            .and_then(|number| usize::from_str_radix(number.as_str(), number.radix()).ok())
            .filter(|number| self.0.contains(number));
        number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| {
            format!("write a whole number from {} to {}", self.0.start(), self.0.end())
        })
    }

    fn show(&self, value: &T) -> Value {
        json!(value)
    }
}

/// One of these numbers, each of which stands for something.
#[derive(Debug)]
pub struct Number<T: 'static>(pub &'static [(u16, T)]);

impl<T: Copy + PartialEq + Debug + Sync> ValueKind for Number<T> {
    type Parsed = T;

    fn form(&self) -> ValueForm {
        ValueForm::Number(self.0.iter().map(|(number, _)| *number).collect())
    }

    fn read(&self, value: &DeValue<'_>) -> Result<T, String> {
        let numbers = Count::<u16>::within(0..=usize::from(u16::MAX));
        let read = numbers.read(value).ok();
        let found = self.0.iter().find(|(number, _)| Some(*number) == read);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let numbers = self.0.iter().map(|(number, _)| number.to_string());
            format!("write {}", numbers.collect::<Vec<_>>().join(" or "))
        })
    }

    fn show(&self, value: &T) -> Value {
        json!(self.0.iter().find(|(_, known)| known == value).map(|(number, _)| number))
    }
}
