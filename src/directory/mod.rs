//! LDAP directories: everything that knows LDAP is in here, and nothing that knows a wire.
//!
//! Layers, each of which uses only those before it:
//!
//! 1. [`names`]: values with a syntax.
//! 2. [`message`]: requests and responses, down to their bytes.
//! 3. [`diagnosis`]: what a response means.
//! 4. [`tls`]: whom to trust, and what went wrong with it.
//! 5. [`session`]: one connection, which many requests share.
//! 6. [`sasl`]: signing in by Kerberos.
//! 7. [`locate`]: which servers there are, and which are up.
//! 8. [`connect`]: from a server to a session.
//! 9. [`pool`]: sessions that are kept, and how often work is tried.
//! 10. [`account`] and [`groups`]: what a directory says about an account.
//! 11. [`Directory`], what there is to say about it in [`facts`], what is asked of it in [`backend`], and
//!     [`domain`], which answers that for an XMPP domain.
//! 12. [`inspect`]: what an administrator asks.
//!
//! Where what is dealt with:
//!
//! | what | where |
//! |---|---|
//! | a Kerberos ticket that is refused | `sasl/gssapi/context` asks for it; `diagnosis/kerberos` says what the refusal means |
//! | a certificate that is not trusted | `tls/rejection` |
//! | a result code, a message, the sub-code behind a refusal of Active Directory (`data 775`) | [`diagnosis`]: a file for each product, such as `active_directory` |
//! | an account that is locked, disabled or expired by its attributes | `account/state`: a file for each product |
//! | a group that users must be in | `groups/rule`, and a file for each method by which membership is found out |
//! | a server that is down, or takes requests and does not answer them | `locate/health` judges it and `pool/watch` probes it; `pool/attempts` and `pool/user_bind` say what becomes of the request |
//! | a bind that goes on when its request has ended | `pool/sent_bind` |
//! | what a server does not take | `session/peculiarities` |
//! | a service password that is refused | `pool/service_account` |

pub mod account;
pub mod backend;
pub mod connect;
pub mod diagnosis;
#[expect(clippy::module_inception, reason = "the directory is what the folder is about")]
mod directory;
pub mod domain;
pub mod facts;
pub mod groups;
pub mod inspect;
pub mod locate;
pub mod message;
pub mod names;
pub mod pool;
pub mod sasl;
pub mod session;
pub mod tls;

pub use self::directory::{Directory, DirectorySettings, WriterSettings};
