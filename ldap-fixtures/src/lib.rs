//! Real servers, a fault proxy and an in-memory directory for the tests of `xmpp-ldap-auth`.
