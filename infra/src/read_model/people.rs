//! People and how they stand to each other, as queries ask for them.

use domain::UserId;

use super::columns::{self, friendship_name};
use super::reads::{Argument, Reader, one_more, page};
use super::{CircleView, Fault, Friendship, Page, RelationView};

pub(super) async fn friends(
    reader: &impl Reader,
    user: &UserId,
    friendship: Option<Friendship>,
    after: Option<&UserId>,
    limit: u32,
) -> Result<Page<RelationView>, Fault> {
    let arguments = [
        Argument::Text(user.as_str()),
        Argument::Text(after.map_or("", UserId::as_str)),
        Argument::Text(friendship.map_or("", friendship_name)),
        one_more(limit),
    ];
    let rows = reader.rows((reader.statements().friends, &arguments)).await?;
    page(&rows, limit, columns::relation_view)
}

pub(super) async fn blocks(
    reader: &impl Reader,
    user: &UserId,
    after: Option<&UserId>,
    limit: u32,
) -> Result<Page<RelationView>, Fault> {
    let arguments = [Argument::Text(user.as_str()), Argument::Text(after.map_or("", UserId::as_str)), one_more(limit)];
    let rows = reader.rows((reader.statements().blocks, &arguments)).await?;
    page(&rows, limit, columns::relation_view)
}

pub(super) async fn circle(reader: &impl Reader, user: &UserId, friends_max: u32) -> Result<CircleView, Fault> {
    let who = Argument::Text(user.as_str());
    let statements = reader.statements();
    let [visibility, friends] = reader
        .snapshot([(statements.visibility, &[who]), (statements.circle, &[who, Argument::Integer(i64::from(friends_max))])])
        .await?;
    Ok(CircleView {
        presence_hidden: visibility.first().map_or(Ok(false), columns::presence_hidden)?,
        friends: friends.iter().map(columns::other_id).collect::<Result<_, _>>()?,
    })
}
