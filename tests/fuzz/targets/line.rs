//! Fuzzes [`xmpp_ldap_auth_fuzz::line`].

#![cfg_attr(fuzzing, no_main)]

xmpp_ldap_auth_fuzz::target!(line);
