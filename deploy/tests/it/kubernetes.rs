//! The Kubernetes files: rendered by kustomize, decoded into the types of the API, and held to what they promise.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, PodTemplateSpec, Secret, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;
use serde_json::value::to_value;

use crate::files::{folder, text};
use crate::tools;

const OVERLAYS: &[&str] = &["small", "production", "production-keda"];
/// Of our own program.
const ROLES: &[&str] = &["auth-api", "command-api", "front", "orchestrator", "projectors", "query-api"];

/// All objects of a text of several YAML documents.
fn documents(text: &str) -> Vec<Value> {
    use serde::Deserialize as _;
    let all = serde_yaml_ng::Deserializer::from_str(text).map(|one| Value::deserialize(one).unwrap());
    all.filter(|one| !one.is_null()).collect()
}

fn rendered(overlay: &str) -> Vec<Value> {
    documents(&tools::run(&folder(), "kubectl", &["kustomize", &format!("k8s/overlays/{overlay}")]))
}

fn kind(object: &Value) -> &str {
    object.get("kind").and_then(Value::as_str).unwrap_or_default()
}

fn of_kind<T: serde::de::DeserializeOwned>(objects: &[Value], wanted: &str) -> Vec<T> {
    let found = objects.iter().filter(|object| kind(object) == wanted);
    found.map(|object| serde_json::from_value(object.clone()).unwrap()).collect()
}

/// Decodes an object into its type and back: a field that the type does not have would be lost.
fn through_its_type(object: &Value) -> Value {
    fn both<T: serde::Serialize + serde::de::DeserializeOwned>(object: &Value) -> Value {
        let decoded: T = serde_json::from_value(object.clone()).unwrap_or_else(|error| panic!("{error}: {object}"));
        to_value(decoded).unwrap()
    }
    match kind(object) {
        "ConfigMap" => both::<ConfigMap>(object),
        "Deployment" => both::<Deployment>(object),
        "HorizontalPodAutoscaler" => both::<HorizontalPodAutoscaler>(object),
        "Ingress" => both::<Ingress>(object),
        "Namespace" => both::<Namespace>(object),
        "NetworkPolicy" => both::<NetworkPolicy>(object),
        "PodDisruptionBudget" => both::<PodDisruptionBudget>(object),
        "Secret" => both::<Secret>(object),
        "Service" => both::<Service>(object),
        "ServiceAccount" => both::<ServiceAccount>(object),
        "StatefulSet" => both::<StatefulSet>(object),
        // An extension of the cluster, whose type is not part of Kubernetes.
        "ScaledObject" => object.clone(),
        other => panic!("no type for {other}"),
    }
}

/// Whether everything that `written` says is in `read`, too.
fn lost(written: &Value, read: &Value, path: &str, into: &mut Vec<String>) {
    match (written, read) {
        (Value::Object(fields), Value::Object(kept)) => {
            for (name, value) in fields {
                match kept.get(name) {
                    Some(kept) => lost(value, kept, &format!("{path}.{name}"), into),
                    // An empty object may be left out.
                    None if value.as_object().is_some_and(serde_json::Map::is_empty) => {}
                    None => into.push(format!("{path}.{name}")),
                }
            }
        }
        (Value::Array(items), Value::Array(kept)) if items.len() == kept.len() => {
            for (index, (item, kept)) in items.iter().zip(kept).enumerate() {
                lost(item, kept, &format!("{path}[{index}]"), into);
            }
        }
        // 8080 and "8080" are one port.
        (written, read) if written == read || written.to_string().trim_matches('"') == read.to_string().trim_matches('"') => {}
        (written, read) => into.push(format!("{path}: {written} became {read}")),
    }
}

/// A Deployment or a StatefulSet.
struct Workload {
    metadata: ObjectMeta,
    replicas: Option<i32>,
    template: PodTemplateSpec,
}

