//! Fuzzes [`xmpp_ldap_auth_fuzz::http`].

#![cfg_attr(fuzzing, no_main)]

xmpp_ldap_auth_fuzz::target!(http);
