//! The JSON schema of a configuration, for editors (draft 2020-12).

use serde_json::{Map, Value, json};

use super::keys::top::TOP;
use super::keys::{AnyKey, ValueForm};

/// The schema of a whole configuration.
pub fn schema() -> Value {
    let mut schema = of_form(&ValueForm::Table(&TOP));
    let draft = "https://json-schema.org/draft/2020-12/schema";
    schema.insert("$schema".to_owned(), json!(draft));
    schema.insert("title".to_owned(), json!("The configuration of xmpp-ldap-auth"));
    Value::Object(schema)
}

fn of_key(key: &AnyKey) -> Value {
    let mut schema = of_form(&key.kind().form());
    schema.insert("description".to_owned(), json!(without_links(key.text)));
    schema.extend(key.kind().default().map(|default| ("default".to_owned(), default)));
    Value::Object(schema)
}

/// Of links in Markdown, the text: they lead from page to page of the manual.
fn without_links(text: &str) -> String {
    let mut links = text.split("](");
    let first = links.next().unwrap_or_default().to_owned();
    links.fold(first, |done, rest| {
        let (before, link) = done.rsplit_once('[').unwrap_or((&done, ""));
        let behind = rest.split_once(')').map_or("", |(_, behind)| behind);
        format!("{before}{link}{behind}")
    })
}

fn of_form(form: &ValueForm) -> Map<String, Value> {
    let keywords = match form {
        ValueForm::Flag => vec![("type", json!("boolean"))],
        ValueForm::Count(least, most) => {
            vec![("type", json!("integer")), ("minimum", json!(least)), ("maximum", json!(most))]
        }
        ValueForm::Number(numbers) => vec![("enum", json!(numbers))],
        ValueForm::Span => {
            vec![("type", json!("string")), ("pattern", json!("^ *([0-9]+ *[a-zA-Z]+ *)+$"))]
        }
        ValueForm::Text(_) => vec![("type", json!("string"))],
        ValueForm::Word(words) => vec![("enum", json!(words))],
        ValueForm::List(items) => vec![("type", json!("array")), ("items", json!(of_form(items)))],
        ValueForm::OneOrMore(item) => {
            let list = json!({ "type": "array", "items": of_form(item) });
            vec![("anyOf", json!([of_form(item), list]))]
        }
        ValueForm::Table(table) => {
            let properties = table.keys().map(|key| (key.name.to_owned(), of_key(key)));
            vec![
                ("type", json!("object")),
                ("additionalProperties", json!(false)),
                ("properties", properties.collect::<Map<_, _>>().into()),
            ]
        }
        ValueForm::Tables(table) => {
            let table = of_form(&ValueForm::Table(table));
            vec![("type", json!("object")), ("additionalProperties", json!(table))]
        }
    };
    keywords.into_iter().map(|(keyword, value)| (keyword.to_owned(), value)).collect()
}
