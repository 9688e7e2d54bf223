//! Takes away what is older than it may be, by whole indices: nothing is searched for and deleted one by one.

use domain::Timestamp;

use super::layout::Layout;
use crate::elasticsearch::{Client, Method};
use crate::search::Fault;

/// Deletes the indices whose whole period lies before `before`; says how many.
pub(super) async fn expire(client: &Client, layout: &Layout, before: Timestamp) -> Result<u64, Fault> {
    let list = client.must(Method::Get, &format!("/_cat/indices/{}?format=json&h=index", layout.all_chats()), None).await?;
    let names = list.as_array().into_iter().flatten().filter_map(|row| row.get("index")?.as_str());
    let over: Vec<String> =
        names.filter(|name| layout.end_of(name).is_some_and(|end| end <= before)).map(str::to_owned).collect();
    let mut gone = 0;
    for name in over {
        let answer = client.send(Method::Delete, &format!("/{name}"), None).await?;
        // 404: somebody else did it.
        if answer.status >= 400 && answer.status != 404 {
            return Err(Fault::Unavailable(format!("Elasticsearch answered {} when {name} was to be deleted", answer.status)));
        }
        gone += u64::from(answer.status < 400);
        tracing::info!(index = name, "an index was taken away because its messages are older than they may be");
    }
    Ok(gone)
}
