//! Where two replay documents differ.

use serde_json::Value;

/// Tells where two documents differ; numbers may differ by `0.001` where they are percentages.
pub(crate) fn differences(path: &str, told: &Value, expected: &Value, found: &mut Vec<String>) {
    match (told, expected) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                let null = Value::String("missing".into());
                let (a, b) = (a.get(key).unwrap_or(&null), b.get(key).unwrap_or(&null));
                differences(&format!("{path}/{key}"), a, b, found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (k, (a, b)) in a.iter().zip(b).enumerate() {
                differences(&format!("{path}/{k}"), a, b, found);
            }
        }
        (Value::Number(a), Value::Number(b))
            if path.ends_with("_pct") && (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() <= 0.001 => {}
        _ if told != expected => found.push(format!("{path}: {told}, expected {expected}")),
        _ => {}
    }
}
