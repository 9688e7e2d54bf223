//! Everybody who may come along, and every token that nobody may come along with.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Scope, Timestamp, UserId};
use infra::clock::{Clock, SystemClock};
use infra::tokens::{Grant, Signer};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

/// How somebody stands to the room that a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Signed in, and no member.
    Stranger,
    /// A member, who wrote the message.
    Member,
    /// A moderator.
    Moderator,
    /// The owner.
    Owner,
    /// A token with the scope `admin`, of somebody who is no member.
    Administrator,
    /// Another member with a good token of their own, who asks for what is the first member's.
    Another,
}

/// In the order of a row's cells.
pub const ROLES: [Role; 6] = [Role::Stranger, Role::Member, Role::Moderator, Role::Owner, Role::Administrator, Role::Another];

impl Role {
    /// Who plays it.
    pub const fn user(self) -> &'static str {
        match self {
            Self::Stranger => "eve",
            Self::Member => "mia",
            Self::Moderator => "mo",
            Self::Owner => "olga",
            Self::Administrator => "adam",
            Self::Another => "milo",
        }
    }
}

/// A name, the code of the refusal, and the token; none for somebody who brings none.
type BadToken = (&'static str, &'static str, fn(&Forge) -> Option<String>);

/// Every way not to be who one says one is.
pub const BAD_TOKENS: &[BadToken] = &[
    ("no token", "token-missing", |_| None),
    ("a token that is over", "token-expired", |forge| Some(forge.expired("olga"))),
    ("a token of somebody who left for good", "token-revoked", |forge| Some(forge.deactivated.clone())),
    ("a token for somebody else's ears", "token-invalid", |forge| {
        Some(forge.changed(|claims| claims["aud"] = json!("elsewhere")))
    }),
    ("a token of another issuer", "token-invalid", |forge| Some(forge.changed(|claims| claims["iss"] = json!("elsewhere")))),
    ("a token without an end", "token-invalid", |forge| {
        Some(forge.changed(|claims| {
            claims.as_object_mut().unwrap().remove("exp");
        }))
    }),
    ("alg none", "token-invalid", |forge| Some(forge.unsigned())),
    ("alg HS256 with the public key", "token-invalid", |forge| Some(forge.symmetric())),
    ("a key that is not ours", "token-invalid", |forge| Some(forge.foreign())),
    ("the signature of another's token", "token-invalid", |forge| Some(forge.spliced())),
    ("no token at all", "token-invalid", |_| Some("e30.e30".to_owned())),
];

/// Who is deactivated in the tests of bad tokens.
pub const DEACTIVATED: &str = "dora";

/// Makes tokens, good and bad.
pub struct Forge {
    pub seed: [u8; 32],
    pub signer: Signer,
    /// A token from before its person left for good.
    pub deactivated: String,
}

/// A clock that stands still, an hour ago.
struct AnHourAgo;

impl Clock for AnHourAgo {
    fn now(&self) -> Timestamp {
        SystemClock.now().saturating_add_millis(-3_600_000)
    }
}

pub const ISSUER: &str = "sarangbang";
const LONG: Duration = Duration::from_secs(1_200);

fn id(user: &str) -> UserId {
    UserId::parse(user).unwrap()
}

impl Forge {
    pub fn new() -> Self {
        let seed = infra::random::secret_bytes();
        let signer = Signer::of_seed(&seed, ISSUER, Arc::new(SystemClock)).unwrap();
        let deactivated = issue(&signer, &Grant::person(id(DEACTIVATED), LONG));
        Self { seed, signer, deactivated }
    }

    /// A good token, of no session; administrators by their name.
    pub fn good(&self, user: &str) -> String {
        let scope = Scope { admin: user == "adam", ..Scope::default() };
        issue(&self.signer, &Grant { user: id(user), scope, session: None, duration: LONG })
    }

    pub fn expired(&self, user: &str) -> String {
        let signer = Signer::of_seed(&self.seed, ISSUER, Arc::new(AnHourAgo)).unwrap();
        issue(&signer, &Grant::person(id(user), LONG))
    }

    /// A token of the owner, well signed, whose claims were changed before.
    pub fn changed(&self, change: impl FnOnce(&mut Value)) -> String {
        let good = self.good("olga");
        let mut claims = part(&good, 1);
        change(&mut claims);
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = part(&good, 0)["kid"].as_str().map(str::to_owned);
        // PKCS #8 of an Ed25519 seed (RFC 8410).
        let prefix = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
        let key = EncodingKey::from_ed_der(&[prefix.as_slice(), &self.seed].concat());
        jsonwebtoken::encode(&header, &claims, &key).unwrap()
    }

    fn unsigned(&self) -> String {
        let good = self.good("olga");
        let mut header = part(&good, 0);
        header["alg"] = json!("none");
        format!("{}.{}.", URL_SAFE_NO_PAD.encode(header.to_string()), good.split('.').nth(1).unwrap())
    }

    fn symmetric(&self) -> String {
        let good = self.good("olga");
        let mut header = Header::new(Algorithm::HS256);
        header.kid = part(&good, 0)["kid"].as_str().map(str::to_owned);
        let jwks = serde_json::to_value(self.signer.jwks()).unwrap();
        let public = URL_SAFE_NO_PAD.decode(jwks["keys"][0]["x"].as_str().unwrap()).unwrap();
        jsonwebtoken::encode(&header, &part(&good, 1), &EncodingKey::from_secret(&public)).unwrap()
    }

    fn foreign(&self) -> String {
        issue(&Signer::generate(ISSUER, Arc::new(SystemClock)).unwrap(), &Grant::person(id("olga"), LONG))
    }

    fn spliced(&self) -> String {
        let (owners, members) = (self.good("olga"), self.good("mia"));
        let (claims, _) = owners.rsplit_once('.').unwrap();
        let (_, signature) = members.rsplit_once('.').unwrap();
        format!("{claims}.{signature}")
    }
}

fn issue(signer: &Signer, grant: &Grant) -> String {
    signer.issue(grant).unwrap().token.0.to_string()
}

/// A part of a token, read.
fn part(token: &str, number: usize) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(number).unwrap()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}
