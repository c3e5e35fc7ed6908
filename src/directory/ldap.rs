//! An LDAP directory: finds the one entry of a user, and proves a password by binding as it.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use tokio::time::error::Elapsed;

use super::Directory;
use super::connection::{Connector, Depth, Found, Lost, Query};
use super::diagnosis;
use super::pool::{Identity, Limits, ServicePool, Share, UserPool, lost_connection, no_server};
use super::template::{DnTemplate, FilterTemplate, NameTemplate};
use crate::deadline::Deadline;
use crate::observe::{Alarm, step};
use crate::request::Account;
use crate::verdict::{Denial, Outage, Outcome, Verdict};

/// How often connections whose time is over are looked for.
const REAP_EVERY: Duration = Duration::from_secs(15);

/// How a user's entry is found.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// By a search below a base.
    Search {
        /// The base DN.
        base: String,
        /// The filter, which must match one entry.
        filter: FilterTemplate,
    },
    /// Not at all: the name to bind with is made from the user's.
    Name(NameTemplate),
}

/// Everything that the configuration says about one directory.
#[derive(Debug)]
pub struct Settings {
    /// Its name in the configuration, for logs.
    pub name: String,
    /// How to reach it.
    pub connector: Connector,
    /// As whom to search; without it, only binds by name are possible.
    pub identity: Option<Identity>,
    /// How a user's entry is found.
    pub lookup: Lookup,
    /// Whether passwords are set, by the password modify operation (RFC 3062).
    pub set_password: bool,
    /// The limits of its connections.
    pub limits: Limits,
}

impl Settings {
    /// The effective values by their keys, without secrets.
    pub fn describe(&self) -> Vec<(&'static str, String)> {
        let mut lines = vec![("servers", self.connector.servers.to_string())];
        if self.connector.start_tls {
            lines.push(("start_tls", "true".to_owned()));
        }
        match &self.lookup {
            Lookup::Search { base, filter } => {
                lines.extend([("base", base.clone()), ("user_filter", filter.to_string())]);
            }
            Lookup::Name(name) => lines.push(("user_dn", name.to_string())),
        }
        lines.push(match &self.identity {
            Some(Identity::Simple { name, .. }) => ("bind_dn", name.clone()),
            Some(Identity::External) => ("sasl", "external".to_owned()),
            Some(Identity::Anonymous) => ("anonymous", "true".to_owned()),
            None => ("bind_dn", "none".to_owned()),
        });
        lines.extend([
            ("set_password", if self.set_password { "exop" } else { "off" }.to_owned()),
            ("connect_within", format!("{:?}", self.connector.connect_within)),
            (
                "pool",
                format!(
                    "{} binds at once, idle {:?}, lifetime {:?}",
                    self.limits.size, self.limits.idle, self.limits.lifetime
                ),
            ),
        ]);
        lines
    }
}

/// One configured directory, with its connections.
#[derive(Debug)]
pub struct LdapDirectory {
    lookup: Lookup,
    set_password: bool,
    service: Option<ServicePool>,
    users: UserPool,
    alarm: Alarm,
}

impl LdapDirectory {
    /// A directory that is not connected to yet.
    pub fn new(settings: Settings) -> Self {
        let connector = Arc::new(settings.connector);
        Self {
            lookup: settings.lookup,
            set_password: settings.set_password,
            service: settings.identity.map(|identity| {
                ServicePool::new(Arc::clone(&connector), identity, settings.limits)
            }),
            users: UserPool::new(connector, settings.limits),
            alarm: Alarm::new(settings.name),
        }
    }

    /// Closes connections whose time is over, for as long as it is polled.
    pub async fn maintain(&self) {
        loop {
            tokio::time::sleep(REAP_EVERY).await;
            self.users.reap();
            if let Some(service) = &self.service {
                service.reap().await;
            }
        }
    }

    /// How many connections for user binds are open.
    pub fn open_connections(&self) -> usize {
        self.users.open()
    }

    fn service(&self) -> Result<&ServicePool, Outcome> {
        self.service.as_ref().ok_or_else(|| Outage::Unanswerable.into())
    }

    /// The name of the one entry of an account, as the server wrote it.
    async fn entry_of(
        &self,
        account: &Account,
        by: Deadline,
    ) -> Result<(String, Outcome), Outcome> {
        match &self.lookup {
            Lookup::Search { base, filter } => {
                self.find(base, Depth::Subtree, &filter.fill(account), by).await
            }
            Lookup::Name(NameTemplate::Dn(dn)) => self.read(dn, account, by).await,
            Lookup::Name(NameTemplate::Plain(_)) => Err(Outage::Unanswerable.into()),
        }
    }

    async fn read(
        &self,
        dn: &DnTemplate,
        account: &Account,
        by: Deadline,
    ) -> Result<(String, Outcome), Outcome> {
        self.find(&dn.fill(account), Depth::Base, "(objectClass=*)", by).await
    }

    /// Searches for exactly one entry. A connection that died since it was last used does not
    /// count: a search may be repeated.
    async fn find(
        &self,
        base: &str,
        depth: Depth,
        filter: &str,
        by: Deadline,
    ) -> Result<(String, Outcome), Outcome> {
        let service = self.service()?;
        let share = service.share().await?;
        let first = search(&share, base, depth, filter, by).await;
        let (share, found) = match first {
            Ok(found) => (share, found),
            Err(lost) => {
                service.retire(&share.connection).await;
                if !share.reused {
                    return Err(lost_connection(&share.connection, &lost));
                }
                let share = service.share().await?;
                match search(&share, base, depth, filter, by).await {
                    Ok(found) => (share, found),
                    Err(lost) => {
                        service.retire(&share.connection).await;
                        return Err(lost_connection(&share.connection, &lost));
                    }
                }
            }
        };
        exactly_one(found, depth, &share)
    }

