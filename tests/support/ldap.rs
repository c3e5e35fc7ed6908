//! Scripted LDAP servers, and the domains that ask them, in the process of the test.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test binary uses its part")]

use std::sync::Arc;

use secrecy::SecretString;
use tokio::net::{TcpListener, TcpStream};
use xmpp_ldap_auth::config;
use xmpp_ldap_auth::deadline::Deadline;
use xmpp_ldap_auth::directory::Directory;
use xmpp_ldap_auth::directory::backend::Backend;
use xmpp_ldap_auth::directory::domain::{Domain, DomainMemory};
use xmpp_ldap_auth::directory::pool::refused_logins::RefusedLogins;
use xmpp_ldap_auth::jid::Account;
use xmpp_ldap_auth::policy::admission::PersonalWait;
use xmpp_ldap_auth::policy::guard::Permit;
use xmpp_ldap_auth::verdict::Outcome;

/// A free port of this machine.
pub async fn bind() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// Serves each connection in a task of its own; they are numbered from 0.
pub fn serve<S, F>(
    listener: TcpListener,
    server: &Arc<S>,
    serve: impl Fn(Arc<S>, usize, TcpStream) -> F + Send + 'static,
) where
    S: Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let server = Arc::clone(server);
    tokio::spawn(async move {
        for number in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(Arc::clone(&server), number, stream));
        }
    });
}

/// The domain `h` of this configuration.
pub fn domain(config: &str) -> Domain {
    domain_after(config, &Arc::default())
}

/// The same where these logins were refused before.
pub fn domain_after(config: &str, refused: &Arc<RefusedLogins>) -> Domain {
    let configuration = config::read(config, None, None).configuration.unwrap();
    let (settings, rules) = configuration.into_domain("h").unwrap();
    Domain::new(Directory::remembering(settings, refused).into(), rules, DomainMemory::default())
}

/// Signs a user of that domain in, whom no guard restrains.
pub async fn sign_in(domain: &Domain, user: &str, password: &str, by: Deadline) -> Outcome {
    sign_in_by(domain, user, password, &Permit::unguarded(), by).await
}

/// The same by a permit.
pub async fn sign_in_by(
    domain: &Domain,
    user: &str,
    password: &str,
    permit: &Permit,
    by: Deadline,
) -> Outcome {
    let account = Account::new(user, "h").unwrap();
    let found = match domain.find(&account, by).await {
        Ok(found) => found,
        Err(outcome) => return outcome,
    };
    if let Some(denial) = found.refusal() {
        return denial.clone();
    }
    domain.prove(&found, &SecretString::from(password), permit, &PersonalWait::default(), by).await
}
