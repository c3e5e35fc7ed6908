//! Fuzzes [`xmpp_ldap_auth_fuzz::request`].

#![cfg_attr(fuzzing, no_main)]

xmpp_ldap_auth_fuzz::target!(request);