fn workloads(objects: &[Value]) -> BTreeMap<String, Workload> {
    let deployments = of_kind::<Deployment>(objects, "Deployment").into_iter().map(|one| {
        let spec = one.spec.unwrap();
        Workload { metadata: one.metadata, replicas: spec.replicas, template: spec.template }
    });
    let sets = of_kind::<StatefulSet>(objects, "StatefulSet").into_iter().map(|one| {
        let spec = one.spec.unwrap();
        Workload { metadata: one.metadata, replicas: spec.replicas, template: spec.template }
    });
    deployments.chain(sets).map(|one| (one.metadata.name.clone().unwrap(), one)).collect()
}

#[test]
fn every_object_is_of_its_type_to_the_last_field() {
    if !tools::have("kubectl", "kubectl") {
        return;
    }
    for overlay in OVERLAYS {
        for object in rendered(overlay) {
            let mut missing = Vec::new();
            lost(&object, &through_its_type(&object), kind(&object), &mut missing);
            assert!(missing.is_empty(), "{overlay}: {missing:?}");
        }
    }
}

/// Without kustomize, too: the files as they are.
#[test]
fn every_file_is_of_its_types() {
    let mut objects = 0;
    for part in ["base", "overlays/production", "components/keda"] {
        for entry in std::fs::read_dir(folder().join("k8s").join(part)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if !name.ends_with(".yaml") || name == "kustomization.yaml" {
                continue;
            }
            for object in documents(&text(&format!("k8s/{part}/{name}"))) {
                let mut missing = Vec::new();
                lost(&object, &through_its_type(&object), kind(&object), &mut missing);
                // What is written in plain text is kept as bytes.
                missing.retain(|path| !path.contains("stringData"));
                assert!(missing.is_empty(), "{part}/{name}: {missing:?}");
                objects += 1;
            }
        }
    }
    assert!(objects > 30, "only {objects} objects");
}

#[test]
fn a_field_that_is_no_field_is_found() {
    let object = serde_json::json!({ "kind": "Service", "spec": { "ports": [{ "port": 1, "targetPorts": 2 }] } });
    let mut missing = Vec::new();
    lost(&object, &through_its_type(&object), "Service", &mut missing);
    assert_eq!(missing, ["Service.spec.ports[0].targetPorts"]);
}

#[test]
fn every_pod_is_careful_bounded_and_watched() {
    if !tools::have("kubectl", "kubectl") {
        return;
    }
    let objects = rendered("production");
    let workloads = workloads(&objects);
    let expected: BTreeSet<&str> = ROLES.iter().copied().chain(["gateway"]).collect();
    assert_eq!(workloads.keys().map(String::as_str).collect::<BTreeSet<_>>(), expected);
    for (name, workload) in &workloads {
        let pod = workload.template.spec.as_ref().unwrap();
        let security = pod.security_context.as_ref().unwrap();
        assert_eq!(security.run_as_non_root, Some(true), "{name}");
        assert_eq!(security.seccomp_profile.as_ref().unwrap().type_, "RuntimeDefault", "{name}");
        assert_eq!(pod.automount_service_account_token, Some(false), "{name}");
        let affinity = pod.affinity.as_ref().and_then(|affinity| affinity.pod_anti_affinity.as_ref());
        assert!(affinity.is_some(), "{name} may stand on one machine with its like");
        let spread = pod.topology_spread_constraints.as_ref().unwrap();
        assert!(spread.iter().all(|one| one.when_unsatisfiable == "DoNotSchedule"), "{name} may stand in one zone");
        for container in pod.containers.iter().chain(pod.init_containers.iter().flatten()) {
            let security = container.security_context.as_ref().unwrap();
            assert_eq!(security.read_only_root_filesystem, Some(true), "{name}");
            assert_eq!(security.allow_privilege_escalation, Some(false), "{name}");
            assert_eq!(security.capabilities.as_ref().unwrap().drop.as_deref(), Some(&["ALL".to_owned()][..]), "{name}");
            let resources = container.resources.as_ref().unwrap();
            let requests = resources.requests.as_ref().unwrap();
            assert!(requests.contains_key("cpu") && requests.contains_key("memory"), "{name}");
            assert!(resources.limits.as_ref().unwrap().contains_key("memory"), "{name}");
        }
        for container in &pod.containers {
            assert!(container.readiness_probe.is_some() && container.liveness_probe.is_some(), "{name}");
        }
    }
    for budget in of_kind::<PodDisruptionBudget>(&objects, "PodDisruptionBudget") {
        assert!(workloads.contains_key(budget.metadata.name.as_deref().unwrap()));
    }
    assert_eq!(of_kind::<PodDisruptionBudget>(&objects, "PodDisruptionBudget").len(), workloads.len());
}

