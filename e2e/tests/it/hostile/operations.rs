//! The operations that the program says it has, read from its own OpenAPI document: so a new route is tested without being named.

use anyhow::{Context, Result};
use e2e::raw::RawRequest;
use serde_json::{Map, Value, json};

/// One method of one path.
#[derive(Debug, Clone)]
pub struct Operation {
    pub method: String,
    /// As in the document: `/chat/rooms/{roomId}`.
    pub path: String,
    pub parameters: Vec<Parameter>,
    pub body: Option<Body>,
}

/// A parameter of path, query or header.
#[derive(Debug, Clone)]
pub struct Parameter {
    pub name: String,
    pub place: String,
    schema: Value,
}

/// The body of an operation.
#[derive(Debug, Clone)]
pub struct Body {
    /// Name and schema of each property, references resolved.
    pub properties: Vec<(String, Value)>,
    /// The least that is taken.
    pub base: Map<String, Value>,
}

/// All of them, from the document at `url`.
pub async fn all(url: &str) -> Result<Vec<Operation>> {
    let document: Value = reqwest::get(format!("{url}/openapi.json")).await?.json().await?;
    let mut operations = Vec::new();
    for (path, methods) in document.get("paths").and_then(Value::as_object).context("no paths")? {
        for (method, operation) in methods.as_object().context("no methods")? {
            operations.push(read(&document, path, method, operation)?);
        }
    }
    Ok(operations)
}

fn read(document: &Value, path: &str, method: &str, operation: &Value) -> Result<Operation> {
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let mut parameters = Vec::new();
    for parameter in operation.get("parameters").and_then(Value::as_array).into_iter().flatten() {
        parameters.push(Parameter {
            name: text(parameter, "name").context("no name")?,
            place: text(parameter, "in").context("no place")?,
            schema: parameter.get("schema").cloned().unwrap_or_default(),
        });
    }
    let schema = operation.pointer("/requestBody/content/application~1json/schema");
    let body = schema.map(|schema| Body::of(document, &resolve(document, schema))).transpose()?;
    Ok(Operation { method: method.to_uppercase(), path: path.to_owned(), parameters, body })
}

/// Follows references, and takes the part of a `oneOf` that is not null.
fn resolve(document: &Value, schema: &Value) -> Value {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        return document.pointer(reference.trim_start_matches('#')).map_or(Value::Null, |found| resolve(document, found));
    }
    let choices = schema.get("oneOf").and_then(Value::as_array);
    let choice = choices.and_then(|all| all.iter().find(|one| one.get("type") != Some(&json!("null"))));
    match choice {
        Some(choice) => {
            let mut resolved = resolve(document, choice);
            if let Some(fields) = resolved.as_object_mut() {
                fields.insert("nullable".to_owned(), json!(true));
            }
            resolved
        }
        None => schema.clone(),
    }
}

impl Body {
    fn of(document: &Value, schema: &Value) -> Result<Self> {
        let properties = schema.get("properties").and_then(Value::as_object).context("a body that is no object")?;
        let properties: Vec<_> = properties.iter().map(|(name, schema)| (name.clone(), resolve(document, schema))).collect();
        let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
        let needed = properties.iter().filter(|(name, _)| required.contains(&json!(name)));
        let base = needed.map(|(name, schema)| (name.clone(), sample(schema))).collect();
        Ok(Self { properties, base })
    }
}

/// A value that the schema allows.
fn sample(schema: &Value) -> Value {
    match (schema.get("example"), schema.get("type").and_then(Value::as_str)) {
        (Some(example), _) => example.clone(),
        (None, Some("integer")) => json!(1),
        (None, Some("boolean")) => json!(true),
        (None, Some("array")) => json!([]),
        (None, Some("object")) => json!({}),
        _ => json!("x"),
    }
}

/// Whether a value is of a type that the schema allows. Where the schema says nothing about types, everything is.
pub fn is_allowed(schema: &Value, value: &Value) -> bool {
    if value.is_null() && schema.get("nullable").is_some() {
        return true;
    }
    let allowed: Vec<&str> = match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => return true,
    };
    // What has a default may be left out, and serde takes null for that only where the type says so.
    allowed.iter().any(|kind| match *kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    })
}

impl Parameter {
    /// Whether its form is so narrow that anything else must be refused for its form.
    pub fn is_strict(&self) -> bool {
        let is = |name: &str, value: &str| match self.schema.get(name) {
            Some(Value::String(one)) => one == value,
            Some(Value::Array(several)) => several.contains(&json!(value)),
            _ => false,
        };
        is("format", "uuid") || is("type", "integer")
    }
}

impl Operation {
    /// For messages of failures.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    pub fn parameters_in(&self, place: &str) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(move |parameter| parameter.place == place)
    }

    /// The path with `room` and otherwise harmless values, but `value` for the parameter `name`.
    pub fn target(&self, room: &str, name: &str, value: &str) -> String {
        let mut path = self.path.clone();
        for parameter in self.parameters_in("path") {
            let own = match parameter.name.as_str() {
                own if own == name => value,
                "roomId" => room,
                "userId" => "bob",
                "number" => "1",
                "emoji" => "%F0%9F%91%8D",
                _ => "x",
            };
            path = path.replace(&format!("{{{}}}", parameter.name), own);
        }
        path
    }

    /// A request that nothing is wrong with, but for what the caller changes.
    pub fn request(&self, room: &str, token: &str) -> RawRequest {
        self.request_to(&self.target(room, "", ""), token)
    }

    /// The same for another target.
    pub fn request_to(&self, target: &str, token: &str) -> RawRequest {
        let request = RawRequest::new(&self.method, target).header("authorization", format!("Bearer {token}"));
        match &self.body {
            Some(body) => request.header("content-type", "application/json").body(json!(body.base).to_string()),
            None => request,
        }
    }
}
