//! One OpenAPI document of all public routes, from the documents of the services.

use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::{Info, OpenApi, Ref, RefOr};

/// What every problem is, by its name in the documents of the services.
const PROBLEM: &str = "Problem";
/// The content type of problems.
const PROBLEM_JSON: &str = "application/problem+json";

/// All public routes.
pub fn openapi() -> OpenApi {
    let mut merged = OpenApi::default();
    for service in services() {
        merged.merge(service);
    }
    merged.paths.paths.values_mut().flat_map(operations).for_each(name_problems);
    let mut info = Info::new("Sarangbang", env!("CARGO_PKG_VERSION"));
    info.description = Some(
        "A chat whose every message is a durable event. Writes answer with `Read-Token`; give it to queries as `Read-After` \
         to read your own write. Events and the live feed: `/asyncapi.json`."
            .to_owned(),
    );
    merged.info = info;
    merged
}

fn services() -> [OpenApi; 4] {
    [command_api::openapi(), query_api::openapi(), auth_api::openapi(), orchestrator::http::openapi()]
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch].into_iter().flatten()
}

/// Each of some ten problems of a route spells out the same schema; its name says as much in a tenth of the document.
fn name_problems(operation: &mut Operation) {
    for response in operation.responses.responses.values_mut() {
        let RefOr::T(response) = response else { continue };
        if let Some(RefOr::T(content)) = response.content.get_mut(PROBLEM_JSON) {
            content.schema = Some(RefOr::Ref(Ref::from_schema_name(PROBLEM)));
        }
    }
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
        let mut operations = 0;
        for service in services() {
            let service = json(&service);
            for (path, methods) in service["paths"].as_object().unwrap() {
                for (method, operation) in methods.as_object().unwrap() {
                    for part in ["operationId", "parameters", "requestBody", "summary"] {
                        assert_eq!(merged["paths"][path][method][part], operation[part], "{method} {path}");
                    }
                    operations += 1;
                }
            }
            for (name, schema) in service["components"]["schemas"].as_object().into_iter().flatten() {
                let other = schemas.insert(name.clone(), schema.clone());
                assert!(other.is_none_or(|other| other == *schema), "two services have different schemas called {name}");
            }
        }
        assert!(schemas.contains_key(PROBLEM));
        assert_eq!(merged["components"]["schemas"].as_object().unwrap().len(), schemas.len());
        let found = merged["paths"].as_object().unwrap().values().map(|methods| methods.as_object().unwrap().len());
        assert_eq!(found.sum::<usize>(), operations);
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = json(&openapi());
        let mut all = vec![&document];
        let mut problems = 0;
        while let Some(value) = all.pop() {
            if let Some(to) = value.get("$ref").and_then(Value::as_str) {
                assert!(document.pointer(to.trim_start_matches('#')).is_some(), "{to}");
                problems += usize::from(to.ends_with("/Problem"));
            }
            all.extend(value.as_object().into_iter().flat_map(|object| object.values()));
            all.extend(value.as_array().into_iter().flatten());
        }
        assert!(problems > 100, "problems are named: {problems}");
    }
}
