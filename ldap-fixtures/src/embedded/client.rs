//! One client: who it is, and the answer to each of its requests.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};

use ldap3_proto::proto::{
    LdapBindCred, LdapBindRequest, LdapBindResponse, LdapExtendedRequest, LdapExtendedResponse,
    LdapOp, LdapPasswordModifyRequest, LdapResult, LdapResultCode as Code, LdapSearchRequest,
    OID_PASSWORD_MODIFY, OID_WHOAMI,
};
use ldap3_proto::{LdapMsg, LdapSearchScope};

use super::Shared;
use super::name::Name;
use super::tree::{Entry, Tree};
use crate::slapd::WRITER_DN;

/// The name of a Notice of Disconnection (RFC 4511, section 4.4.1).
const DISCONNECTION: &str = "1.3.6.1.4.1.1466.20036";

/// A client's side of the directory.
#[derive(Debug)]
pub(super) struct Client {
    shared: Arc<Shared>,
    /// Anonymous until a bind succeeds, and again as soon as one fails.
    identity: Option<Identity>,
}

#[derive(Debug)]
struct Identity {
    name: Name,
    dn: String,
}

/// What follows a request.
#[derive(Debug)]
pub(super) enum Answer {
    /// Messages, none for a request that has no response.
    Messages(Vec<LdapMsg>),
    /// The end of the connection.
    Close,
}

/// Why a request was not carried out.
struct Refusal(Code, &'static str);

impl Client {
    /// An anonymous client.
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, identity: None }
    }

    /// Carries a request out.
    pub(super) fn answer(&mut self, request: LdapMsg) -> Answer {
        let operations = match request.op {
            LdapOp::BindRequest(bind) => {
                let res = result(self.bind(&bind));
                vec![LdapOp::BindResponse(LdapBindResponse { res, saslcreds: None })]
            }
            LdapOp::SearchRequest(search) => self.search(&search),
            LdapOp::ExtendedRequest(extended) => {
                vec![LdapOp::ExtendedResponse(self.extended(&extended))]
            }
            LdapOp::AbandonRequest(_) => Vec::new(),
            LdapOp::AddRequest(_) => vec![LdapOp::AddResponse(read_only())],
            LdapOp::CompareRequest(_) => vec![LdapOp::CompareResult(read_only())],
            LdapOp::DelRequest(_) => vec![LdapOp::DelResponse(read_only())],
            LdapOp::ModifyDNRequest(_) => vec![LdapOp::ModifyDNResponse(read_only())],
            LdapOp::ModifyRequest(_) => vec![LdapOp::ModifyResponse(read_only())],
            // Unbind; or a response, which is no client's to send.
            _ => return Answer::Close,
        };
        let message = |operation| LdapMsg::new(request.msgid, operation);
        Answer::Messages(operations.into_iter().map(message).collect())
    }

    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.shared.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bind(&mut self, request: &LdapBindRequest) -> Result<(), Refusal> {
        self.shared.binds.fetch_add(1, Ordering::SeqCst);
        self.identity = None;
        if request.version != 3 {
            return Err(Refusal(Code::ProtocolError, "the version is not 3"));
        }
        let LdapBindCred::Simple(password) = &request.cred else {
            return Err(Refusal(Code::AuthMethodNotSupported, "only simple bind is supported"));
        };
        let name = parse_name(&request.dn)?;
        match (name.is_root(), password.is_empty()) {
            (true, true) => return Ok(()),
            (false, true) => {
                return Err(Refusal(
                    Code::UnwillingToPerform,
                    "unauthenticated bind (DN with no password) disallowed",
                ));
            }
            (_, false) => {}
        }
        let tree = self.tree();
        let entry = tree.get(&name).filter(|entry| entry.has_password(password));
        let dn = entry.map(|entry| entry.dn().to_owned());
        drop(tree);
        let dn = dn.ok_or(Refusal(Code::InvalidCredentials, ""))?;
        self.identity = Some(Identity { name, dn });
        Ok(())
    }

    fn search(&self, request: &LdapSearchRequest) -> Vec<LdapOp> {
        let mut found = Vec::new();
        let result = result(self.find(request, &mut found));
        found.push(LdapOp::SearchResultDone(result));
        found
    }

    fn find(&self, request: &LdapSearchRequest, found: &mut Vec<LdapOp>) -> Result<(), Refusal> {
        let mut add = |entry: &Entry| {
            found.push(LdapOp::SearchResultEntry(entry.select(&request.attrs, request.typesonly)));
        };
        let tree = self.tree();
        let base = parse_name(&request.base)?;
        if base.is_root() && request.scope == LdapSearchScope::Base {
            let root = root_dse(&tree);
            if root.matches(&request.filter) {
                add(&root);
            }
            return Ok(());
        }
        if self.identity.is_none() {
            return Err(Refusal(Code::InsufficentAccessRights, "bind first"));
        }
        if tree.get(&base).is_none() {
            return Err(Refusal(Code::NoSuchObject, ""));
        }
        let limit = match usize::try_from(request.sizelimit) {
            Ok(limit @ 1..) => limit,
            _ => usize::MAX,
        };
        let mut entries = tree.search(&base, &request.scope, &request.filter);
        entries.by_ref().take(limit).for_each(&mut add);
        match entries.next() {
            Some(_) => Err(Refusal(Code::SizeLimitExceeded, "")),
            None => Ok(()),
        }
    }

    fn extended(&self, request: &LdapExtendedRequest) -> LdapExtendedResponse {
        let outcome = match request.name.as_str() {
            OID_WHOAMI => Ok(Some(self.who_am_i())),
            OID_PASSWORD_MODIFY => self.modify_password(request).map(|()| None),
            _ => Err(Refusal(Code::ProtocolError, "unsupported extended operation")),
        };
        let (res, value) = match outcome {
            Ok(value) => (result(Ok(())), value),
            Err(refusal) => (result(Err(refusal)), None),
        };
        LdapExtendedResponse { res, name: None, value: value.map(String::into_bytes) }
    }

    /// RFC 4532.
    fn who_am_i(&self) -> String {
        self.identity.as_ref().map(|identity| format!("dn:{}", identity.dn)).unwrap_or_default()
    }

    /// RFC 3062.
    fn modify_password(&self, request: &LdapExtendedRequest) -> Result<(), Refusal> {
        let request = LdapPasswordModifyRequest::try_from(request)
            .map_err(|_| Refusal(Code::ProtocolError, "not a password modify request"))?;
        let forbidden = Refusal(Code::InsufficentAccessRights, "");
        let Some(identity) = &self.identity else { return Err(forbidden) };
        let target = match &request.user_identity {
            Some(dn) => parse_name(dn.strip_prefix("dn:").unwrap_or(dn))?,
            None => identity.name.clone(),
        };
        if target != identity.name && Some(&identity.name) != Name::parse(WRITER_DN).as_ref() {
            return Err(forbidden);
        }
        let mut tree = self.tree();
        let entry = tree.get_mut(&target).ok_or(Refusal(Code::NoSuchObject, ""))?;
        if request.old_password.is_some_and(|old| !entry.has_password(&old)) {
            return Err(Refusal(Code::UnwillingToPerform, "the old password is wrong"));
        }
        match request.new_password {
            Some(new) if !new.is_empty() => entry.set_password(new),
            _ => return Err(Refusal(Code::UnwillingToPerform, "no new password")),
        }
        Ok(())
    }
}

