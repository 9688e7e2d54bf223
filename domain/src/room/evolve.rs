//! What an event changes. Both functions are total, and applying an event twice is the same as once.

use std::collections::BTreeSet;

use super::{Content, Event, Message, MessageFacts, Number, Room};
use crate::envelope::Version;
use crate::ids::UserId;

impl Room {
    /// Applies an event that made the stream's `version`. Takes as long as the event is, not as the room is.
    pub fn evolve(&mut self, event: &Event, version: Version) {
        self.version = version;
        match event {
            Event::Created(created) => {
                self.details = Some(created.details.clone());
                self.add(&created.members);
            }
            Event::Renamed(details)
            | Event::TopicSet(details)
            | Event::Archived(details)
            | Event::Closed(details)
            | Event::Reopened(details) => self.details = Some(details.clone()),
            Event::MembersAdded(added) => self.add(&added.members),
            Event::MemberJoined(member) | Event::RoleChanged(member) => self.add(std::slice::from_ref(member)),
            Event::MemberLeft(gone) | Event::MemberRemoved(gone) => {
                self.members.remove(&gone.user_id);
            }
            Event::MessageSent(sent) => self.last_number = sent.message.number,
            Event::MessageEdited(_) | Event::MessageDeleted(_) | Event::ReactionAdded(_) | Event::ReactionRemoved(_) => {}
        }
    }

    fn add(&mut self, members: &[super::Member]) {
        self.members.extend(members.iter().map(|member| (member.user_id.clone(), member.clone())));
    }
}

impl Message {
    /// The message after `event`, given it before; unchanged when the event is not about a message.
    #[must_use]
    pub fn evolve(before: Option<Self>, event: &Event) -> Option<Self> {
        match event {
            Event::MessageSent(sent) => Some(Self::of_facts(&sent.message, BTreeSet::new())),
            Event::MessageEdited(edited) => Some(Self::of_facts(&edited.message, reactions_of(before))),
            Event::MessageDeleted(deleted) => Some(Self {
                number: deleted.number,
                author: deleted.author.clone(),
                sent_at: deleted.sent_at,
                reply_to: deleted.reply_to,
                content: None,
            }),
            Event::ReactionAdded(reaction) => {
                let mut reactions = reactions_of(before);
                reactions.insert((reaction.emoji.clone(), reaction.user_id.clone()));
                Some(Self::of_facts(&reaction.message, reactions))
            }
            Event::ReactionRemoved(reaction) => {
                let mut reactions = reactions_of(before);
                reactions.remove(&(reaction.emoji.clone(), reaction.user_id.clone()));
                Some(Self::of_facts(&reaction.message, reactions))
            }
            Event::Created(_)
            | Event::Renamed(_)
            | Event::TopicSet(_)
            | Event::Archived(_)
            | Event::Closed(_)
            | Event::Reopened(_)
            | Event::MembersAdded(_)
            | Event::MemberJoined(_)
            | Event::MemberLeft(_)
            | Event::MemberRemoved(_)
            | Event::RoleChanged(_) => before,
        }
    }

    /// Events carry a message's facts in full, so that only the reactions are taken from before.
    fn of_facts(facts: &MessageFacts, reactions: BTreeSet<(crate::text::Emoji, UserId)>) -> Self {
        Self {
            number: facts.number,
            author: facts.author.clone(),
            sent_at: facts.sent_at,
            reply_to: facts.reply_to,
            content: Some(Content {
                text: facts.personal.text.clone(),
                mentions: facts.mentions.clone(),
                edited_at: facts.edited_at,
                reactions,
            }),
        }
    }
}

fn reactions_of(before: Option<Message>) -> BTreeSet<(crate::text::Emoji, UserId)> {
    before.and_then(|message| message.content).map(|content| content.reactions).unwrap_or_default()
}

impl Event {
    /// Whether the event is the first of its message.
    #[must_use]
    pub const fn is_message_sent(&self) -> bool {
        matches!(self, Self::MessageSent(_))
    }

    /// The message that the event is about, if any.
    #[must_use]
    pub const fn message_number(&self) -> Option<Number> {
        match self {
            Self::MessageSent(sent) => Some(sent.message.number),
            Self::MessageEdited(edited) => Some(edited.message.number),
            Self::MessageDeleted(deleted) => Some(deleted.number),
            Self::ReactionAdded(reaction) | Self::ReactionRemoved(reaction) => Some(reaction.message.number),
            Self::Created(_)
            | Self::Renamed(_)
            | Self::TopicSet(_)
            | Self::Archived(_)
            | Self::Closed(_)
            | Self::Reopened(_)
            | Self::MembersAdded(_)
            | Self::MemberJoined(_)
            | Self::MemberLeft(_)
            | Self::MemberRemoved(_)
            | Self::RoleChanged(_) => None,
        }
    }

    /// Whether the event changes the room's details (what it is, not who is in it or what was said).
    #[must_use]
    pub const fn changes_details(&self) -> bool {
        matches!(
            self,
            Self::Created(_) | Self::Renamed(_) | Self::TopicSet(_) | Self::Archived(_) | Self::Closed(_) | Self::Reopened(_)
        )
    }

    /// The people whose membership the event changes.
    #[must_use]
    pub fn members_touched(&self) -> Vec<&UserId> {
        match self {
            Self::Created(created) => created.members.iter().map(|member| &member.user_id).collect(),
            Self::MembersAdded(added) => added.members.iter().map(|member| &member.user_id).collect(),
            Self::MemberJoined(member) | Self::RoleChanged(member) => vec![&member.user_id],
            Self::MemberLeft(gone) | Self::MemberRemoved(gone) => vec![&gone.user_id],
            Self::Renamed(_)
            | Self::TopicSet(_)
            | Self::Archived(_)
            | Self::Closed(_)
            | Self::Reopened(_)
            | Self::MessageSent(_)
            | Self::MessageEdited(_)
            | Self::MessageDeleted(_)
            | Self::ReactionAdded(_)
            | Self::ReactionRemoved(_) => Vec::new(),
        }
    }
}
