//! What an operator runs: the files of this folder, and the few lines of code by which tests and `cargo xtask cluster` use them.
//!
//! | folder | what |
//! |---|---|
//! | `nginx/` | the gateway |
//! | `compose/` | everything on one machine, in containers |
//! | `k8s/` | everything on a Kubernetes cluster |
//! | `container/` | the image |
//! | `systemd/` | the services on machines without containers |
//! | `prometheus/`, `grafana/` | what is watched: alert rules, dashboards |
//!
//! # How to add a service
//!
//! 1. Give it a container in `compose/compose.yml`, and its objects in `k8s/base/`: `tests/it` checks both.
//! 2. Has it public routes? Then a location in `nginx/gateway.conf`, an upstream in all `upstreams.conf` and in [`gateway`].
//! 3. Add it to `xtask/src/cluster/`, and to `e2e::system::Cluster`.

pub mod gateway;
