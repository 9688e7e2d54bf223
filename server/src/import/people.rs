//! Registers the people of an archive, many at once: nothing orders one person against another.

use std::sync::Arc;

use domain::CommandId;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::api::{Api, Fault};
use server::archive::lines::Refused;
use server::archive::plan::Person;

/// Why not everybody is registered.
#[derive(Debug, thiserror::Error)]
#[error("{nick}: {fault}")]
pub struct Stopped {
    nick: String,
    fault: Fault,
}

/// Registers `people` of `source`, at most `parallel` at once. Whose id belongs to somebody else is returned.
pub async fn register(
    api: &Arc<Api>,
    source: &str,
    people: impl Iterator<Item = Arc<Person>>,
    parallel: usize,
) -> Result<Vec<Refused>, Stopped> {
    let permits = Arc::new(Semaphore::new(parallel));
    let mut tasks = JoinSet::new();
    let mut taken = Vec::new();
    for person in people {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { break };
        let (api, source) = (Arc::clone(api), source.to_owned());
        tasks.spawn(async move {
            let registered = one(&api, &source, &person).await;
            drop(permit);
            registered.map_err(|fault| Stopped { nick: person.nick.clone(), fault })
        });
        while let Some(ended) = tasks.try_join_next() {
            collect(ended, &mut taken)?;
        }
    }
    while let Some(ended) = tasks.join_next().await {
        collect(ended, &mut taken)?;
    }
    Ok(taken)
}

type Ended = Result<Result<Option<Refused>, Stopped>, tokio::task::JoinError>;

fn collect(ended: Ended, taken: &mut Vec<Refused>) -> Result<(), Stopped> {
    // A task that was aborted has registered nobody, and the import is ending anyway.
    if let Ok(result) = ended {
        taken.extend(result?);
    }
    Ok(())
}

async fn one(api: &Api, source: &str, person: &Person) -> Result<Option<Refused>, Fault> {
    let id = CommandId::derived(&format!("import:{source}"), &format!("person:{}", person.nick));
    match api.register(id, &person.id, person.name.as_str(), person.since).await {
        Ok(()) => Ok(None),
        // After the window within which repeats are recognised: the id is ours if it was registered at the time that we state.
        Err(fault) if fault.is("user-exists") => {
            let ours = api.person(&person.id).await?.is_some_and(|found| found.registered_at == person.since);
            let reason = format!("the id {} belongs to somebody who was not imported from this source", person.id);
            Ok((!ours).then(|| Refused { line: format!("{source} person {:?}", person.nick), reason }))
        }
        Err(fault @ Fault::Refused { .. }) => {
            Ok(Some(Refused { line: format!("{source} person {:?}", person.nick), reason: fault.to_string() }))
        }
        Err(fault) => Err(fault),
    }
}
