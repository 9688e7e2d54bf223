//! The one table of problem codes: `docs/problems.md` is made from it, and every problem is built from it.

use std::fmt::Write as _;

/// One row: what a client may branch on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// The stable code; `urn:sarangbang:problem:<code>` is the problem's type.
    pub code: &'static str,
    /// The HTTP status that always comes with it.
    pub status: u16,
    /// A short summary, the same each time.
    pub title: &'static str,
    /// What it means and what to do about it.
    pub meaning: &'static str,
}

const fn row(code: &'static str, status: u16, title: &'static str, meaning: &'static str) -> Code {
    Code { code, status, title, meaning }
}

/// The table: technical problems first, then the refusals of the domain.
pub const CODES: &[Code] = &[
    row("body-malformed", 400, "Malformed body", "The body is not JSON in UTF-8, was cut off, or is nested too deeply."),
    row("path-invalid", 400, "Invalid path", "A parameter in the path is not of its form; `detail` names it."),
    row("query-invalid", 400, "Invalid query", "A parameter after `?` is unknown or not of its form; `detail` names it."),
    row("header-invalid", 400, "Invalid header", "A header such as `Idempotency-Key` or `Read-After` is not of its form."),
    row("token-missing", 401, "Not signed in", "No token came with the request: neither `Authorization: Bearer` nor the cookie."),
    row("token-invalid", 401, "Invalid token", "The token is not one of ours, or was changed. Sign in again."),
    row("token-expired", 401, "Expired token", "The token is over. Sign in again."),
    row("token-revoked", 401, "Ended session", "The session of the token was ended, or its person shut out. Sign in again."),
    row("sign-in-failed", 401, "Sign-in failed", "There is no such user, or the password is another one."),
    row("session-over", 401, "Session over", "The session has ended, or the refresh token was used before. Sign in again."),
    row("password-wrong", 403, "Wrong password", "The current password is another one."),
    row(
        "csrf-refused",
        403,
        "Cross-site request refused",
        "A request with the cookie must come from our own origin and, unless it only reads, carry `X-Sarangbang-Csrf: 1`.",
    ),
    row("not-allowed", 403, "Not allowed", "The token does not allow this."),
    row("session-not-found", 404, "No such session", "The caller has no such session any more."),
    row(
        "registration-not-found",
        404,
        "No such registration",
        "There is no such registration, or its end is more than a day ago.",
    ),
    row("account-not-found", 404, "No such account", "There is no account that this could be done to."),
    row("registration-refused", 409, "Registration refused", "The registration was ended. Register again."),
    row("route-not-found", 404, "No such route", "There is nothing under this path; see `/docs`."),
    row("search-off", 404, "No search here", "This system runs without a search index; see `search.kind` in the configuration."),
    row("method-not-allowed", 405, "Method not allowed", "The path exists, but not with this method; see `Allow`."),
    row("body-too-large", 413, "Body too large", "The body has more bytes than this route takes; `detail` says how many."),
    row("event-too-large", 413, "Event too large", "What the command would record has more bytes than the log takes."),
    row("media-type-unsupported", 415, "Unsupported media type", "The body must come as `Content-Type: application/json`."),
    row("value-invalid", 422, "Invalid value", "The body is JSON, but a value in it is not; `errors` points to it."),
    row(
        "idempotency-key-reused",
        422,
        "Idempotency key used before",
        "The key was used for another request. Use a new key for a new request.",
    ),
    row(
        "idempotency-key-too-old",
        422,
        "Idempotency key too old",
        "The key is older than the time within which repeats are recognised; nothing was done. Look whether it was done before, then use a new key.",
    ),
    row(
        "sign-in-delayed",
        429,
        "Too many attempts",
        "After failures one waits, by account and by address; `Retry-After` says how long.",
    ),
    row("rate-limited", 429, "Too many requests", "This person sends too many commands; wait as long as `Retry-After` says."),
    row("internal-error", 500, "Internal error", "A defect on our side; `traceId` finds it in the logs."),
    row("busy", 503, "Busy", "Too many commands are waiting; nothing was done. Try again after `Retry-After`."),
    row("overloaded", 503, "Overloaded", "Too many requests are in progress; nothing was done. Try again after `Retry-After`."),
    row(
        "timed-out",
        503,
        "Timed out",
        "The answer took too long. A command may or may not have been done: repeat it with the same idempotency key.",
    ),
    row(
        "no-owner",
        503,
        "No owner reachable",
        "Nobody can take this command now; nothing was done. Try again after `Retry-After`.",
    ),
    row(
        "outcome-unknown",
        503,
        "Outcome unknown",
        "It is not known whether the command was done. Repeat it with the same idempotency key to learn it.",
    ),
    row(
        "stream-unreadable",
        503,
        "Stream unreadable",
        "This room or person holds an event that this version cannot read; others go on. Somebody must act.",
    ),
    row(
        "log-unavailable",
        503,
        "Log unavailable",
        "The log cannot be reached now; nothing is known to be done. Try again after `Retry-After`.",
    ),
    row(
        "read-model-behind",
        503,
        "Read model behind",
        "The read model did not come as far as `Read-After` asks within 2 seconds. Try again.",
    ),
    row(
        "keys-unavailable",
        503,
        "Keys unavailable",
        "The keys that tokens are checked with cannot be fetched now. Try again after `Retry-After`.",
    ),
    row(
        "service-unavailable",
        503,
        "Service unavailable",
        "Another service of ours cannot be reached now. Try again after `Retry-After`.",
    ),
    // Refusals of the stream of two people (`domain::relation::Refusal`).
    row("person-not-found", 404, "No such person", "The person does not exist, or has left for good."),
    row("not-one-of-the-two", 403, "Not one of the two", "What is between two people is changed by these two alone."),
    row("blocked", 409, "Blocked", "One of the two has blocked the other. It is not said which."),
    // Refusals of rooms (`domain::room::Refusal`).
    row(
        "user-blocked",
        409,
        "Blocked",
        "Between the caller and people named, one has blocked the other, so that they are not brought together; `detail` names them.",
    ),
    row("not-direct", 409, "Not a direct room", "Only a direct room can be closed and reopened."),
    row("room-not-found", 404, "No such room", "There is no such room, or the caller may not know of it."),
    row("member-not-found", 404, "No such member", "The person is not a member of the room."),
    row("message-not-found", 404, "No such message", "The room has no message of this number."),
    row("not-a-member", 403, "Not a member", "Only members of the room may do that."),
    row("role-required", 403, "Role required", "Only moderators or owners may do that; `detail` says who."),
    row("not-the-author", 403, "Not the author", "The message is somebody else's."),
    row("room-exists", 409, "Room exists", "Somebody else made a room under this id."),
    row("room-archived", 409, "Room archived", "The room is archived: it can be read, and nothing changes in it any more."),
    row("room-closed", 409, "Room closed", "The direct room is closed, because one of the two has blocked the other."),
    row(
        "direct-room",
        409,
        "Direct room",
        "A direct room's people, roles, name and topic are fixed, and it cannot be left or archived.",
    ),
    row("room-full", 409, "Room full", "The room has as many members as it may."),
    row("last-owner", 409, "Last owner", "The last owner must make somebody else owner first, or archive the room."),
    row("message-deleted", 409, "Message deleted", "The message was deleted."),
    row("too-many-reactions", 409, "Too many reactions", "The message carries as many reactions as it may."),
    row("direct-needs-one-other", 422, "One other person", "A direct room is between the caller and exactly one other person."),
    row("direct-has-no-name", 422, "No name for a direct room", "A direct room has neither name nor topic."),
    row("name-required", 422, "Name required", "A public or private room needs a name."),
    row(
        "user-not-active",
        422,
        "Not registered",
        "People named in the request are not registered, or have left for good; `detail` names them.",
    ),
    row("too-many-added", 422, "Too many people", "One command may not add so many people."),
    row("cannot-remove-oneself", 422, "Leave instead", "To go yourself, leave the room."),
    row("reply-to-unknown", 422, "Unknown message", "The message replied to does not exist."),
    // Refusals of users (`domain::user::Refusal`).
    row("user-not-found", 404, "No such person", "Nobody is registered under this user id."),
    row("user-exists", 409, "User id taken", "The user id is taken, for ever."),
    row("user-deactivated", 409, "Left for good", "The person has left for good."),
    row("too-many-muted", 409, "Too many muted rooms", "As many rooms are muted as may be."),
    // What administrators are told about sagas (`orchestrator::http`).
    row("saga-not-found", 404, "No such saga", "There is no saga of this id, or it ended more than 30 days ago."),
    row("saga-busy", 409, "Saga busy", "The saga went on at this very moment; look at it again."),
    row(
        "saga-idle",
        409,
        "Nothing under way",
        "The saga is over, or waits for something to happen in the log: there is no step to try.",
    ),
    row(
        "saga-not-abortable",
        409,
        "Saga cannot be aborted",
        "It must go on to its end, or something that was tried may still turn out to have happened. It ends by itself once that is known.",
    ),
    // What operators are told on the internal listener (`projectors::http`).
    row("projection-not-found", 404, "No such read model", "There is no read model of this name."),
    row(
        "parked-event-not-found",
        404,
        "No such parked event",
        "No event of this id waits: it never was parked, or is dealt with.",
    ),
    row("rebuild-under-way", 409, "Rebuild under way", "A rebuild is under way already; one at a time."),
    row("no-rebuild", 409, "No rebuild", "Nothing is being built that could be paused, switched to or abandoned."),
    row("old-generation-kept", 409, "Old generation kept", "The generation that was live before is still kept; drop it first."),
    row("no-old-generation", 409, "No old generation", "No generation is kept that one could switch back to, or drop."),
    row(
        "generations-differ",
        409,
        "Generations differ",
        "The new generation differs from the live one: look at the comparison, then accept the differences or abandon it.",
    ),
    row(
        "rebuild-verifying",
        409,
        "Rebuild being verified",
        "While two generations are compared nothing may be changed in one of them; try again.",
    ),
    row(
        "event-still-refused",
        409,
        "Event still refused",
        "The event was tried again and still cannot be applied; `detail` says why.",
    ),
];

