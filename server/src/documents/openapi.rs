//! One OpenAPI document of all public routes, from the documents of the services.

use utoipa::openapi::{Info, OpenApi};

/// All public routes.
pub fn openapi() -> OpenApi {
    let mut merged = OpenApi::default();
    for service in [command_api::openapi(), query_api::openapi(), auth_api::openapi()] {
        merged.merge(service);
    }
    let mut info = Info::new("Sarangbang", env!("CARGO_PKG_VERSION"));
    info.description = Some(
        "A chat whose every message is a durable event. Writes answer with `Read-Token`; give it to queries as `Read-After` \
         to read your own write. Events and the live feed: `/asyncapi.json`."
            .to_owned(),
    );
    merged.info = info;
    merged
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::*;

    fn json(document: &OpenApi) -> Value {
        serde_json::to_value(document).unwrap()
    }

    /// Merging goes by name: an operation or a schema that two services call alike would vanish without a word.
    #[test]
    fn no_operation_and_no_schema_is_lost_by_merging() {
        let merged = json(&openapi());
        let mut schemas: BTreeMap<String, Value> = BTreeMap::new();
        for service in [command_api::openapi(), query_api::openapi(), auth_api::openapi()] {
            let service = json(&service);
            for (path, operations) in service["paths"].as_object().unwrap() {
                for (method, operation) in operations.as_object().unwrap() {
                    assert_eq!(&merged["paths"][path][method], operation, "{method} {path}");
                }
            }
            for (name, schema) in service["components"]["schemas"].as_object().into_iter().flatten() {
                let other = schemas.insert(name.clone(), schema.clone());
                assert!(other.is_none_or(|other| other == *schema), "two services have different schemas called {name}");
            }
        }
        assert_eq!(merged["components"]["schemas"].as_object().unwrap().len(), schemas.len());
    }
}