#[test]
fn roles_that_share_partitions_are_never_more_than_those() {
    if !tools::have("kubectl", "kubectl") {
        return;
    }
    for overlay in ["production", "production-keda"] {
        let objects = rendered(overlay);
        let settings =
            of_kind::<ConfigMap>(&objects, "ConfigMap").into_iter().find_map(|map| map.data?.remove("sarangbang.toml"));
        let settings = settings.unwrap();
        let partitions: i32 =
            settings.lines().find_map(|line| line.strip_prefix("event_partitions = ")).unwrap().parse().unwrap();
        let mut scaled: BTreeMap<String, (i32, i32)> = BTreeMap::new();
        for one in of_kind::<HorizontalPodAutoscaler>(&objects, "HorizontalPodAutoscaler") {
            let spec = one.spec.unwrap();
            scaled.insert(spec.scale_target_ref.name, (spec.min_replicas.unwrap(), spec.max_replicas));
        }
        for one in objects.iter().filter(|object| kind(object) == "ScaledObject") {
            let number = |name: &str| i32::try_from(one.pointer(&format!("/spec/{name}")).unwrap().as_i64().unwrap()).unwrap();
            let target = one.pointer("/spec/scaleTargetRef/name").unwrap().as_str().unwrap().to_owned();
            let before = scaled.insert(target.clone(), (number("minReplicaCount"), number("maxReplicaCount")));
            assert_eq!(before, None, "two scale {target}");
        }
        assert_eq!(
            scaled.keys().map(String::as_str).collect::<Vec<_>>(),
            ["command-api", "projectors", "query-api"],
            "{overlay}"
        );
        for (role, (min, max)) in &scaled {
            assert!(*min >= 2 && (role == "query-api" || *max <= partitions), "{overlay}: {role} {min} to {max}");
        }
        // What is scaled has no number of its own: each `apply` would set it back.
        let workloads = workloads(&objects);
        assert!(workloads.iter().all(|(name, one)| scaled.contains_key(name) == one.replicas.is_none()), "{overlay}");
    }
}

#[test]
fn services_lead_to_pods_and_policies_know_them() {
    if !tools::have("kubectl", "kubectl") {
        return;
    }
    let objects = rendered("production");
    let workloads = workloads(&objects);
    let upstreams = text("k8s/base/gateway/upstreams.conf");
    for service in of_kind::<Service>(&objects, "Service") {
        let name = service.metadata.name.unwrap();
        let spec = service.spec.unwrap();
        let labels = workloads.get(&name).unwrap().template.metadata.as_ref().unwrap().labels.clone().unwrap();
        assert!(spec.selector.unwrap().iter().all(|pair| labels.iter().any(|label| label == pair)), "{name}");
        if name != "gateway" {
            assert_eq!(spec.cluster_ip.as_deref(), Some("None"), "the gateway chooses a pod of {name} by itself");
        }
        let is_behind = !["gateway", "projectors"].contains(&name.as_str());
        assert_eq!(upstreams.contains(&format!("server {name}.sarangbang.svc")), is_behind, "{name}");
    }
    let policies = of_kind::<NetworkPolicy>(&objects, "NetworkPolicy");
    let all = policies.iter().find(|policy| policy.metadata.name.as_deref() == Some("nobody")).unwrap().spec.clone().unwrap();
    assert_eq!(all.pod_selector, k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector::default());
    assert!(all.ingress.is_none() && all.egress.is_none(), "nothing goes unless a policy says so");
    for role in ROLES {
        let named = policies.iter().filter(|policy| to_value(policy).unwrap().to_string().contains(role)).count();
        assert!(named > 0, "no policy knows {role}");
    }
    let ingress = of_kind::<Ingress>(&objects, "Ingress");
    let rules = to_value(&ingress).unwrap().to_string();
    assert!(rules.contains("\"gateway\"") && !rules.contains("8081"), "the ingress leads to the gateway alone: {rules}");
}