/// The row of `code`.
#[must_use]
pub fn find(code: &str) -> Option<&'static Code> {
    CODES.iter().find(|row| row.code == code)
}

/// The table as Markdown: the content of `docs/problems.md`.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::from(
        "# Problem codes\n\nMade from the code (`infra/src/http/codes.rs`); a test fails when it differs: `UPDATE_DOCS=1 cargo test -p infra problem_table` \
         writes it anew.\n\nErrors are RFC 9457 problem details (`application/problem+json`); `type` is `urn:sarangbang:problem:<code>`.\n\n\
         | code | status | title | meaning |\n|---|---|---|---|\n",
    );
    for Code { code, status, title, meaning } in CODES {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| `{code}` | {status} | {title} | {meaning} |");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problem_table_is_the_one_in_the_documentation() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/problems.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, markdown()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), markdown(), "run UPDATE_DOCS=1 cargo test -p infra problem_table");
    }

    #[test]
    fn every_refusal_has_its_row_with_its_status() {
        use domain::{Refusal, room, user};
        let users = Vec::new();
        let role = room::Role::Owner;
        let room = {
            use room::Refusal::*;
            [
                RoomNotFound,
                RoomExists,
                RoomArchived,
                RoomClosed,
                DirectRoom,
                DirectNeedsOneOther,
                DirectHasNoName,
                NameRequired,
                UserNotActive { users },
                TooManyAdded { users: 1 },
                RoomFull,
                NotAMember,
                RoleRequired { role },
                MemberNotFound,
                LastOwner,
                CannotRemoveOneself,
                MessageNotFound,
                MessageDeleted,
                NotTheAuthor,
                ReplyToUnknown,
                TooManyReactions,
            ]
        };
        let user = {
            use user::Refusal::*;
            [UserNotFound, UserExists, UserDeactivated, TooManyMuted]
        };
        let refusals = room.into_iter().map(Refusal::Room).chain(user.into_iter().map(Refusal::User));
        for refusal in refusals {
            let problem = super::super::Problem::refused(&refusal);
            let row = find(refusal.code()).unwrap_or_else(|| panic!("no row for {}", refusal.code()));
            assert_eq!(row.status, problem.status().as_u16(), "{}", row.code);
        }
    }

    #[test]
    fn codes_are_unique_and_errors() {
        let mut seen = std::collections::BTreeSet::new();
        for row in CODES {
            assert!(seen.insert(row.code), "{} twice", row.code);
            assert!((400..600).contains(&row.status), "{}", row.code);
            assert!(row.code.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", row.code);
        }
    }
}
