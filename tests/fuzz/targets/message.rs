//! Fuzzes [`xmpp_ldap_auth_fuzz::message`].

#![cfg_attr(fuzzing, no_main)]

xmpp_ldap_auth_fuzz::target!(message);
