//! Fuzzes [`xmpp_ldap_auth_fuzz::dn`].

#![cfg_attr(fuzzing, no_main)]

xmpp_ldap_auth_fuzz::target!(dn);
