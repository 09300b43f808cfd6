//! Templates: the body that a ticket system wants, made from a ticket.
//!
//! A template is in the language of Jinja; what it may name are the fields of the ticket. Into JSON every value goes
//! as JSON, quotes and all, whether the template asks for it with `tojson` or not: a display name cannot become a
//! field. A template is tried on a specimen before anything is sent, with everything known and with nothing known.

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};

use crate::error::{Error, Result};

/// What a body is where nothing else is said.
pub(super) const JSON: &str = "application/json";
/// A ticket with everything in it, hostile names too; a test keeps it like a real one.
const SPECIMEN: &str = include_str!("specimen.json");
/// How the first line says that the body is no JSON.
const CONTENT_TYPE: &str = "{# content-type:";

/// A template that gives what it should.
#[derive(Debug)]
pub struct Template {
    name: String,
    source: String,
    content_type: String,
    environment: Environment<'static>,
}

impl Template {
    /// Takes a template in; `name` is its file's.
    ///
    /// A first line that begins with, for example, `{# content-type: text/plain #}` says what the body is; without one it must be JSON.
    ///
    /// # Errors
    /// When it cannot be read, names something that is not there, or does not give JSON.
    pub fn new(name: &str, source: String) -> Result<Self> {
        let first = source.lines().next().unwrap_or_default();
        let said = first.strip_prefix(CONTENT_TYPE).and_then(|rest| rest.split_once("#}"));
        let content_type = said.map_or(JSON, |(kind, _)| kind.trim()).to_owned();
        if content_type.is_empty() || !content_type.bytes().all(|octet| (0x20..0x7f).contains(&octet)) {
            return Err(Error::new(format!("cannot use template {name:?}: its content type is none")));
        }
        let escape = match content_type.as_str() {
            json if is_json(json) => AutoEscape::Json,
            markup if markup.contains("html") || markup.contains("xml") => AutoEscape::Html,
            _ => AutoEscape::None,
        };
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(move |_| escape.clone());
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let template = Self { name: name.to_owned(), source, content_type, environment };
        for specimen in specimens()? {
            template.render(&specimen)?;
        }
        Ok(template)
    }

    /// What the body is.
    pub fn content_type(&self) -> &str {
        &self.content_type
    }

    /// The body for one ticket.
    ///
    /// # Errors
    /// When the template cannot be filled, or gives no JSON where it should.
    pub fn render(&self, ticket: &serde_json::Value) -> Result<String> {
        let fail = |why: &str| Error::new(format!("cannot use template {:?}: {why}", self.name));
        let body = self.environment.render_str(&self.source, Serde(ticket)).map_err(|error| fail(&reason(&error)))?;
        if is_json(&self.content_type) {
            serde_json::from_str::<serde::de::IgnoredAny>(&body).map_err(|error| {
                fail(&format!("what it gives is not JSON, {error}; or say what it is: {CONTENT_TYPE} text/plain #}}"))
            })?;
        }
        Ok(body)
    }
}

/// What is wrong, where, on one line.
fn reason(error: &minijinja::Error) -> String {
    let line = error.line().map_or_else(String::new, |line| format!("line {line}: "));
    let detail = error.detail().map_or_else(String::new, |detail| format!(": {detail}"));
    format!("{line}{}{detail}", error.kind())
}

fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == JSON || kind.ends_with("+json")
}

/// The specimen, and the same as it is for captures as a whole, of which little is known.
fn specimens() -> Result<[serde_json::Value; 2]> {
    let fail = |error: serde_json::Error| Error::new(format!("the specimen of a ticket is broken: {error}"));
    let whole: serde_json::Value = serde_json::from_str(SPECIMEN).map_err(fail)?;
    let mut bare = whole.clone();
    for name in ["ladder", "caller", "callee", "phone", "started_at", "cause", "host", "step"] {
        if let Some(field) = bare.get_mut(name) {
            *field = serde_json::Value::Null;
        }
    }
    for name in ["remedy", "diagnostics", "cause", "step", "ladder", "symptom_of"] {
        if let Some(field) = bare.get_mut("finding").and_then(|finding| finding.get_mut(name)) {
            *field = serde_json::Value::Null;
        }
    }
    if let Some(symptoms) = bare.get_mut("symptoms") {
        *symptoms = serde_json::Value::Array(Vec::new());
    }
    Ok([whole, bare])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(source: &str) -> String {
        Template::new("t.json", source.to_owned()).unwrap_err().to_string()
    }

    #[test]
    fn values_are_json_whether_asked_for_or_not() {
        let source = r#"{"a": {{ title }}, "b": {{ title | tojson }}, "c": {{ ("Lync: " ~ callee) | tojson }}}"#;
        let template = Template::new("t.json", source.to_owned()).unwrap();
        let hostile = "\",\"admin\":true,\"x\":\"</script>\n\u{1b}";
        let ticket = serde_json::json!({ "title": hostile, "callee": null });
        let body: serde_json::Value = serde_json::from_str(&template.render(&ticket).unwrap()).unwrap();
        assert_eq!((&body["a"], &body["b"]), (&hostile.into(), &hostile.into()));
        assert_eq!(body.as_object().unwrap().len(), 3);
    }

    #[test]
    fn what_gives_no_json_is_refused_before_anything_is_sent() {
        for (source, expected) in [
            ("A ticket: {{ title }}", "what it gives is not JSON, expected value at line 1 column 1"),
            (r#"{"a": "{{ title }}"}"#, "what it gives is not JSON"),
            (r#"{"a": {{ titel }}}"#, "line 1: undefined value"),
            ("{\n\"a\": {{ ladder.caller }}}", "line 2: "),
            (r#"{"a": {{ title }"#, "line 1: syntax error"),
            (r#"{"a": {{ title | shell }}}"#, "unknown filter"),
            ("", "what it gives is not JSON"),
            ("{# content-type: #}", "its content type is none"),
        ] {
            let error = error(source);
            assert!(error.starts_with("cannot use template \"t.json\": ") && error.contains(expected), "{error}");
            assert_eq!(error.lines().count(), 1);
        }
    }

    #[test]
    fn other_bodies_say_what_they_are() {
        let text = Template::new("t", "{# content-type: text/plain; charset=utf-8 #}\n{{ code }}".to_owned()).unwrap();
        assert_eq!(text.content_type(), "text/plain; charset=utf-8");
        assert_eq!(text.render(&serde_json::json!({ "code": "<LP105>" })).unwrap().trim(), "<LP105>");
        let html = Template::new("t", "{# content-type: text/html #}{{ code }}".to_owned()).unwrap();
        assert_eq!(html.render(&serde_json::json!({ "code": "<b>" })).unwrap(), "&lt;b&gt;");
        let json = Template::new("t", "{# content-type: application/vnd.x+json #}{{ code }}".to_owned()).unwrap();
        assert_eq!(json.render(&serde_json::json!({ "code": "<b>" })).unwrap(), "\"<b>\"");
    }
}