    /// Binds as the user. If a connection died since it was last used, nobody has judged the
    /// password on it: that is tried once more, on a fresh one.
    async fn prove(&self, name: &str, password: &SecretString) -> Outcome {
        let mut may_repeat = true;
        loop {
            let lease = match self.users.lease().await {
                Ok(lease) => lease,
                Err(unreachable) => return no_server(&unreachable),
            };
            let server = Arc::clone(lease.server());
            let started = Instant::now();
            match lease.bind(name, password).await {
                Ok(answer) => {
                    step(
                        "bind as the user",
                        &server,
                        started,
                        &format!("result code {}", answer.code),
                    );
                    lease.put_back();
                    return Outcome::from(diagnosis::of_bind(answer.code))
                        .from_server(&server)
                        .with_detail(&answer.text);
                }
                Err(lost) => {
                    step("bind as the user", &server, started, &lost.to_string());
                    if !(may_repeat && lease.is_reused()) {
                        return Outcome::from(Outage::LostConnection)
                            .from_server(&server)
                            .with_detail(&lost.to_string());
                    }
                    may_repeat = false;
                    // Whatever ended this connection has probably ended the others that were idle.
                    self.users.purge();
                }
            }
        }
    }

    async fn try_authenticate(
        &self,
        account: &Account,
        password: &SecretString,
        by: Deadline,
    ) -> Result<Outcome, Outcome> {
        let name = match &self.lookup {
            Lookup::Name(name) => name.fill(account).ok_or(Denial::UnknownUser)?,
            Lookup::Search { .. } => self.entry_of(account, by).await?.0,
        };
        Ok(self.prove(&name, password).await)
    }

    async fn try_exists(&self, account: &Account, by: Deadline) -> Result<Outcome, Outcome> {
        let (_, outcome) = self.entry_of(account, by).await?;
        Ok(outcome)
    }

    /// Sets a password on a connection of its own: this may not be repeated, so it must not start
    /// on one that could have died.
    async fn try_set_password(
        &self,
        account: &Account,
        password: &SecretString,
        by: Deadline,
    ) -> Result<Outcome, Outcome> {
        if !self.set_password {
            return Err(Denial::PasswordChangeOff.into());
        }
        let (dn, _) = self.entry_of(account, by).await?;
        let connection = self.service()?.open().await?;
        let started = Instant::now();
        let answer = connection
            .modify_password(&dn, password.expose_secret())
            .await
            .map_err(|lost| lost_connection(&connection, &lost))?;
        step(
            "password modify",
            &connection.server,
            started,
            &format!("result code {}", answer.code),
        );
        Ok(Outcome::from(diagnosis::of_password_change(answer.code))
            .from_server(&connection.server)
            .with_detail(&answer.text))
    }

    /// The outcome of work that was bound by the deadline; tells the operator of an outage.
    fn conclude(&self, result: Result<Result<Outcome, Outcome>, Elapsed>) -> Outcome {
        let outcome = match result {
            Ok(Ok(outcome) | Err(outcome)) => outcome,
            Err(elapsed) => elapsed.into(),
        };
        self.alarm.hear(&outcome);
        outcome
    }
}

impl Directory for LdapDirectory {
    async fn authenticate(
        &self,
        account: &Account,
        password: &SecretString,
        by: Deadline,
    ) -> Outcome {
        self.conclude(by.bound(self.try_authenticate(account, password, by)).await)
    }

    async fn exists(&self, account: &Account, by: Deadline) -> Outcome {
        self.conclude(by.bound(self.try_exists(account, by)).await)
    }

    async fn set_password(
        &self,
        account: &Account,
        password: &SecretString,
        by: Deadline,
    ) -> Outcome {
        self.conclude(by.bound(self.try_set_password(account, password, by)).await)
    }
}

/// One search on a shared connection. A connection that was open before may have died without a
/// sign, so it gets half of the time that is left and no more.
async fn search(
    share: &Share,
    base: &str,
    depth: Depth,
    filter: &str,
    by: Deadline,
) -> Result<Found, Lost> {
    let left = by.remaining();
    let by = if share.reused { by.or_within(left / 2) } else { by };
    let started = Instant::now();
    let found = by
        .bound(
            share
                .connection
                .search(&Query { base, depth, filter, attributes: &[], at_most: 2 }, left),
        )
        .await
        .unwrap_or_else(|_| Err(Lost::silent()));
    let result = match &found {
        Ok(found) => format!("{} entries, result code {}", found.entries.len(), found.answer.code),
        Err(lost) => lost.to_string(),
    };
    step("search", &share.connection.server, started, &result);
    found
}

/// The only entry found, or why there is not exactly one.
fn exactly_one(found: Found, depth: Depth, share: &Share) -> Result<(String, Outcome), Outcome> {
    let server = &share.connection.server;
    let Found { mut entries, answer } = found;
    let missing = || Err(Outcome::from(Denial::UnknownUser).from_server(server));
    match (answer.code, entries.len(), depth) {
        // sizeLimitExceeded is how a server says that there are more than were asked for.
        (0 | 4, 2.., _) => Err(Outcome::from(Outage::Ambiguous)
            .from_server(server)
            .with_detail(&format!("matches {} and {}", entries[0].dn, entries[1].dn))),
        (0, 0, _) => missing(),
        // noSuchObject names the user's entry in a read, but the configured base in a search.
        (32, _, Depth::Base) => missing(),
        (0, _, _) => {
            Ok((entries.swap_remove(0).dn, Outcome::from(Verdict::Granted).from_server(server)))
        }
        (code, _, _) => Err(Outcome::from(diagnosis::of_search(code))
            .from_server(server)
            .with_detail(&answer.text)),
    }
}
