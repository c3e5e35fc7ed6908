//! Fuzzes [`xmpp_ldap_auth_fuzz::diagnosis`].

#![cfg_attr(fuzzing, no_main)]

xmpp_ldap_auth_fuzz::target!(diagnosis);