/// The last message to a client that sent something that is not LDAP.
pub(super) fn notice_of_disconnection() -> LdapMsg {
    let res = result(Err(Refusal(Code::ProtocolError, "not an LDAP message")));
    let name = Some(DISCONNECTION.to_owned());
    LdapMsg::new(0, LdapOp::ExtendedResponse(LdapExtendedResponse { res, name, value: None }))
}

fn parse_name(dn: &str) -> Result<Name, Refusal> {
    Name::parse(dn).ok_or(Refusal(Code::InvalidDNSyntax, "invalid DN"))
}

fn root_dse(tree: &Tree) -> Entry {
    let fixed = [
        ("objectClass", "top"),
        ("supportedLDAPVersion", "3"),
        ("supportedExtension", OID_PASSWORD_MODIFY),
        ("supportedExtension", OID_WHOAMI),
    ];
    Entry::root_dse(fixed.into_iter().chain(tree.contexts().map(|dn| ("namingContexts", dn))))
}

fn read_only() -> LdapResult {
    result(Err(Refusal(Code::UnwillingToPerform, "only passwords can be changed")))
}

fn result(outcome: Result<(), Refusal>) -> LdapResult {
    let (code, message) = match outcome {
        Ok(()) => (Code::Success, ""),
        Err(Refusal(code, message)) => (code, message),
    };
    LdapResult { code, matcheddn: String::new(), message: message.to_owned(), referral: Vec::new() }
}
