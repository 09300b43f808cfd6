//! The JSON Schema of the report, made from the types themselves so that the two cannot differ.

use schemars::generate::SchemaSettings;

use super::model::Report;

/// The schema of `--format json` as indented JSON with a newline at the end.
///
/// Source: JSON Schema draft 2020-12.
pub fn text() -> String {
    let schema = SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<Report>();
    // A schema is a JSON value with string keys: it always has a text.
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::report::sample;

    fn validator() -> jsonschema::Validator {
        let schema: Value = serde_json::from_str(&text()).unwrap();
        jsonschema::validator_for(&schema).unwrap()
    }

    #[test]
    fn every_report_fits_it() {
        let validator = validator();
        for report in sample::all() {
            let value = serde_json::to_value(&report).unwrap();
            let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{errors:?}");
        }
    }

    #[test]
    fn what_breaks_the_contract_does_not_fit() {
        let validator = validator();
        let good = serde_json::to_value(sample::broken()).unwrap();
        assert!(validator.is_valid(&good));
        for (path, value) in [
            ("/ladders/0/verdict", Value::from("fine")),
            ("/ladders/0/steps/0/status", Value::Null),
            ("/ladders/0/steps/0/evidence/0/frame", Value::from(-1)),
            ("/coverage/legs", Value::Null),
            ("/findings/0/severity", Value::from("fatal")),
        ] {
            let mut bad = good.clone();
            *bad.pointer_mut(path).unwrap() = value;
            assert!(!validator.is_valid(&bad), "{path}");
        }
        let mut bad = good;
        bad["ladders"][0].as_object_mut().unwrap().remove("join");
        assert!(!validator.is_valid(&bad), "an unknown field is null, never absent");
    }

    #[test]
    fn every_field_says_what_it_is() {
        fn check(name: &str, schema: &Value) {
            for (field, of) in schema["properties"].as_object().into_iter().flatten() {
                assert!(of["description"].is_string(), "{name}.{field}");
            }
        }
        let schema: Value = serde_json::from_str(&text()).unwrap();
        check("report", &schema);
        for (name, of) in schema["$defs"].as_object().unwrap() {
            check(name, of);
        }
    }
}
