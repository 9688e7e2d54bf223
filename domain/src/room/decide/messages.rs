//! What is said in a room. Nothing here looks at more than the actor, the people mentioned, and one message.

use super::{Decided, Place};
use crate::command::{Decision, Facts};
use crate::ids::UserId;
use crate::room::{
    Event, MENTION_CANDIDATES_MAX, MENTIONS_MAX, Message, MessageDeleted, MessageEdited, MessageFacts, MessagePersonal,
    MessageSent, Number, REACTIONS_MAX, Reaction, Refusal, Role,
};
use crate::text::{Emoji, MessageText};
use crate::time::Timestamp;

/// Whom a text may mention.
#[derive(Clone, Copy)]
pub(super) struct Candidates<'a> {
    pub(super) users: &'a [UserId],
    pub(super) facts: &'a Facts,
}

pub(super) fn send(
    place: &Place<'_>,
    text: &MessageText,
    reply_to: Option<Number>,
    candidates: Candidates<'_>,
    sent_at: Option<Timestamp>,
) -> Decided {
    let author = &place.member()?.user_id;
    place.open()?;
    // A reply to a message that was deleted meanwhile stands: numbers stay, and people write slower than others delete.
    if reply_to.is_some_and(|number| number == 0 || number > place.room.last_number) {
        return Err(Refusal::ReplyToUnknown);
    }
    let message = MessageFacts {
        number: place.room.last_number.saturating_add(1),
        author: author.clone(),
        sent_at: sent_at.unwrap_or(place.context.now),
        reply_to,
        mentions: mentions(place, author, candidates),
        edited_at: None,
        personal: MessagePersonal { text: text.clone() },
    };
    Ok(Decision::Event(Event::MessageSent(MessageSent { message })))
}

pub(super) fn edit(place: &Place<'_>, target: Option<&Message>, text: &MessageText, candidates: Candidates<'_>) -> Decided {
    let member = place.member()?;
    place.open()?;
    let message = target.ok_or(Refusal::MessageNotFound)?;
    if message.author != member.user_id {
        return Err(Refusal::NotTheAuthor);
    }
    let before = message.facts().ok_or(Refusal::MessageDeleted)?;
    if before.personal.text == *text {
        return Ok(Decision::AlreadySo);
    }
    let mentions = mentions(place, &message.author, candidates);
    let mentions_dropped = before.mentions.iter().filter(|user| !mentions.contains(user)).cloned().collect();
    let message =
        MessageFacts { mentions, edited_at: Some(place.context.now), personal: MessagePersonal { text: text.clone() }, ..before };
    Ok(Decision::Event(Event::MessageEdited(MessageEdited { message, mentions_dropped })))
}

/// The author or a moderator. Allowed in a closed room too: taking back one's words adds none.
pub(super) fn delete(place: &Place<'_>, target: Option<&Message>) -> Decided {
    let member = place.member()?;
    place.changeable()?;
    let message = target.ok_or(Refusal::MessageNotFound)?;
    if message.author != member.user_id && member.role < Role::Moderator {
        return Err(Refusal::NotTheAuthor);
    }
    if message.content.is_none() {
        return Ok(Decision::AlreadySo);
    }
    Ok(Decision::Event(Event::MessageDeleted(MessageDeleted {
        number: message.number,
        author: message.author.clone(),
        sent_at: message.sent_at,
        reply_to: message.reply_to,
        deleted_by: member.user_id.clone(),
        deleted_at: place.context.now,
    })))
}

pub(super) fn add_reaction(place: &Place<'_>, target: Option<&Message>, emoji: &Emoji) -> Decided {
    let member = place.member()?;
    place.open()?;
    let message = target.ok_or(Refusal::MessageNotFound)?;
    let content = message.content.as_ref().ok_or(Refusal::MessageDeleted)?;
    let facts = message.facts().ok_or(Refusal::MessageDeleted)?;
    let reaction = (emoji.clone(), member.user_id.clone());
    if content.reactions.contains(&reaction) {
        return Ok(Decision::AlreadySo);
    }
    if content.reactions.len() >= REACTIONS_MAX {
        return Err(Refusal::TooManyReactions);
    }
    let (emoji, user_id) = reaction;
    Ok(Decision::Event(Event::ReactionAdded(Reaction { message: facts, user_id, emoji })))
}

/// Allowed in a closed room too, as deleting is.
pub(super) fn remove_reaction(place: &Place<'_>, target: Option<&Message>, emoji: &Emoji) -> Decided {
    let member = place.member()?;
    place.changeable()?;
    let message = target.ok_or(Refusal::MessageNotFound)?;
    // A deleted message has lost its reactions, so there is nothing left to take back.
    let (Some(content), Some(facts)) = (&message.content, message.facts()) else { return Ok(Decision::AlreadySo) };
    let (emoji, user_id) = (emoji.clone(), member.user_id.clone());
    let reaction = (emoji, user_id);
    if !content.reactions.contains(&reaction) {
        return Ok(Decision::AlreadySo);
    }
    let (emoji, user_id) = reaction;
    Ok(Decision::Event(Event::ReactionRemoved(Reaction { message: facts, user_id, emoji })))
}

/// Those of the candidates who are members, each once, in their order, without the author and without those with whom the author
/// stands in a block: a blocked person's words call nobody. What is beyond [`MENTIONS_MAX`] stays
/// plain text: refusing a text for its many names would be worse.
fn mentions(place: &Place<'_>, author: &UserId, candidates: Candidates<'_>) -> Vec<UserId> {
    let mut mentions: Vec<UserId> = Vec::new();
    for user in candidates.users.iter().take(MENTION_CANDIDATES_MAX) {
        if mentions.len() == MENTIONS_MAX {
            break;
        }
        let may_be_called = user != author && !candidates.facts.blocked_users.contains(user);
        if may_be_called && place.room.members.contains_key(user) && !mentions.contains(user) {
            mentions.push(user.clone());
        }
    }
    mentions
}
